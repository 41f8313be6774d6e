/**
 * What it costs to know every active series: a push of known ones beside its decoding, the table at a million and ten
 * million, the longest pause while it grows, and a million new series in a minute through a real Redis.
 *
 *   npm run bench:series -- [--seconds 60] [--only-redis] [--smoke]
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SeriesLimits } from '#src/enforce/series.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { type Push, RECORD_HASH_LOW, RECORD_WORDS } from '#src/payload/push.js';
import type { SeriesClient } from '#src/series/series-client.js';
import { NO_LIMIT, ROW_WORDS } from '#src/series/series-rows.js';
import { SeriesTable } from '#src/series/series-table.js';
import { SeriesTracker } from '#src/series/series-tracker.js';
import { samples } from '../test/enforce/fixtures.js';
import { clientOf, plainRedis } from '../test/shared/fixtures.js';
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { k8s2000, k8s2000v2 } from './bodies.js';
import { compare, printTable, smoke } from './rounds.js';

const PUSH = 2000;
const SIZES = smoke ? [20_000] : [1_000_000, 10_000_000];
const SECONDS = smoke ? 2 : numberArgument('--seconds', 60);
const NEW_SERIES = smoke ? 20_000 : 1_000_000;
/** As Kubernetes has them: a metric has some hundred series. */
const METRIC_SERIES = 300;

if (!process.argv.includes('--only-redis')) {
  await known();
  for (const size of SIZES) await filled(size);
}
if (redisMissing) console.log(`the part with Redis is skipped: ${redisMissing}`);
else for (const rows of [200, 500, 2000]) await minute(rows);

/** Decoding a push of known series, and looking them up. */
async function known(): Promise<void> {
  const decoder = new InlineDecoder(64 << 20);
  const repeats = smoke ? 3 : 60;
  const rows = [['2,000 known series', 'decoding', 'series on', 'of decoding']];
  for (const body of [k8s2000, k8s2000v2]) {
    const options = {
      protocol: `rw${body.version}`,
      maxUncompressedBytes: 64 << 20,
      maxSeries: 100_000,
      excludeLabel: '',
    } as const;
    const decode = (): Push => {
      const push = decoder.decode([body.snappy], body.snappy.length, options);
      if (push.kind !== 'push') throw new Error('not decoded');
      return push;
    };
    const tracker = openTracker();
    // Beside a million others, so that the table does not fit into a cache.
    fill(tracker.table, smoke ? 1000 : 1_000_000);
    const series = tracker.tenant('bench');
    series.check(decode(), undefined, limits(1e6), false, 0);
    const [without, together] = await compare([
      { name: 'off', run: () => times(repeats, () => void decode()) },
      {
        name: 'on',
        run: () => times(repeats, () => void series.check(decode(), undefined, limits(1e6), false, 0)),
      },
    ]);
    const [off, on] = [without!.nanosecondsPerUnit, together!.nanosecondsPerUnit];
    rows.push([
      `version ${body.version}`,
      `${(off / 1000).toFixed(0)} us`,
      `${((on - off) / 1000).toFixed(0)} us`,
      `${(((on - off) / off) * 100).toFixed(0)} %`,
    ]);
  }
  console.log('The cost of knowing the series of a push (medians of interleaved rounds)');
  printTable(rows);
}

/** One table of so many series: how it grows, what it takes, how fast it answers. */
async function filled(size: number): Promise<void> {
  const table = new SeriesTable(2, size);
  const growth = fill(table, size);
  const moment = { minute: 1, window: 0 };
  const rules = { idleMinutes: 20, mark: 0, maySee: true };
  const push = samples(PUSH);
  const lookups = smoke ? 10 : 500;
  let unknown = 0;
  const [result] = await compare([
    {
      name: 'lookup',
      run: () =>
        times(lookups, (round) => {
          scatter(push, size, round);
          unknown += table.lookup(push, 0, undefined, 0, moment, rules);
        }) * PUSH,
    },
  ]);
  const [preparing] = await compare([
    { name: 'prepare', run: () => times(lookups, (round) => scatter(push, size, round)) * PUSH },
  ]);
  if (unknown > 0) throw new Error(`${unknown} series are lost`);
  const nanoseconds = result!.nanosecondsPerUnit - preparing!.nanosecondsPerUnit;
  console.log(`\nA table of ${size.toLocaleString('en')} series`);
  printTable([
    ['bytes a series', `${(table.bytes / table.series).toFixed(1)}`],
    ['lookups on one core', `${(1000 / nanoseconds).toFixed(0)} M/s (${nanoseconds.toFixed(1)} ns)`],
    ['insertion', `${growth.nanoseconds.toFixed(0)} ns`],
    ['longest growth within 100 new series', `${growth.longestMs.toFixed(2)} ms`],
    ['sweep of a segment', `${sweepMicroseconds(table).toFixed(0)} us`],
  ]);
}

/** New series at one replica, so many a push, as fast as 60 s allow for a million, beside a real Redis. */
async function minute(rows: number): Promise<void> {
  const redis = await RedisServer.start();
  const client = clientOf({
    ...plainRedis([redis.url]),
    maxInFlight: 1024,
    // As it is by default: what comes later than this is decided without Redis, and counted as such below.
    commandTimeoutMs: 50,
    replicas: 1,
    onLoss: 'local-share',
    closeTimeoutMs: 1000,
    now: () => performance.now(),
    random: Math.random,
    log: { info: () => {}, warn: (details, message) => console.error(message, details) },
  });
  await client.start();
  const series = openTracker(client.series).tenant('bench');
  const bytes = async () => Number(/used_memory:(\d+)/.exec(await redis.admin.info('memory'))?.[1]);
  const before = await bytes();
  const cpuBefore = await redisCpuSeconds(redis);
  const pushes = NEW_SERIES / rows;
  const everyMs = (SECONDS * 1000) / pushes;
  const decisions: number[] = [];
  const later: Promise<number>[] = [];
  let admitted = 0;
  let offline = 0;
  const startMs = performance.now();
  const push = samples(rows);
  for (let n = 0; n < pushes; n++) {
    await delay(Math.max(0, startMs + n * everyMs - performance.now()));
    number(push, n * rows);
    const fromMs = performance.now();
    const answer = await series.check(push, undefined, limits(1e7), false, fromMs);
    decisions.push(performance.now() - fromMs);
    admitted += answer.newAdmitted;
    if (answer.newLater) later.push(answer.newLater);
    if (series.admittedOffline > 0) offline++;
  }
  for (const more of await Promise.all(later)) admitted += more;
  const used = (await bytes()) - before;
  const cpuSeconds = (await redisCpuSeconds(redis)) - cpuBefore;
  await client.close();
  await redis.stop();
  decisions.sort((a, b) => a - b);
  const at = (part: number) => `${(decisions[Math.floor(decisions.length * part)] ?? 0).toFixed(2)} ms`;
  console.log(`\n${admitted.toLocaleString('en')} new series in ${SECONDS} s, ${rows} a push, through Redis`);
  printTable([
    ['decision p50', at(0.5)],
    ['p99', at(0.99)],
    ['longest', at(1 - 1e-9)],
    ['decided without Redis', `${offline} of ${pushes} pushes`],
    ['Redis, bytes a series', (used / NEW_SERIES).toFixed(1)],
    ['Redis, CPU a series', `${((cpuSeconds * 1e6) / NEW_SERIES).toFixed(2)} us`],
  ]);
}

async function redisCpuSeconds(redis: RedisServer): Promise<number> {
  const info = await redis.admin.info('cpu');
  const [, system, user] = /used_cpu_sys:([\d.]+)\r\nused_cpu_user:([\d.]+)/.exec(info) ?? [];
  return Number(system) + Number(user);
}

function openTracker(client?: SeriesClient): SeriesTracker {
  return new SeriesTracker({
    idleTimeoutMs: 1_200_000,
    maxSeries: 20e6,
    maxTenants: 10,
    client,
    nameMetric: () => '',
    now: () => performance.now(),
  });
}

function limits(perUser: number): SeriesLimits {
  return {
    max_active_series_per_user: 0,
    max_global_series_per_user: perUser,
    max_global_series_per_metric: 0,
  };
}

/**
 * Of CPU time and the clock's whichever is less: one counts the process's other threads, the other everybody else on
 * the machine.
 */
function fill(table: SeriesTable, size: number): { nanoseconds: number; longestMs: number } {
  const tenant = table.addTenant() ?? 0;
  const batch = 100;
  const rows = new Uint32Array(batch * ROW_WORDS);
  const outcomes = new Uint8Array(batch);
  const limits = { mostOfTenant: NO_LIMIT, mostOfMetric: NO_LIMIT, mayFill: true };
  const moment = { minute: 0, window: 0 };
  let longest = 0;
  const start = process.cpuUsage();
  for (let from = 0; from < size; from += batch) {
    for (let i = 0; i < batch; i++) writeRow(rows, i * ROW_WORDS, from + i);
    const startMs = performance.now();
    const batchStart = process.cpuUsage();
    table.admit(rows, tenant, moment, 0, limits, outcomes);
    const { user, system } = process.cpuUsage(batchStart);
    longest = Math.max(longest, Math.min(user + system, (performance.now() - startMs) * 1000));
  }
  const { user, system } = process.cpuUsage(start);
  return { nanoseconds: ((user + system) * 1000) / size, longestMs: longest / 1000 };
}

function sweepMicroseconds(table: SeriesTable): number {
  const start = process.cpuUsage();
  table.sweep(table.segments, { minute: 1, window: 0 }, 20);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / table.segments;
}

/** Series from all over the table. */
function scatter(push: Push, size: number, round: number): void {
  for (let row = 0; row < PUSH; row++) {
    writeRow(push.records, row * RECORD_WORDS + RECORD_HASH_LOW, ((round * PUSH + row) * 7919) % size);
  }
}

function number(push: Push, from: number): void {
  for (let row = 0; row < push.series; row++) {
    writeRow(push.records, row * RECORD_WORDS + RECORD_HASH_LOW, from + row);
  }
}

/** Hash and metric hash of a numbered series. */
function writeRow(words: Uint32Array, at: number, series: number): void {
  const metric = Math.floor(series / METRIC_SERIES);
  words[at] = mixed(series, 0x9e3779b1);
  words[at + 1] = mixed(series, 0x85ebca6b);
  words[at + 2] = mixed(metric, 0xc2b2ae35);
  words[at + 3] = mixed(metric, 0x27d4eb2f);
}

function mixed(value: number, salt: number): number {
  let x = Math.imul(value + 1, salt);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

function times(n: number, run: (round: number) => void): number {
  for (let round = 0; round < n; round++) run(round);
  return n;
}

function numberArgument(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}
