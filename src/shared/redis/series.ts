/** What the scripts about series share: series.lua, which is prepended to each of them. */
import type { FleetState } from '../../series/series-protocol.js';
import {
  KNOWN,
  NEW,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  SKIPPED,
} from '../../series/series-rows.js';
import { phaseOf, seriesKey } from './keys.js';
import { readLua, type ScriptArguments } from './script.js';

const LETTERS: Readonly<Record<string, number>> = {
  k: KNOWN,
  n: NEW,
  t: REFUSED_TENANT,
  m: REFUSED_METRIC,
  s: SKIPPED,
  p: PENDING,
};

export function readSeriesLua(name: string): string {
  return readLua('series.lua', name);
}

/** Key, generation length and phase, which spreads the generation changes of tenants over time. */
export function commonArguments(prefix: string, tenant: string, generationMs: number): ScriptArguments {
  const phaseMs = Math.floor(phaseOf(tenant) * generationMs);
  return [seriesKey(prefix, tenant), String(generationMs), String(phaseMs)];
}

/** Rows in the form that Redis gets: one integer for each hash. */
export function integersOf(rows: Uint32Array): BigInt64Array {
  return new BigInt64Array(rows.buffer, rows.byteOffset, rows.length / 2);
}

export function hashesOf(integers: BigInt64Array, from: number, to: number): string[] {
  const hashes: string[] = [];
  for (let row = from; row < to; row++) hashes.push(String(integers[(row * ROW_WORDS) / 2]));
  return hashes;
}

/** The metrics' hashes, and for each series the index of its metric. */
export function metricsOf(integers: BigInt64Array, from: number, to: number): [string, string] {
  const metrics = new Map<bigint, number>();
  const indexes: number[] = [];
  for (let row = from; row < to; row++) {
    const metric = integers[(row * ROW_WORDS) / 2 + 1] ?? 0n;
    const index = metrics.get(metric) ?? metrics.size;
    if (index === metrics.size) metrics.set(metric, index);
    indexes.push(index);
  }
  return [[...metrics.keys()].join(' '), indexes.join(' ')];
}

export const NO_METRICS: readonly [string, string] = ['', ''];

/** The outcomes of one script, or of several in sequence. */
export function readOutcomes(letters: string): Uint8Array {
  const outcomes = new Uint8Array(letters.length);
  for (let row = 0; row < letters.length; row++) outcomes[row] = LETTERS[letters.charAt(row)] ?? SKIPPED;
  return outcomes;
}

export function readState(reply: readonly unknown[]): FleetState {
  const [, total, epoch, generation, leftMs] = reply;
  return {
    total: Number(total),
    epoch: String(epoch),
    generation: Number(generation),
    leftMs: Number(leftMs),
  };
}
