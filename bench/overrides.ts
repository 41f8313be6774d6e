/**
 * What a change of the overrides costs: how long it takes until it is in force, the longest turn of the event loop that it
 * makes, the memory that it needs. The peer is the same work inline, without the thread and the slices: one turn.
 *
 *   npm run bench:overrides [-- --smoke]
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Enforcer } from '#src/enforce/enforcer.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '#src/limits/snapshot.js';
import { ConfigMapSource } from '#src/overrides/kubernetes/configmap.js';
import { JsonLines } from '#src/overrides/kubernetes/json-lines.js';
import { Overrides } from '#src/overrides/overrides.js';
import { Parser } from '#src/overrides/parser.js';
import { enforcer } from '../test/enforce/fixtures.js';
import { FakeApiServer } from '../test/overrides/fake-api-server.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 1 : 10;
/** As many as `tenants.max` holds. */
const IN_MEMORY = 10_000;
const EMPTY = buildSnapshot({ defaults: DEFAULT_LIMITS, mimir: [], edge: [] });

const rows = [
  [
    'document',
    'size',
    'inline: CPU, one turn',
    'thread: CPU',
    'longest turn',
    'in force',
    'apply',
    'limits',
    'peak',
  ],
];
for (const tenants of smoke ? [500] : [1000, 15_000, 50_000]) {
  for (const alike of [true, false]) rows.push(await row(tenants, alike));
}
console.log(
  `A change of every tenant's limits, ${IN_MEMORY} tenants in memory (medians; of the turns the worst, in CPU time)`,
);
printTable(rows);

const followed = [['ConfigMap', 'event', 'read in one turn', 'change to enforcement', 'worst']];
for (const tenants of smoke ? [100] : [100, 15_000]) followed.push(await follow(tenants));
console.log('A ConfigMap that is watched, its API server in the same process (medians)');
printTable(followed);

async function row(tenants: number, alike: boolean): Promise<string[]> {
  const parser = new Parser();
  const full = newEnforcer(tenants);
  const wholeMs: number[] = [];
  const cpuMs: number[] = [];
  const turnMs: number[] = [];
  const applyMs: number[] = [];
  let snapshot = EMPTY;
  let peakBytes = 0;
  for (let round = -1; round < ROUNDS; round++) {
    const text = document(tenants, alike, round + 1);
    // Watching takes a core of its own: the clock is read in the other rounds.
    const turns = round % 2 === 0 ? undefined : watchTurns();
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const documents = [{ kind: 'mimir', text, fallback: '' } as const];
    snapshot = (await parser.parse({ defaults: DEFAULT_LIMITS, documents }, snapshot)).snapshot;
    const parsedMs = performance.now();
    full.apply(snapshot);
    const endedMs = performance.now();
    if (turns === undefined) {
      wholeMs.push(endedMs - startedMs);
      cpuMs.push(cpuSince(cpu));
      applyMs.push(endedMs - parsedMs);
    } else {
      const { longestMs, grownBytes } = await turns();
      turnMs.push(longestMs);
      peakBytes = Math.max(peakBytes, grownBytes);
    }
  }
  await parser.close();
  const inlineMs = Array.from({ length: smoke ? 1 : 3 }, (_, round) => {
    const text = document(tenants, alike, round + 100);
    const cpu = process.cpuUsage();
    build(text, snapshot);
    return cpuSince(cpu);
  });
  return [
    `${tenants} tenants, ${alike ? 'ten sizes' : 'all different'}`,
    `${(document(tenants, alike, 1).length / 1e6).toFixed(2)} MB`,
    `${median(inlineMs).toFixed(0)} ms`,
    `${median(cpuMs).toFixed(0)} ms`,
    `${Math.max(...turnMs).toFixed(1)} ms`,
    `${median(wholeMs).toFixed(0)} ms`,
    `${median(applyMs).toFixed(1)} ms`,
    `${(heapOf(document(tenants, alike, 1)) / 1e6).toFixed(1)} MB`,
    `${(peakBytes / 1e6).toFixed(0)} MB`,
  ];
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Each change waits for the one before it. */
async function follow(tenants: number): Promise<string[]> {
  const server = new FakeApiServer();
  await server.listen();
  server.put('limits', document(tenants, false, 0));
  const source = new ConfigMapSource({
    access: async () => ({ server: server.url, namespace: 'mimir', token: undefined, tls: {} }),
    namespace: '',
    configMap: 'limits',
    keys: [{ kind: 'mimir', key: '' }],
    maxBytes: 16 << 20,
    pollIntervalMs: 10_000,
    requestTimeoutMs: 10_000,
    silenceMs: 90_000,
    watchSeconds: 300,
    random: Math.random,
  });
  let inForce = (): void => undefined;
  const overrides = new Overrides(
    { sources: [source], defaults: DEFAULT_LIMITS, kept: undefined, parser: new Parser() },
    {
      changed: () => inForce(),
      failed: (message) => console.error(message),
      warned: () => undefined,
      loaded: () => undefined,
      noticed: () => undefined,
    },
  );
  await overrides.start();
  while (server.watches === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const lagMs: number[] = [];
  for (let change = 1; change <= (smoke ? 2 : 20); change++) {
    const text = document(tenants, false, change);
    const startedMs = performance.now();
    const changed = new Promise<void>((resolve) => {
      inForce = resolve;
    });
    server.put('limits', text);
    await changed;
    lagMs.push(performance.now() - startedMs);
  }
  const object = server.put('limits', document(tenants, false, 1000));
  await overrides.stop();
  await server.close();
  const event = Buffer.from(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
  const readMs = Array.from({ length: 20 }, () => readEvent(event));
  return [
    `${tenants} tenants`,
    `${(event.length / 1e6).toFixed(2)} MB`,
    `${median(readMs).toFixed(1)} ms`,
    `${median(lagMs).toFixed(0)} ms`,
    `${Math.max(...lagMs).toFixed(0)} ms`,
  ];
}

/** As it comes from a socket: the last chunk completes it, and does the work. */
function readEvent(event: Buffer): number {
  const lines = new JsonLines(10 << 20);
  let longestMs = 0;
  for (let at = 0; at < event.length; at += 65_536) {
    const startedMs = performance.now();
    for (const value of lines.push(event.subarray(at, at + 65_536)))
      if (value === undefined) throw new Error();
    longestMs = Math.max(longestMs, performance.now() - startedMs);
  }
  return longestMs;
}

function document(tenants: number, alike: boolean, version: number): string {
  const entries = Array.from({ length: tenants }, (_, n) => {
    const rate = (alike ? n % 10 : n) + version;
    return `  tenant-${n}:\n    ingestion_rate: ${rate}\n    ingestion_burst_size: ${rate * 10}\n`;
  });
  return `overrides:\n${entries.join('')}`;
}

function build(text: string, previous: IndexedSnapshot): IndexedSnapshot {
  const mimir = [parseOverrides(text, 'mimir')];
  return buildSnapshot({ defaults: DEFAULT_LIMITS, mimir, edge: [], previous });
}

function newEnforcer(tenants: number): Enforcer {
  const full = enforcer({ snapshot: EMPTY, maxTenants: IN_MEMORY });
  for (let n = 0; n < Math.min(tenants, IN_MEMORY); n++) full.admit(`tenant-${n}`);
  return full;
}

/** By CPU time of the main thread, which no other process on the machine takes away, to a tick of the kernel. */
function watchTurns(): () => Promise<{ longestMs: number; grownBytes: number }> {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const buffer = Buffer.alloc(64);
  const cpuMs = (): number => {
    readSync(file, buffer, 0, buffer.length, 0);
    return Number.parseInt(buffer.toString('latin1'), 10) / 1e6;
  };
  const before = process.memoryUsage.rss();
  let last = cpuMs();
  let longestMs = 0;
  let peak = before;
  let turns = 0;
  let watching = true;
  const turn = (): void => {
    const now = cpuMs();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    if (turns++ % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
    if (watching) setImmediate(turn);
  };
  setImmediate(turn);
  return async () => {
    watching = false;
    await new Promise((resolve) => setTimeout(resolve, 10));
    closeSync(file);
    return { longestMs, grownBytes: peak - before };
  };
}

/** Of one snapshot, as it stays. */
function heapOf(text: string): number {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const snapshot = build(text, EMPTY);
  globalThis.gc?.();
  return snapshot.tenants.size > 0 ? process.memoryUsage().heapUsed - before : 0;
}
