/**
 * Lines without some of the series that they make: a field is taken out of its line, and the line with its last number or
 * boolean. Whatever else there is stays as it came.
 */
import { hasRow, type Rows } from '../rows.js';
import { type Point, type Precision, readPoints } from './points.js';
import { latin1 } from './remote-write.js';

/** `lines` were found sound; rows are counted as they were then. */
export function withoutRows(lines: Uint8Array, precision: Precision, leftOut: Rows): Buffer {
  const text = latin1(lines);
  let kept = '';
  let from = 0;
  let row = 0;
  readPoints(text, precision, 0, (point) => {
    const gone = new Set<string>();
    let series = 0;
    for (const { key, value, superseded } of point.fields) {
      if (superseded || value === undefined) continue;
      series++;
      if (hasRow(leftOut, row++)) gone.add(key);
    }
    if (gone.size === 0) return true;
    kept += text.slice(from, point.start);
    if (gone.size < series) kept += lineWithout(text, point, gone);
    from = point.end;
    return true;
  });
  return Buffer.from(kept + text.slice(from), 'latin1');
}

/** All fields of a key go: an earlier one would count in place of the last. */
function lineWithout(
  text: string,
  { start, end, fieldsStart, fieldsEnd, fields }: Point,
  gone: Set<string>,
): string {
  const kept = fields.filter(({ key }) => !gone.has(key)).map((field) => text.slice(field.start, field.end));
  // Blanks in front of the first field are skipped: a key that begins with one stays behind another field.
  if (kept[0] !== undefined && beginsWithBlank(kept[0])) kept.unshift(NO_SERIES);
  return `${text.slice(start, fieldsStart)}${kept.join(',')}${text.slice(fieldsEnd, end)}`;
}

/** A text, of which Mimir makes nothing; a later field of the same key counts in its place. */
const NO_SERIES = '_=""';

function beginsWithBlank(field: string): boolean {
  return field.startsWith('\t') || field.startsWith('\0');
}
