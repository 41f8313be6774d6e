/**
 * Writes lines without some of the series that they make: a field is removed from its line, and the line with its last
 * number or boolean. Everything else stays as it came.
 */
import { hasRow, type Rows } from '../rows.js';
import { type Field, type Point, type Precision, readPoints } from './points.js';
import { latin1 } from './remote-write.js';

/** `lines` were valid before, and rows are counted as they were then. */
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
    if (gone.size < series) kept += lineWithout(text, point, gone, precision);
    from = point.end;
    return true;
  });
  return Buffer.from(kept + text.slice(from), 'latin1');
}

/** Removes all fields of a key: otherwise an earlier one would count in place of the last. */
function lineWithout(text: string, point: Point, gone: Set<string>, precision: Precision): string {
  const kept = point.fields.filter(({ key }) => !gone.has(key));
  const line = lineOf(text, point, kept);
  const wanted = kept.filter(({ superseded, value }) => !superseded && value !== undefined);
  // A text with odd quotes may depend on what followed it; then texts, which Mimir ignores, are removed as well.
  return makes(line, wanted, precision) ? line : lineOf(text, point, wanted);
}

/** The line is valid, and makes series of exactly these fields. */
function makes(line: string, wanted: readonly Field[], precision: Precision): boolean {
  const found: Field[] = [];
  const fault = readPoints(line, precision, 0, ({ fields }) => {
    found.push(...fields.filter(({ superseded, value }) => !superseded && value !== undefined));
    return true;
  });
  if (fault !== undefined || found.length !== wanted.length) return false;
  return found.every(({ key, value }, index) => key === wanted[index]?.key && value === wanted[index].value);
}

function lineOf(
  text: string,
  { start, end, fieldsStart, fieldsEnd }: Point,
  fields: readonly Field[],
): string {
  const kept = fields.map((field) => text.slice(field.start, field.end));
  // Blanks before the first field are skipped, so a key that begins with one has to come after another field.
  if (kept[0] !== undefined && beginsWithBlank(kept[0])) kept.unshift(NO_SERIES);
  return `${text.slice(start, fieldsStart)}${kept.join(',')}${text.slice(fieldsEnd, end)}`;
}

/** A text, which Mimir ignores; a later field of the same key replaces it. */
const NO_SERIES = '_=""';

function beginsWithBlank(field: string): boolean {
  return field.startsWith('\t') || field.startsWith('\0');
}
