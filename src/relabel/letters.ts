/**
 * Upper and lower case as in Go: one character for one. JavaScript's own follows language rules (`ß` becomes `SS`, and a
 * Greek sigma depends on its neighbours).
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
  // A lone surrogate stands for a byte that is not UTF-8: Go writes the replacement character.
  for (const character of text) result += isLoneSurrogate(character) ? '\ufffd' : one(character);
  return result;
}

function lowerOf(character: string): string {
  const lower = character.toLowerCase();
  // The only letter whose lower case has two characters in JavaScript.
  return character === '\u0130' ? 'i' : lower;
}

function upperOf(character: string): string {
  const upper = character.toUpperCase();
  if (upper.length === character.length) return upper;
  return WITH_IOTA.get(character) ?? character;
}

/**
 * Greek letters with an iota subscript: their upper case has two characters in JavaScript and one in Unicode's simple
 * mapping.
 */
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
