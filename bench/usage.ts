/**
 * What knowing the tenants' usage costs: a second's reading of ten thousand tallies, frames, and the fleet's book over
 * forty replicas.
 *
 *   npm run bench:usage [-- --smoke] [-- --asking]     only what it costs that replicas ask each other
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Tally } from '#src/enforce/tally.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { RedisFleet } from '#src/shared/redis/redis-fleet.js';
import { RedisUsage } from '#src/shared/redis/redis-usage.js';
import { Replicas } from '#src/shared/replicas.js';
import { Bookkeeper } from '#src/usage/bookkeeper.js';
import { addDiscards, emptyEntry, type FrameEntry, STEP_MS } from '#src/usage/frame.js';
import { packFrame, unpackFrame } from '#src/usage/frame-codec.js';
import { NO_NAMES } from '#src/usage/places.js';
import { packRecords } from '#src/usage/record-codec.js';
import { ReplicaUsage } from '#src/usage/replica-usage.js';
import { type ReadTenant, TallyReader, type TallySource } from '#src/usage/tally-reader.js';
import { CURVE_WINDOWS, type UsageRecord } from '#src/usage/usage-record.js';
import { plainRedis } from '../test/shared/fixtures.js';
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { median, printTable, smoke } from './rounds.js';

const TENANTS = smoke ? 200 : 10_000;
const ROUNDS = smoke ? 3 : 20;

const rows: [string, string][] = [];
const onlyAsking = process.argv.includes('--asking');
if (!onlyAsking) await reading();
if (!onlyAsking) await ownBook();
if (redisMissing === false) {
  const redis = await RedisServer.start();
  if (!onlyAsking) await fleet(redis);
  if (!onlyAsking) await memory(redis);
  await asking(redis);
  await redis.stop();
}
printTable(rows);

async function reading(): Promise<void> {
  const tenants = manyTenants();
  const unattributed: ReadTenant = {
    id: '(none)',
    limits: DEFAULT_LIMITS,
    tally: new Tally(),
    series: undefined,
  };
  const departed = new Tally();
  const source: TallySource = {
    tenants: () => tenants,
    unattributed: () => unattributed,
    departed: () => departed,
  };
  for (const [name, every] of [
    ['none sends', 0],
    ['one in ten sends', 10],
    ['all send', 1],
  ] as const) {
    const reader = new TallyReader(source);
    const seconds: number[] = [];
    const frames: number[] = [];
    let bytes = 0;
    let packMs = 0;
    let unpackMs = 0;
    for (let second = 0; second < ROUNDS * 10; second++) {
      if (every > 0) {
        for (let i = second % every; i < tenants.length; i += every) {
          const tally = (tenants[i] as ReadTenant).tally;
          tally.requests += 2;
          tally.samples += 1000;
          tally.bodyBytes += 20_000;
          tally.accepted += 2;
          tally.series += 1000;
          tally.uncompressedBytes += 90_000;
        }
      }
      let startMs = performance.now();
      reader.read(second);
      seconds.push(performance.now() - startMs);
      if (second % 10 !== 9) continue;
      startMs = performance.now();
      const entries = reader.entriesNow();
      frames.push(performance.now() - startMs);
      startMs = performance.now();
      const packed = await packFrame({
        plane: 'bench',
        seq: second,
        step: second,
        info: { name: 'bench', machine: 'bench', version: '0', startedMs: 0 },
        entries,
      });
      packMs = performance.now() - startMs;
      bytes = packed.length;
      startMs = performance.now();
      await unpackFrame(packed);
      unpackMs = performance.now() - startMs;
    }
    rows.push([`a second's reading, ${TENANTS} tenants, ${name}`, `${median(seconds).toFixed(2)} ms`]);
    rows.push([`a frame of them, gathered`, `${median(frames).toFixed(2)} ms`]);
    rows.push([`packed and unpacked`, `${packMs.toFixed(1)} and ${unpackMs.toFixed(1)} ms, ${bytes} bytes`]);
  }
}

/** What a replica keeps of its own beside the fleet's book: ten thousand tenants that all send, for a day. */
async function ownBook(): Promise<void> {
  const hours = smoke ? 2 : 24;
  const steps = smoke ? 2 : 6;
  let nowMs = 400_000 * 3_600_000;
  const before = keptBytes();
  const own = new ReplicaUsage({
    tenantsMax: TENANTS,
    maxBytes: 64 << 20,
    names: () => NO_NAMES,
    now: () => nowMs,
    failed(error) {
      throw error;
    },
  });
  const cpuMs: number[] = [];
  const turns: number[] = [];
  for (let seq = 1; seq <= hours * steps; seq++) {
    if (seq % steps === 1) nowMs = Math.ceil(nowMs / 3_600_000) * 3_600_000;
    const entries = Array.from({ length: TENANTS }, (_, i) => entryOf(i, seq));
    const info = { name: 'bench', machine: 'bench', version: '0', startedMs: 0 };
    const packed = await packFrame({ plane: 'bench', seq, step: Math.floor(nowMs / STEP_MS), info, entries });
    nowMs += STEP_MS;
    if (seq % steps === 0) nowMs += 3000;
    const longest = monitorEventLoopDelay({ resolution: 1 });
    longest.enable();
    const cpu = process.cpuUsage();
    own.heard(packed);
    await own.close();
    const { user, system } = process.cpuUsage(cpu);
    cpuMs.push((user + system) / 1000);
    longest.disable();
    turns.push(longest.max / 1e6);
    if (seq === steps)
      rows.push([`a replica's own book of ${TENANTS} tenants, new`, `${mb(keptBytes() - before)} MB`]);
  }
  const { bytes, withoutRoom } = own.status();
  rows.push([
    `after ${hours} hours`,
    `${mb(keptBytes() - before)} MB, ${mb(bytes)} of them hours that are over, ${withoutRoom} without room`,
  ]);
  rows.push(['a frame of them, into it', `${median(cpuMs).toFixed(1)} ms of CPU`]);
  rows.push(['the longest that others wait meanwhile', `${median(turns).toFixed(1)} ms`]);
}

/** What can not be collected. */
function keptBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function manyTenants(): ReadTenant[] {
  return Array.from({ length: TENANTS }, (_, i) => ({
    id: `tenant-${String(i).padStart(5, '0')}`,
    limits: DEFAULT_LIMITS,
    tally: new Tally(),
    series: undefined,
  }));
}

/**
 * Forty replicas, each with a frame of a thousand tenants every ten seconds, a bookkeeper, and all of them reading what it
 * closed; on a clock that does not wait. What Redis and the bookkeeper use of a core is their CPU by that clock.
 */
async function fleet(redis: RedisServer): Promise<void> {
  const replicas = smoke ? 3 : 40;
  const steps = smoke ? 3 : 30;
  const tenants = smoke ? 50 : 1000;
  let nowMs = 400_000 * 3_600_000;
  const now = () => nowMs;
  const store = new RedisUsage({ ...plainRedis([redis.url]), keyPrefix: 'fleet:' });
  await store.connect(5000);
  const log = { info() {}, warn() {} };
  const keeper = new Bookkeeper({ store, id: 'one', tenantsMax: 20_000, maxBytes: 1 << 30, now, log });
  const packed: Buffer[][] = [];
  for (let step = 0; step < steps; step++) {
    const each: Buffer[] = [];
    for (let replica = 0; replica < replicas; replica++) {
      const entries = Array.from({ length: tenants }, (_, i) => entryOf(i, replica + step));
      const info = {
        name: `pod-${replica}:1`,
        machine: `machine-${replica}`,
        version: '0.1.0',
        startedMs: 0,
      };
      const number = Math.floor(nowMs / STEP_MS) + step;
      each.push(await packFrame({ plane: `plane-${replica}`, seq: step + 1, step: number, info, entries }));
    }
    packed.push(each);
  }
  const before = await cpuOf(redis);
  let keeperUs = 0;
  for (const each of packed) {
    for (const frame of each) await store.send(frame);
    for (let second = 0; second < 10; second++) {
      nowMs += 1000;
      const cpu = process.cpuUsage();
      await keeper.tick();
      const used = process.cpuUsage(cpu);
      keeperUs += used.user + used.system;
      if (second % 2 === 1) {
        const reading = Array.from({ length: replicas }, () => store.state());
        await Promise.all(reading);
      }
    }
    // Each replica takes in what was closed.
    const closed = keeper.state?.step ?? 0;
    await Promise.all(Array.from({ length: replicas }, () => store.steps('sums', [closed])));
  }
  const after = await cpuOf(redis);
  const seconds = steps * 10;
  rows.push([
    `Redis, ${replicas} replicas with ${tenants} tenants each`,
    `${((100 * (after - before)) / seconds).toFixed(2)} % of a core`,
  ]);
  rows.push(['the bookkeeper there', `${(keeperUs / 1e4 / seconds).toFixed(2)} % of a core`]);
  rows.push([
    'a frame of it on the wire',
    `${Math.round(median(packed.flat().map((one) => one.length)))} bytes`,
  ]);
  store.close();
}

/** All that is kept of ten thousand tenants: 48 hours and 35 days each, and the sums of each ten seconds of an hour. */
async function memory(redis: RedisServer): Promise<void> {
  const tenants = smoke ? 100 : 10_000;
  const stepsMeasured = smoke ? 2 : 36;
  const store = new RedisUsage({ ...plainRedis([redis.url]), keyPrefix: 'memory:' });
  await store.connect(5000);
  const fence = (await store.elect('bench', 3_600_000)) ?? 0;
  const empty = { state: '{}', pages: [], gonePages: [], steps: [], records: [], appliedId: '0-0' };
  const before = await usedMemory(redis);
  for (let first = 0; first < tenants; first += 50) {
    const records = Array.from({ length: Math.min(50, tenants - first) }, (_, i) => {
      const tenant = nameOf(first + i);
      return [
        { kind: 'hours' as const, tenant, bytes: packRecords(recordsOf(first + i, 48, 3600)) },
        { kind: 'days' as const, tenant, bytes: packRecords(recordsOf(first + i, 35, 86_400)) },
      ];
    }).flat();
    await store.commit('bench', fence, { ...empty, records });
  }
  const withRecords = await usedMemory(redis);
  rows.push([`hours and days of ${tenants} tenants in Redis`, `${mb(withRecords - before)} MB`]);
  for (let step = 0; step < stepsMeasured; step++) {
    const entries = Array.from({ length: tenants }, (_, i) => ({
      ...entryOf(i, step),
      seconds: undefined,
      peaks: [],
    }));
    const info = { name: 'fleet', machine: 'fleet', version: '', startedMs: 0 };
    const bytes = await packFrame({ plane: 'fleet', seq: step, step, info, entries });
    await store.commit('bench', fence, { ...empty, steps: [{ step, kind: 'sums', bytes }] });
  }
  const withSteps = await usedMemory(redis);
  rows.push([
    `an hour of ten seconds of them, from ${stepsMeasured} of 360`,
    `${mb(((withSteps - withRecords) / stepsMeasured) * 360)} MB`,
  ]);
  store.close();
}

/** Forty replicas that could be asked, and one console that asks them for its first screen, every two seconds. */
async function asking(redis: RedisServer): Promise<void> {
  const seconds = smoke ? 2 : 20;
  const denial = { at: new Date().toISOString(), tenant: 'team-a', message: 'x'.repeat(300), requestId: 'r' };
  const denials = Array.from({ length: 50 }, (_, i) => ({ ...denial, count: i }));
  const replicas = Array.from({ length: 40 }, (_, i) => {
    const self = { id: `machine-${i}`, name: `pod-${i}:1` };
    const store = new RedisFleet({ ...plainRedis([redis.url]), keyPrefix: 'asking:' });
    const one = new Replicas({ store, self, start: self.name, now: Date.now });
    one.answerWith(async () => ({ status: 200, body: { denials }, isCut: false }));
    return one;
  });
  await Promise.all(replicas.map((one) => one.start(5000)));
  // Until each knows of all others.
  await delay(3000);
  const [asker] = replicas as [Replicas];
  const told: number[] = [];
  const took: number[] = [];
  for (const [name, asks] of [
    ['nobody looks', 0],
    ['one console looks: three reads every 2 s', 3],
  ] as const) {
    const [redisBefore, ownBefore] = [await cpuOf(redis), process.cpuUsage()];
    const before = await trafficOf(redis);
    for (let second = 0; second < seconds; second += 2) {
      const start = performance.now();
      const heard = await Promise.all(
        Array.from({ length: asks }, (_, i) =>
          asker.ask(`/denials?replica=this&limit=50&round=${second}.${i}`),
        ),
      );
      if (asks > 0) took.push(performance.now() - start);
      told.push(...heard.map((one) => one.told.length));
      await delay(Math.max(0, 2000 - (performance.now() - start)));
    }
    const own = process.cpuUsage(ownBefore);
    rows.push([
      `Redis, 40 replicas that can be asked, ${name}`,
      `${((100 * ((await cpuOf(redis)) - redisBefore)) / seconds).toFixed(2)} % of a core`,
    ]);
    const after = await trafficOf(redis);
    const [commands, calls, received, sent] = after.map((count, i) => (count - (before[i] ?? 0)) / seconds);
    rows.push([
      `commands to it, and with those in scripts; bytes to it and from it, ${name}`,
      `${commands?.toFixed(0)} and ${calls?.toFixed(0)} a second, ${received?.toFixed(0)} and ${sent?.toFixed(0)} bytes`,
    ]);
    rows.push([
      `each of these replicas, ${name}`,
      `${((own.user + own.system) / 1e4 / seconds / replicas.length).toFixed(2)} % of a core`,
    ]);
  }
  rows.push(['answers to each question, of 39', `${median(told)}`]);
  rows.push(['time to all answers', `${median(took).toFixed(0)} ms`]);
  const { answered, answeredBytes } = (replicas[1] as Replicas).status();
  rows.push([
    'three answers of 50 refusals each, in one message',
    `${Math.round(answeredBytes / answered)} bytes`,
  ]);
  await Promise.all(replicas.map((one) => one.stop()));
}

async function infoOf(redis: RedisServer, section: string, field: string): Promise<number> {
  const text = await redis.admin.info(section);
  return Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(text)?.[1]);
}

/** Commands that came, those that scripts called with them, and bytes in and out. */
async function trafficOf(redis: RedisServer): Promise<number[]> {
  const text = await redis.admin.info('commandstats');
  const counts = new Map(
    [...text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, n]) => [name, Number(n)]),
  );
  const calls = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const sent = ['evalsha', 'set', 'xadd', 'pexpire', 'info'].map((name) => counts.get(name) ?? 0);
  // Announcing sets a time to live in its script, too, every two seconds.
  const bytes = [
    await infoOf(redis, 'stats', 'total_net_input_bytes'),
    await infoOf(redis, 'stats', 'total_net_output_bytes'),
  ];
  return [sent.reduce((sum, count) => sum + count, 0), calls, ...bytes];
}

async function cpuOf(redis: RedisServer): Promise<number> {
  return (await infoOf(redis, 'cpu', 'used_cpu_user')) + (await infoOf(redis, 'cpu', 'used_cpu_sys'));
}

function usedMemory(redis: RedisServer): Promise<number> {
  return infoOf(redis, 'memory', 'used_memory');
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function nameOf(i: number): string {
  return `tenant-${String(i).padStart(5, '0')}`;
}

/** Numbers that are not all alike: what is packed is smaller when they are. */
function random(seed: number): () => number {
  let state = (seed + 1) * 2654435761;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function entryOf(i: number, salt: number): FrameEntry {
  const next = random(i * 1000 + salt);
  const entry = emptyEntry(nameOf(i));
  const seconds = entry.seconds ?? [];
  for (let second = 0; second < 10; second++) {
    const pushes = Math.floor(next() * 3);
    const items = pushes * Math.floor(500 + next() * 1500);
    [items, pushes, items * 12].forEach((count, kind) => {
      seconds[second * 3 + kind] = count;
    });
    entry.items += items;
    // Requests, accepted ones, series, samples, bytes as sent and uncompressed, in the order of a tally.
    for (const [at, count] of [
      [0, pushes],
      [1, pushes],
      [4, items],
      [5, items],
      [9, items * 12],
      [10, items * 90],
    ] as const) {
      entry.added[at] = (entry.added[at] ?? 0) + count;
    }
  }
  entry.active = Math.floor(next() * 100_000);
  entry.fleet = entry.active;
  entry.perMetric = Math.floor(next() * 5000);
  [2000, 30, 200_000, 60, 300].forEach((most, at) => {
    entry.peaks[at] = Math.floor(next() * most);
  });
  if (i % 20 === 0) addDiscards(entry, 'refused', 'rate_limited', [3, 4000, 0, 0, 4000]);
  return entry;
}

function recordsOf(i: number, count: number, seconds: number): UsageRecord[] {
  const next = random(i);
  return Array.from({ length: count }, (_, at) => {
    const rate = 100 + next() * 10_000;
    const curve = (scale: number) =>
      CURVE_WINDOWS.map((window) => Math.floor(rate * scale * window * (1 + next() / Math.sqrt(window))));
    return {
      startMs: (480_000 + (at * seconds) / 3600) * 3_600_000,
      seconds,
      coveredSeconds: seconds,
      resolutionSeconds: 1,
      offered: {
        requests: Math.floor((rate * seconds) / 900),
        items: Math.floor(rate * seconds),
        bytes: Math.floor(rate * seconds * 12),
        newSeries: Math.floor(next() * 10_000),
      },
      refused: { requests: 12, items: 4000, bytes: Number.NaN, newSeries: 0 },
      reasons: i % 5 === 0 ? [{ reason: 'rate_limited', pushes: 12, samples: 4000 }] : [],
      curves: { items: curve(1), requests: curve(1 / 900), bytes: curve(12) },
      peaks: {
        activeSeries: Math.floor(next() * 200_000),
        seriesPerMetric: Math.floor(next() * 9000),
        seriesPerRequest: Math.floor(next() * 2000),
        labelsPerSeries: Math.floor(next() * 30),
        bytesPerRequest: Math.floor(next() * 200_000),
        labelNameBytes: Math.floor(next() * 60),
        labelValueBytes: Math.floor(next() * 300),
      },
    };
  });
}
