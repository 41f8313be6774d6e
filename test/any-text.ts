/**
 * Strings of all characters that there are, as fast-check's own `unit: 'binary'` makes them: that one writes down a million
 * characters first, up to a second of CPU in each process.
 */
import fc, { type Arbitrary, type StringConstraints } from 'fast-check';

/** Halves of a pair are no characters. */
const FIRST_HALF = 0xd800;
const HALVES = 0x800;

function characterOf(number: number): string {
  return String.fromCodePoint(number < FIRST_HALF ? number : number + HALVES);
}

/** Throws where fast-check asks of something that is none. */
function numberOf(character: unknown): number {
  const code = typeof character === 'string' ? character.codePointAt(0) : undefined;
  if (code === undefined || String.fromCodePoint(code) !== character) throw new Error('not a character');
  if (code < FIRST_HALF) return code;
  if (code < FIRST_HALF + HALVES) throw new Error('half a character');
  return code - HALVES;
}

const CHARACTER = fc.nat({ max: 0x10ffff - HALVES }).map(characterOf, numberOf);

export function anyText(constraints: Omit<StringConstraints, 'unit'> = {}): Arbitrary<string> {
  return fc.string({ ...constraints, unit: CHARACTER });
}
