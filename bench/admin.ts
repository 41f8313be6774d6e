/**
 * What the admin API costs: the table of ten thousand tenants on the event loop, and pushes through an edge that holds
 * as many, with ten open streams and a poller beside one that nobody watches; and a scrape of as many.
 *
 *   npm run bench:admin [-- --smoke]
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import type { Registry } from 'prom-client';
import { request } from 'undici';
import { Audit } from '#src/admin/audit.js';
import type { Edge } from '#src/admin/edge.js';
import { type Listing, listTenants } from '#src/admin/listing.js';
import { overviewView } from '#src/admin/overview.js';
import { Query } from '#src/admin/query.js';
import { statusView } from '#src/admin/reads.js';
import { DataPlane } from '#src/app/data-plane.js';
import { edgeOf } from '#src/app/edge-of.js';
import { beforeAnyDocument } from '#src/app/first-orders.js';
import { NO_HISTORIES, openAdvisor } from '#src/app/open-advisor.js';
import { Usage } from '#src/app/open-usage.js';
import { loadConfig } from '#src/config/config.js';
import { Controls } from '#src/controls/controls.js';
import { ShownTenants } from '#src/enforce/shown-tenants.js';
import { Tally } from '#src/enforce/tally.js';
import { exportTenants } from '#src/enforce/tenant-metrics.js';
import { Overrides } from '#src/overrides/overrides.js';
import { Parser } from '#src/overrides/parser.js';
import { exposition, type LargeFamily } from '#src/telemetry/exposition.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { History, SAMPLE_MS } from '#src/usage/history.js';
import { LimitHistory } from '#src/usage/limit-history.js';
import { freePort } from '../test/free-port.js';
import { k8s500, small } from './bodies.js';
import { startEdge, startSink } from './peers/processes.js';
import { CONNECTIONS, sendMany } from './peers/send.js';
import { median, printTable, smoke } from './rounds.js';

const TENANTS = smoke ? 200 : 10_000;
const ROUNDS = smoke ? 2 : 15;
const PUSHES = smoke ? 100 : 3000;
const STREAMS = 10;
const POLL_MS = 1000;

await eventLoop();
await scrapes();
await throughput();

async function eventLoop(): Promise<void> {
  let nowMs = 0;
  const edge = await edgeOfMany(() => nowMs);
  const samples: number[] = [];
  for (let step = 0; step < 30; step++) {
    nowMs += SAMPLE_MS;
    for (const { tally } of edge.tenants()) {
      tally.requests += 10;
      tally.samples += 5000;
      tally.metadata += 3;
      tally.bodyBytes += 100_000;
      if (step % 10 === 0) tally.refuse('rate_limited', undefined);
    }
    const start = performance.now();
    await edge.history.sample(edge.tenants(), nowMs);
    samples.push(performance.now() - start);
  }
  const rows = [['', 'median', 'worst', 'looked at anew']];
  const listing: Listing = { range: '5m', search: '', sort: 'lost', order: 'desc', offset: 0, limit: 50 };
  const listings: [string, Listing][] = [
    ['the 50 that lose most', listing],
    ['the 50 nearest to a limit, of a day', { ...listing, range: '24h', sort: 'utilisation' }],
    ['a search', { ...listing, search: '99' }],
    ['the 500 last by name', { ...listing, sort: 'id', order: 'desc', limit: 500 }],
  ];
  for (const [name, one] of listings) {
    const [times, anew]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS * 2; round++) {
      // What was seen of all tenants is kept a while for whoever asks next, by edge.
      for (const [asked, into] of [[edge, times] as const, [{ ...edge }, anew] as const]) {
        const start = performance.now();
        JSON.stringify(listTenants(asked, one));
        into.push(performance.now() - start);
      }
    }
    rows.push([
      name,
      `${median(times).toFixed(1)} ms`,
      `${Math.max(...times).toFixed(1)} ms`,
      `${median(anew).toFixed(1)} ms`,
    ]);
  }
  rows.push([
    'history taken, every 10 s, in turns of 500 tenants',
    `${median(samples).toFixed(1)} ms`,
    `${Math.max(...samples).toFixed(1)} ms`,
    '',
  ]);
  const views: [string, (asked: Edge) => object | Promise<object>][] = [
    [
      'the overview, every 2 s where one is open',
      (asked) => overviewView(asked, new Query(new URLSearchParams())),
    ],
    [
      'the status with its verdict, every 2 s for all streams',
      (asked) => statusView(asked, new Query(new URLSearchParams())),
    ],
    [
      'the first 100 rows with their trends',
      (asked) => listTenants(asked, { ...listing, limit: 100, trend: '1h' }),
    ],
  ];
  for (const [name, view] of views) {
    const [times, anew]: [number[], number[]] = [[], []];
    let bytes = 0;
    for (let round = 0; round < ROUNDS * 2; round++) {
      for (const [asked, into] of [[edge, times] as const, [{ ...edge }, anew] as const]) {
        const start = performance.now();
        bytes = JSON.stringify(await view(asked)).length;
        into.push(performance.now() - start);
      }
    }
    rows.push([
      `${name} (${(bytes / 1000).toFixed(0)} kB)`,
      `${median(times).toFixed(1)} ms`,
      `${Math.max(...times).toFixed(1)} ms`,
      `${median(anew).toFixed(1)} ms`,
    ]);
  }
  console.log(
    `Time on the event loop, ${TENANTS} tenants (history: ${(edge.history.bytes / 2 ** 20).toFixed(0)} MiB)`,
  );
  printTable(rows);
}

/** A text of /metrics, made as the edge makes it and beside that by prom-client's registry. */
async function scrapes(): Promise<void> {
  const edge = await edgeOfMany(() => 0);
  for (const { tally } of edge.tenants()) {
    tally.requests = 10;
    tally.refuse('rate_limited', undefined);
  }
  const large = (most: number): (() => Iterable<LargeFamily>) => {
    const metrics = new Metrics();
    const source = {
      tenants: () => edge.tenants(),
      departed: () => new Tally(),
      unattributed: () => edge.unattributed(),
    };
    exportTenants(metrics, source, new ShownTenants(most), () => 0);
    return () => metrics.largeFamilies();
  };
  const all = large(Number.POSITIVE_INFINITY);
  const few = large(100);
  const registry = inRegistry(all);
  const ways: [string, () => AsyncIterable<string>][] = [
    ["prom-client's registry", () => exposition('', [], 'prometheus')],
    ['all tenants', () => exposition('', all(), 'prometheus')],
    ['the 100 busiest', () => exposition('', few(), 'prometheus')],
  ];
  const rows = [['', 'text', 'packed', 'whole time', 'longest turn']];
  for (const [index, [name, parts]] of ways.entries()) {
    const [whole, longest]: [number[], number[]] = [[], []];
    let text = '';
    for (let round = 0; round < ROUNDS; round++) {
      const turns = longestTurn();
      const start = performance.now();
      text = index === 0 ? await registry.metrics() : '';
      for await (const part of parts()) text += part;
      whole.push(performance.now() - start);
      longest.push(await turns());
    }
    rows.push([
      name,
      `${(text.length / 1e6).toFixed(2)} MB`,
      `${(gzipSync(text, { level: 1 }).length / 1e6).toFixed(2)} MB`,
      `${median(whole).toFixed(0)} ms`,
      `${median(longest).toFixed(1)} ms`,
    ]);
  }
  console.log(`\nA scrape of ${TENANTS} tenants (medians of ${ROUNDS})`);
  printTable(rows);
}

/** The same families, as they were before: gauges and counters of prom-client, filled for each scrape. */
function inRegistry(read: () => Iterable<LargeFamily>): Registry {
  const metrics = new Metrics();
  for (const { name, help, type, lines: texts } of read()) {
    const rows = [...texts].map(([labels, value]) => [labelsOf(labels), value] as const);
    const lines = (): typeof rows => rows;
    const labelNames = ['user', 'reason', 'limit_name'];
    if (type === 'counter') metrics.counters({ name, help, labelNames, read: lines });
    else metrics.gauges({ name, help, labelNames, read: lines });
  }
  return metrics.registry;
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

/** Measures how long the loop is held at most; answers that when it is asked. */
function longestTurn(): () => Promise<number> {
  let longest = 0;
  let last = performance.now();
  let done = false;
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!done) setImmediate(look);
  };
  setImmediate(look);
  return async () => {
    await nextTurn();
    done = true;
    return longest;
  };
}

async function edgeOfMany(now: () => number): Promise<Edge> {
  const loaded = loadConfig({ env: {}, flags: { 'tenants.max': String(TENANTS), 'decode.threads': '0' } });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const { config } = loaded;
  const orders = beforeAnyDocument(config);
  const log = pino({ level: 'silent' });
  const planes = new DataPlane({ config, log, metrics: new Metrics(), orders, primary: undefined });
  for (let i = 0; i < TENANTS; i++) await planes.enforcer.admit(`tenant-${i}`);
  return edgeOf({
    config,
    planes,
    overrides: new Overrides(
      { sources: [], defaults: config.defaults, kept: undefined, parser: new Parser() },
      { changed() {}, loaded() {}, failed() {}, warned() {}, noticed() {} },
    ),
    history: new History(256 << 20, 0),
    usage: new Usage(
      config,
      log,
      () => new Set(),
      () => ({ limits: config.defaults, mode: 'enforce' }),
    ),
    limitHistory: new LimitHistory(),
    controls: new Controls(
      { shared: undefined, kept: undefined, name: 'bench', now: Date.now },
      { changed() {}, received() {}, ended() {}, trouble() {}, obeyed: async () => true },
    ),
    guards: { mode: 'observe', status: () => [] },
    audit: new Audit('', { failed() {}, added() {} }),
    advisor: openAdvisor(config, NO_HISTORIES, () => orders.snapshot),
    orders: () => orders,
    obeyed: async () => [],
    now,
  });
}

async function throughput(): Promise<void> {
  const sink = await startSink();
  const ports = [await freePort(), await freePort()];
  const flags = (port: number | undefined) => [
    `--listen.admin=127.0.0.1:${port}`,
    `--tenants.max=${TENANTS}`,
  ];
  const peers = [await startEdge(sink.url, flags(ports[0])), await startEdge(sink.url, flags(ports[1]))];
  for (const peer of peers) {
    await sendMany(peer.url, small.snappy, TENANTS, (n) => `tenant-${n}`);
    await sendMany(peer.url, k8s500.snappy, smoke ? 50 : 15_000);
  }
  const unwatch = await watch(`http://127.0.0.1:${ports[1]}`);
  const rates = peers.map((): number[] => []);
  const costs = peers.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, peer] of peers.entries()) {
      const start = performance.now();
      const before = peer.cpu();
      await sendMany(peer.url, k8s500.snappy, PUSHES);
      if (round < 0) continue;
      rates[index]!.push(PUSHES / ((performance.now() - start) / 1000));
      costs[index]!.push((peer.cpu() - before) / PUSHES / 1000);
    }
  }
  const received = unwatch();
  const [alone, watched] = rates.map(median);
  const [aloneCost, watchedCost] = costs.map(median);
  console.log(
    `\nPushes of 500 series through an edge with ${TENANTS} tenants in memory, ${CONNECTIONS} connections (medians of ${ROUNDS} interleaved rounds)`,
  );
  printTable([
    ['', 'pushes/s', 'CPU a push'],
    ['nobody watches', alone!.toFixed(0), `${aloneCost!.toFixed(0)} us`],
    [`${STREAMS} streams, a poller`, watched!.toFixed(0), `${watchedCost!.toFixed(0)} us`],
    ['ratio', (watched! / alone!).toFixed(3), (watchedCost! / aloneCost!).toFixed(3)],
  ]);
  console.log(`  the streams and the poller received ${(received / 1e6).toFixed(1)} MB`);
  for (const peer of [...peers, sink]) await peer.stop();
}

/** Streams with a query each, and a poller; answers how to end them, which tells the bytes that came. */
async function watch(admin: string): Promise<() => number> {
  const ending = new AbortController();
  let received = 0;
  const sorts = ['lost', 'samples', 'pushes', 'bytes', 'utilisation'];
  for (let i = 0; i < STREAMS; i++) {
    const { body } = await request(
      `${admin}/api/v1/stream?sort=${sorts[i % 5]}&range=${i < 5 ? '5m' : '1h'}`,
      {
        signal: ending.signal,
        bodyTimeout: 0,
      },
    );
    body.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    body.on('error', () => {});
  }
  const poller = setInterval(async () => {
    const { body } = await request(`${admin}/api/v1/tenants?limit=500`);
    received += (await body.arrayBuffer()).byteLength;
  }, POLL_MS);
  return () => {
    clearInterval(poller);
    ending.abort();
    return received;
  };
}
