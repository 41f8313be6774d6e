/**
 * What advised limits refuse of what comes later, beside the usual ways to set them: 20 days of history at one second's
 * resolution, then ten more through the real token bucket. Percentiles are of the rate of each minute, with a burst of ten
 * seconds; in brackets what they lose with as much exposure (burst + 10 minutes of rate) as the advice has.
 *
 *   npm run bench:advice [-- --smoke]
 */
import { advise } from '#src/advice/advise.js';
import { exposureOf, type Pair } from '#src/advice/arrival.js';
import { DEFAULT_POLICY } from '#src/advice/policy.js';
import { TokenBucket } from '#src/buckets/token-bucket.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { historyOf } from '../test/advice/history-of.js';
import { printTable, smoke } from './rounds.js';
import { DAY, TENANT_KINDS, type TenantKind } from './tenant-kinds.js';

const LEARNED_DAYS = smoke ? 18 : 20;
const JUDGED_DAYS = smoke ? 1 : 10;
const KINDS = smoke ? TENANT_KINDS.filter((_, index) => index % 5 === 0) : TENANT_KINDS;
const USUAL_BURST_SECONDS = 10;
const PUSH_ITEMS = 500;
/** Of the best other one at the same exposure: at most this part is lost. */
const TARGET = 1 / 5;

interface Way {
  readonly name: string;
  readonly choose: (minutes: Float64Array) => Pair;
}

const WAYS: readonly Way[] = [
  { name: 'p95 + 20 %', choose: (minutes) => usual(percentile(minutes, 0.95) * 1.2) },
  {
    name: 'VPA: p90, halved each day, + 15 %',
    choose: (minutes) => usual(recentPercentile(minutes, 0.9) * 1.15),
  },
  { name: 'p99 + 20 %', choose: (minutes) => usual(percentile(minutes, 0.99) * 1.2) },
  { name: '2 × peak', choose: (minutes) => usual(2 * Math.max(...minutes)) },
];

function usual(rate: number): Pair {
  return { rate, burst: rate * USUAL_BURST_SECONDS };
}

const rows: string[][] = [['tenant', 'advised rate', 'burst', 'lost', ...WAYS.map(({ name }) => name)]];
let missed = 0;
for (const kind of KINDS) rows.push(judge(kind));
printTable(rows);
process.stdout.write(`One tenant's advice takes ${millisecondsOfOne().toFixed(2)} ms of CPU.\n`);
process.stdout.write(
  missed === 0
    ? 'At the same exposure the advice loses at most a fifth of what the best other way loses, for every kind.\n'
    : `TARGET MISSED for ${missed} kinds.\n`,
);
if (missed > 0) process.exitCode = 1;

function judge(kind: TenantKind): string[] {
  const seconds = kind.seconds(LEARNED_DAYS + JUDGED_DAYS);
  const learned = seconds.subarray(kind.from, LEARNED_DAYS * DAY);
  const later = seconds.subarray(LEARNED_DAYS * DAY);
  const ours = advised(learned);
  const lost = lostOf(later, ours);
  const minutes = minutesOf(learned);
  const others = WAYS.map(({ name, choose }) => {
    const pair = choose(minutes);
    const factor = exposureOf(ours) / exposureOf(pair);
    const same = { rate: pair.rate * factor, burst: pair.burst * factor };
    return { name, lost: lostOf(later, pair), lostAlike: lostOf(later, same), exposure: 1 / factor };
  });
  const best = Math.min(...others.map(({ lostAlike }) => lostAlike));
  if (lost > best * TARGET && lost > 0) missed++;
  return [
    kind.name,
    `${Math.round(ours.rate)}/s`,
    String(Math.round(ours.burst)),
    shown(lost),
    ...others.map(
      ({ lost, lostAlike, exposure }) => `${shown(lost)} at ${exposure.toFixed(1)} × (${shown(lostAlike)})`,
    ),
  ];
}

function advised(learned: Float64Array): Pair {
  const history = historyOf({ items: learned });
  const { limits } = advise(history, { limits: DEFAULT_LIMITS, distributors: 1 }, DEFAULT_POLICY);
  const value = (name: string): number => limits.find(({ limit }) => limit === name)?.recommended ?? 0;
  return { rate: value('ingestion_rate'), burst: value('ingestion_burst_size') };
}

function millisecondsOfOne(): number {
  const [kind] = TENANT_KINDS.slice(3);
  if (kind === undefined) return Number.NaN;
  const history = historyOf({ items: kind.seconds(LEARNED_DAYS) });
  const runs = smoke ? 20 : 500;
  const { user, system } = process.cpuUsage();
  for (let run = 0; run < runs; run++)
    advise(history, { limits: DEFAULT_LIMITS, distributors: 1 }, DEFAULT_POLICY);
  const used = process.cpuUsage();
  return (used.user + used.system - user - system) / 1000 / runs;
}

/** The part of all items, by pushes of 500 each, that the bucket refuses. */
function lostOf(seconds: Float64Array, { rate, burst }: Pair): number {
  const bucket = new TokenBucket({ rate, capacity: burst }, 0);
  let all = 0;
  let lost = 0;
  for (const [second, amount] of seconds.entries()) {
    all += amount;
    for (let left = amount; left > 0; left -= PUSH_ITEMS) {
      const push = Math.min(left, PUSH_ITEMS);
      if (!bucket.take(push, second * 1000)) lost += push;
    }
  }
  return all === 0 ? 0 : lost / all;
}

function minutesOf(seconds: Float64Array): Float64Array {
  const minutes = new Float64Array(seconds.length / 60);
  for (const [second, amount] of seconds.entries()) {
    const minute = Math.floor(second / 60);
    minutes[minute] = (minutes[minute] ?? 0) + amount / 60;
  }
  return minutes;
}

function percentile(values: Float64Array, part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
}

/** Each minute weighs half of what one a day later does. */
function recentPercentile(values: Float64Array, part: number): number {
  const weight = (index: number): number => 0.5 ** ((values.length - 1 - index) / 1440);
  const order = Array.from(values.keys()).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const all = order.reduce((sum, index) => sum + weight(index), 0);
  let below = 0;
  for (const index of order) {
    below += weight(index);
    if (below >= all * part) return values[index] ?? 0;
  }
  return 0;
}

function shown(part: number): string {
  if (part === 0) return '0';
  return part < 0.0001 ? '< 0.01 %' : `${(part * 100).toFixed(part < 0.01 ? 2 : 0)} %`;
}
