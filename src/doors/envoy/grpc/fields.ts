/**
 * Walks over the fields of a protobuf message without decoding it. Only length-delimited fields are passed on: texts,
 * bytes, messages. All others are skipped.
 */

/** Returning false ends the walk. `T`: the result under construction. */
type FieldVisitor<T> = (field: number, start: number, end: number, found: T) => boolean;

/** False: the bytes from `start` to `end` are not a message, or the visitor ended the walk. */
export function eachField<T>(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: FieldVisitor<T>,
  found: T,
): boolean {
  const cursor = { at: start };
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor, end);
    switch (tag % 8) {
      case 0:
        if (Number.isNaN(readVarint(bytes, cursor, end))) return false;
        break;
      case 1:
        cursor.at += 8;
        break;
      case 2: {
        const length = readVarint(bytes, cursor, end);
        const from = cursor.at;
        cursor.at += length;
        if (!(cursor.at <= end) || !visit(Math.floor(tag / 8), from, cursor.at, found)) return false;
        break;
      }
      case 5:
        cursor.at += 4;
        break;
      default:
        return false;
    }
  }
  return cursor.at === end;
}

/** NaN if it is incomplete or too long; all further checks then fail. */
function readVarint(bytes: Uint8Array, cursor: { at: number }, end: number): number {
  let value = 0;
  for (let factor = 1; factor < 2 ** 70; factor *= 128) {
    if (cursor.at >= end) break;
    const byte = bytes[cursor.at++] ?? 0;
    value += (byte % 128) * factor;
    if (byte < 128) return value;
  }
  return Number.NaN;
}
