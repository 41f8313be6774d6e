/**
 * Texts of labels that may contain bytes that are not UTF-8. Such a byte becomes a lone surrogate in the text, so that
 * copying preserves it. (Python calls this `surrogateescape`.)
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const FIRST_ESCAPE = 0xdc00;

export function textOf(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return textOfOddBytes(bytes);
  }
}

export function bytesOf(text: string): Uint8Array {
  return isWellFormed(text) ? encoder.encode(text) : bytesOfOddText(text);
}

/** The text is valid UTF-8 throughout. */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

/** Decodes runs of valid UTF-8, and each invalid byte as a surrogate. */
function textOfOddBytes(bytes: Uint8Array): string {
  let text = '';
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOfCharacter(bytes, at);
    if (length === 0) {
      text += strict.decode(bytes.subarray(from, at)) + String.fromCharCode(FIRST_ESCAPE + (bytes[at] ?? 0));
      from = at + 1;
    }
    at += length || 1;
  }
  return text + strict.decode(bytes.subarray(from));
}

function bytesOfOddText(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const part of text.split(/(\p{Cs})/u)) {
    parts.push(isWellFormed(part) ? encoder.encode(part) : Uint8Array.of(part.charCodeAt(0) - FIRST_ESCAPE));
  }
  return Buffer.concat(parts);
}

/** The length of the character at this position; 0 if it is invalid. */
function lengthOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return at + length <= bytes.length ? length : 0;
  } catch {
    return 0;
  }
}
