/**
 * A cache of rewritten records by the hash of the sent series: senders repeat their series every few seconds, and rules
 * make the same of them. A table of fixed size in which new entries replace old ones.
 */
import {
  RECORD_FAULT,
  RECORD_FLAGS,
  RECORD_HASH_HIGH,
  RECORD_HASH_LOW,
  RECORD_LABELS,
  RECORD_LONGEST_NAME,
  RECORD_LONGEST_VALUE,
  RECORD_METRIC_HASH_HIGH,
  RECORD_METRIC_HASH_LOW,
  RECORD_PAIR_FLAGS,
} from './push.js';

/** 3 MiB. */
const PLACES = 65_536;

/** The words of a record that rewriting changes. */
const WORDS = [
  RECORD_HASH_LOW,
  RECORD_HASH_HIGH,
  RECORD_METRIC_HASH_LOW,
  RECORD_METRIC_HASH_HIGH,
  RECORD_LABELS,
  RECORD_LONGEST_NAME,
  RECORD_LONGEST_VALUE,
  RECORD_FLAGS,
  RECORD_FAULT,
];
/** The hash of the sent series, and the id of the rules. */
const KEY_WORDS = 3;
const ENTRY_WORDS = KEY_WORDS + WORDS.length;

export class RewrittenSeries {
  readonly #entries = new Uint32Array(PLACES * ENTRY_WORDS);

  get memoryBytes(): number {
    return this.#entries.byteLength;
  }

  /** Rewrites the record at `at` if the result is cached. `rules` is not 0. */
  recall(records: Uint32Array, at: number, rules: number): boolean {
    const low = records[at + RECORD_HASH_LOW] ?? 0;
    const entry = placeOf(low, rules);
    if (
      this.#entries[entry] !== low ||
      this.#entries[entry + 1] !== records[at + RECORD_HASH_HIGH] ||
      this.#entries[entry + 2] !== rules
    ) {
      return false;
    }
    const pair = (records[at + RECORD_FLAGS] ?? 0) & RECORD_PAIR_FLAGS;
    for (let i = 0; i < WORDS.length; i++) {
      records[at + (WORDS[i] ?? 0)] = this.#entries[entry + KEY_WORDS + i] ?? 0;
    }
    // Independent of the replica that sent the series before.
    records[at + RECORD_FLAGS] = ((records[at + RECORD_FLAGS] ?? 0) & ~RECORD_PAIR_FLAGS) | pair;
    return true;
  }

  /** The hash is that of the sent series; the record at `at` is the result. */
  remember(low: number, high: number, rules: number, records: Uint32Array, at: number): void {
    const entry = placeOf(low, rules);
    this.#entries[entry] = low;
    this.#entries[entry + 1] = high;
    this.#entries[entry + 2] = rules;
    for (let i = 0; i < WORDS.length; i++) {
      this.#entries[entry + KEY_WORDS + i] = records[at + (WORDS[i] ?? 0)] ?? 0;
    }
  }
}

function placeOf(low: number, rules: number): number {
  return ((low ^ Math.imul(rules, 0x9e3779b1)) >>> 16) * ENTRY_WORDS;
}
