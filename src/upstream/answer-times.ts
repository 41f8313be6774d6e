/**
 * How soon Mimir answered the pushes of the last seconds, by sender, so that who looks at it can tell one slow sender from a slow
 * Mimir. To count an answer costs a lookup and an increment; memory is bounded.
 */
import { BOUNDS, bucketOf } from '../telemetry/latency-histogram.js';

/** Counts are told of for this time, and as long again. */
const PERIOD_MS = 5000;
/** More than these are one. */
const MOST_SENDERS = 50;
/** No id of a tenant has parentheses around it. */
export const OTHER_SENDERS = '(others)';
/** Those that have fewer in all of the time are told of as one. */
const ENOUGH = 5;

/** Plain values, that can be sent to another process. */
export interface SenderAnswers {
  readonly sender: string;
  /** How many were within each of BOUNDS and over the one before; the last are over all. */
  readonly counts: readonly number[];
}

export class AnswerTimes {
  #now = new Map<string, number[]>();
  #before = new Map<string, number[]>();
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  answered(sender: string, seconds: number): void {
    const counts = this.#now.get(sender) ?? this.#place(sender);
    const bucket = bucketOf(seconds);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }

  /** Of the last five to ten seconds, where this is asked for as often. */
  recent(nowMs: number): SenderAnswers[] {
    const told = mergedAnswers([rowsOf(this.#now), rowsOf(this.#before)]);
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs >= PERIOD_MS) {
      this.#before = passedMs < 2 * PERIOD_MS ? this.#now : new Map();
      this.#now = new Map();
      this.#sinceMs = nowMs;
    }
    return told;
  }

  #place(sender: string): number[] {
    const key = this.#now.size < MOST_SENDERS ? sender : OTHER_SENDERS;
    const known = this.#now.get(key);
    if (known !== undefined) return known;
    const counts = BOUNDS.map(() => 0).concat(0);
    this.#now.set(key, counts);
    return counts;
  }
}

/** Of several processes or times. Those that have sent little come together, last. */
export function mergedAnswers(each: readonly (readonly SenderAnswers[])[]): SenderAnswers[] {
  const all = new Map<string, readonly number[]>();
  for (const { sender, counts } of each.flat()) add(all, sender, counts);
  for (const [sender, counts] of all) {
    if (sender === OTHER_SENDERS || answersOf(counts) >= ENOUGH) continue;
    all.delete(sender);
    add(all, OTHER_SENDERS, counts);
  }
  return rowsOf(all);
}

export function answersOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function add(all: Map<string, readonly number[]>, sender: string, counts: readonly number[]): void {
  const before = all.get(sender);
  all.set(sender, before === undefined ? counts : counts.map((count, i) => count + (before[i] ?? 0)));
}

function rowsOf(all: ReadonlyMap<string, readonly number[]>): SenderAnswers[] {
  return [...all].map(([sender, counts]) => ({ sender, counts: [...counts] }));
}
