/**
 * Rows in the form in which series go to the table and to the store: two words of the series' hash and two of its metric's,
 * as in a push's records. An outcome is a byte that says what became of a row.
 */
import { type Push, RECORD_HASH_LOW, RECORD_WORDS } from '../payload/push.js';

export const ROW_WORDS = 4;
/** Records or rows that go into the table at a time. */
export const CHUNK_ROWS = 8192;
/** As a limit: no limit. */
export const NO_LIMIT = 0xffffffff;

// Outcomes, as kernel/series.ts has them.
/** Nothing was done with it. */
export const SKIPPED = 0;
export const KNOWN = 1;
export const NEW = 2;
export const REFUSED_TENANT = 3;
export const REFUSED_METRIC = 4;
/** Passed without being tracked: the table is full. */
export const UNTRACKED = 5;
/** Not decided: the store did not answer, or waits for reserved headroom that may come back. */
export const PENDING = 6;

export function countRows(rows: Uint32Array): number {
  return rows.length / ROW_WORDS;
}

/** Ranges of rows that fit into the table's input. */
export function* chunksOf(from: number, to: number): Generator<[number, number]> {
  for (let first = from; first < to; first += CHUNK_ROWS) yield [first, Math.min(to, first + CHUNK_ROWS)];
}

/** The indexes of all rows with this outcome. */
export function indexesOf(outcomes: Uint8Array, outcome: number): number[] {
  const indexes: number[] = [];
  for (let index = outcomes.indexOf(outcome); index >= 0; index = outcomes.indexOf(outcome, index + 1)) {
    indexes.push(index);
  }
  return indexes;
}

/** Rows copied from a push, which outlive its views. */
export class RowList {
  length = 0;
  /** Their row numbers in the push. */
  #numbers = new Uint32Array(64);
  #rows = new Uint32Array(64 * ROW_WORDS);

  number(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  rows(from = 0, to = this.length): Uint32Array {
    return this.#rows.subarray(from * ROW_WORDS, to * ROW_WORDS);
  }

  /** Appends rows of a push by their numbers, which are relative to `from`. */
  append(push: Push, from: number, numbers: Uint32Array): void {
    this.#reserve(this.length + numbers.length);
    const { records } = push;
    for (const number of numbers) {
      this.#numbers[this.length] = from + number;
      const at = (from + number) * RECORD_WORDS + RECORD_HASH_LOW;
      const to = this.length++ * ROW_WORDS;
      for (let word = 0; word < ROW_WORDS; word++) this.#rows[to + word] = records[at + word] ?? 0;
    }
  }

  /** A subset by indexes into this list. */
  pick(indexes: readonly number[]): RowList {
    const picked = new RowList();
    picked.#reserve(indexes.length);
    for (const index of indexes) {
      picked.#numbers[picked.length] = this.number(index);
      picked.#rows.set(this.rows(index, index + 1), picked.length++ * ROW_WORDS);
    }
    return picked;
  }

  #reserve(length: number): void {
    if (length <= this.#numbers.length) return;
    const capacity = Math.max(length, 2 * this.#numbers.length);
    const [numbers, rows] = [this.#numbers, this.#rows];
    this.#numbers = new Uint32Array(capacity);
    this.#numbers.set(numbers);
    this.#rows = new Uint32Array(capacity * ROW_WORDS);
    this.#rows.set(rows);
  }
}

/** The rows of two lists, one after the other. */
export function joinRows(first: RowList | undefined, second: RowList): Uint32Array {
  if (first === undefined) return second.rows();
  const rows = new Uint32Array((first.length + second.length) * ROW_WORDS);
  rows.set(first.rows());
  rows.set(second.rows(), first.length * ROW_WORDS);
  return rows;
}
