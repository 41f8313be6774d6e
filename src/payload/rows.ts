/** A set of rows of one push, one bit each: plain data, which can be sent to a thread. */
export type Rows = Uint32Array;

export function noRows(series: number): Rows {
  return new Uint32Array((series + 31) >>> 5);
}

export function addRow(rows: Rows, row: number): void {
  rows[row >>> 5] = (rows[row >>> 5] ?? 0) | (1 << (row & 31));
}

export function hasRow(rows: Rows, row: number): boolean {
  return ((rows[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0;
}
