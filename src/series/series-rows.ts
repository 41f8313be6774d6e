/**
 * Rows are how series go into the table and to the store: for each two words of its hash and two of its metric's, as they
 * stand in a push's records. An outcome is a byte that says what became of a row.
 */
import { type Push, RECORD_HASH_LOW, RECORD_WORDS } from '../payload/push.js';

export const ROW_WORDS = 4;
/** Records or rows that go into the table at one time. */
export const CHUNK_ROWS = 8192;
/** As a limit: none. */
export const NO_LIMIT = 0xffffffff;

// Outcomes, as kernel/series.ts has them.
/** Nothing was done for it. */
export const SKIPPED = 0;
export const KNOWN = 1;
export const NEW = 2;
export const REFUSED_TENANT = 3;
export const REFUSED_METRIC = 4;
/** Let through without being remembered: the table is full. */
export const UNTRACKED = 5;
/** Not decided: the store can not say yet, because headroom is reserved that may come back, or it was not heard. */
export const PENDING = 6;

export function countRows(rows: Uint32Array): number {
  return rows.length / ROW_WORDS;
}

/** Rows from one to another, as many at one time as go into the table. */
export function* chunksOf(from: number, to: number): Generator<[number, number]> {
  for (let first = from; first < to; first += CHUNK_ROWS) yield [first, Math.min(to, first + CHUNK_ROWS)];
}

/** Where one outcome is. */
export function indexesOf(outcomes: Uint8Array, outcome: number): number[] {
  const indexes: number[] = [];
  for (let index = outcomes.indexOf(outcome); index >= 0; index = outcomes.indexOf(outcome, index + 1)) {
    indexes.push(index);
  }
  return indexes;
}

/** Rows of a push, copied: they stay when the push's views are gone. */
export class RowList {
  length = 0;
  /** Their numbers in the push. */
  #numbers = new Uint32Array(64);
  #rows = new Uint32Array(64 * ROW_WORDS);

  number(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  rows(from = 0, to = this.length): Uint32Array {
    return this.#rows.subarray(from * ROW_WORDS, to * ROW_WORDS);
  }

  /** Rows of a push by their numbers, which count from `from`. */
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

  /** Those of them, by their indexes here. */
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

/** The rows of one list, then those of another. */
export function joinRows(first: RowList | undefined, second: RowList): Uint32Array {
  if (first === undefined) return second.rows();
  const rows = new Uint32Array((first.length + second.length) * ROW_WORDS);
  rows.set(first.rows());
  rows.set(second.rows(), first.length * ROW_WORDS);
  return rows;
}
