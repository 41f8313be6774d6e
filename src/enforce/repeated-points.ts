/** Points of an OTLP push that come twice: Mimir takes the first of equal ones at one time, and charges only that. */
import {
  type Push,
  RECORD_HASH_HIGH,
  RECORD_HASH_LOW,
  RECORD_HISTOGRAMS,
  RECORD_LEAST_TIMESTAMP,
  RECORD_SAMPLES,
  RECORD_WORDS,
} from '../payload/push.js';
import type { LeftOut } from './left-out.js';

/** How many are charged after all, because all that came before them are left out. */
export function chargedInstead(push: Push, leftOut: LeftOut): number {
  if (push.protocol !== 'otlp' || push.uncharged === 0) return 0;
  let instead = 0;
  /** By point: one of those so far stays. */
  const stays = new Map<string, boolean>();
  for (let row = 0; row < push.series; row++) {
    const point = keyOf(push, row * RECORD_WORDS);
    if (point === undefined) continue;
    const before = stays.get(point);
    if (before === true) continue;
    const isKept = !leftOut.has(row);
    if (before === false && isKept) instead++;
    stays.set(point, isKept);
  }
  return instead;
}

/** Undefined: it has none, or several, which only target_info has. */
function keyOf({ records }: Push, at: number): string | undefined {
  const samples = records[at + RECORD_SAMPLES] ?? 0;
  const histograms = records[at + RECORD_HISTOGRAMS] ?? 0;
  if (samples + histograms !== 1) return undefined;
  const words = [
    ...[RECORD_HASH_LOW, RECORD_HASH_HIGH, RECORD_LEAST_TIMESTAMP, RECORD_LEAST_TIMESTAMP + 1],
    RECORD_SAMPLES,
  ];
  return words.map((word) => records[at + word]).join();
}
