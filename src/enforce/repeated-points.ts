/** Repeated points in an OTLP push: of equal points at one time Mimir takes, and charges, the first. */
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

/** How many points are charged after all, because all equal ones before them were left out. */
export function chargedInstead(push: Push, leftOut: LeftOut): number {
  if (push.protocol !== 'otlp' || push.uncharged === 0) return 0;
  let instead = 0;
  /** By point: whether one of those so far stays. */
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

/** Undefined: there is none, or (only in target_info) there are several. */
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
