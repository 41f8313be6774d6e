/**
 * Upper and lower case as Go has it: one character for one. JavaScript's own follows the language (`ß` becomes `SS`, a
 * Greek sigma looks at what is around it).
 */

const ASCII = /^[\0-\x7f]*$/;

export function lowerCase(text: string): string {
  return ASCII.test(text) ? text.toLowerCase() : mapped(text, lowerOf);
}

export function upperCase(text: string): string {
  return ASCII.test(text) ? text.toUpperCase() : mapped(text, upperOf);
}

function mapped(text: string, one: (character: string) => string): string {
  let result = '';
  // A surrogate alone stands for a byte that is no UTF-8: Go writes the replacement character in its place.
  for (const character of text) result += isLoneSurrogate(character) ? '\ufffd' : one(character);
  return result;
}

function lowerOf(character: string): string {
  const lower = character.toLowerCase();
  // The one letter whose lower case has two characters in JavaScript.
  return character === '\u0130' ? 'i' : lower;
}

function upperOf(character: string): string {
  const upper = character.toUpperCase();
  if (upper.length === character.length) return upper;
  return WITH_IOTA.get(character) ?? character;
}

/** Greek letters with an iota below, whose upper case has two characters in JavaScript and one in Unicode's simple mapping. */
const WITH_IOTA: ReadonlyMap<string, string> = new Map(
  [
    ...[0x1f80, 0x1f90, 0x1fa0].flatMap((first) =>
      Array.from({ length: 8 }, (_, i): [number, number] => [first + i, first + i + 8]),
    ),
    [0x1fb3, 0x1fbc],
    [0x1fc3, 0x1fcc],
    [0x1ff3, 0x1ffc],
  ].map(([lower = 0, upper = 0]) => [String.fromCodePoint(lower), String.fromCodePoint(upper)]),
);

function isLoneSurrogate(character: string): boolean {
  return character.length === 1 && character >= '\ud800' && character <= '\udfff';
}
