/** A call about series as the script takes it, and what the script answers. */
import type { SeriesCall, SeriesReply } from '../../series/series-store.js';
import {
  KNOWN,
  NEW,
  NO_LIMIT,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  SKIPPED,
  UNSETTLED,
} from '../../series/series-table.js';
import { phaseOf, seriesKey } from './keys.js';

/** A script holds up all others: for so many series it takes about two milliseconds. */
const SERIES_A_SCRIPT = 512;

const LETTERS: Readonly<Record<string, number>> = {
  k: KNOWN,
  n: NEW,
  t: REFUSED_TENANT,
  m: REFUSED_METRIC,
  s: SKIPPED,
  u: UNSETTLED,
};

/**
 * Several scripts, to be sent at one time and in this order. All or nothing takes one, however large; so does what is
 * about no series but about room for them.
 */
export function seriesArguments(prefix: string, tenant: string, call: SeriesCall): [string, ...string[]][] {
  const key = seriesKey(prefix, tenant);
  const phaseMs = Math.floor(phaseOf(tenant) * call.generationMs);
  const { words } = call;
  const integers = new BigInt64Array(words.buffer, words.byteOffset, words.length / 2);
  const rows = words.length / ROW_WORDS;
  const step = call.whole ? Math.max(1, rows) : SERIES_A_SCRIPT;
  const scripts: [string, ...string[]][] = [];
  for (let from = 0; from === 0 || from < rows; from += step) {
    const to = Math.min(rows, from + step);
    const hashes: string[] = [];
    for (let row = from; row < to; row++) hashes.push(String(integers[2 * row]));
    scripts.push([
      key,
      String(call.generationMs),
      String(phaseMs),
      limitText(call.mostOfTenant),
      limitText(call.mostOfMetric),
      String(Math.max(0, Math.min(to, call.announced) - from)),
      call.whole ? '1' : '0',
      call.patient ? '1' : '0',
      String(call.reserve),
      call.slot,
      ...(call.mostOfMetric === NO_LIMIT ? ['', ''] : metricArguments(integers, from, to)),
      ...hashes,
    ]);
  }
  return scripts;
}

/** The metrics' hashes, and for each series which of them it has. */
function metricArguments(integers: BigInt64Array, from: number, to: number): [string, string] {
  const metrics = new Map<bigint, number>();
  const indexes: number[] = [];
  for (let row = from; row < to; row++) {
    const metric = integers[2 * row + 1] ?? 0n;
    const index = metrics.get(metric) ?? metrics.size;
    if (index === metrics.size) metrics.set(metric, index);
    indexes.push(index);
  }
  return [[...metrics.keys()].join(' '), indexes.join(' ')];
}

function limitText(limit: number): string {
  return limit === NO_LIMIT ? '-1' : String(limit);
}

export function readSeriesReplies(replies: readonly (readonly unknown[])[]): SeriesReply {
  const letters = replies.map(([became]) => String(became)).join('');
  const became = new Uint8Array(letters.length);
  for (let row = 0; row < letters.length; row++) became[row] = LETTERS[letters.charAt(row)] ?? SKIPPED;
  // Each knows more than the one before; what was refused first was refused by the first that refused anything.
  const last = replies.at(-1) ?? [];
  const refusing = replies.find((reply) => Number(reply[2]) > 0) ?? last;
  return {
    became,
    total: Number(last[1]),
    observed: Number(refusing[2]),
    epoch: String(last[3]),
    generation: Number(last[4]),
    leftMs: Number(last[5]),
    slot: String(last[6]),
  };
}
