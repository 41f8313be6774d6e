/** RFC 4180, safe to open in a spreadsheet: what would be taken for a formula begins with an apostrophe. */

type Cell = string | number | boolean | null | undefined;

export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: Cell): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = value ?? '';
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** An answer for a spreadsheet. */
export class CsvFile {
  readonly name: string;
  readonly text: string;

  constructor(name: string, rows: readonly (readonly Cell[])[]) {
    this.name = name;
    this.text = csv(rows);
  }
}
