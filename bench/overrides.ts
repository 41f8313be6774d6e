/**
 * What a change of the overrides costs: how long it takes until it is in force, the longest turn of the event loop that it
 * makes, the memory that it needs. The peer is the same work inline, without the thread and the slices: one turn.
 *
 *   npm run bench:overrides [-- --smoke]
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { Enforcer } from '#src/enforce/enforcer.js';
import { MemoryLedger } from '#src/ledger/memory.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '#src/limits/snapshot.js';
import { Parser } from '#src/overrides/parser.js';
import { seriesName } from '#src/remotewrite/labels.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 1 : 10;
/** As many as `tenants.max` holds. */
const IN_MEMORY = 10_000;
const EMPTY = buildSnapshot({ defaults: DEFAULT_LIMITS, mimir: [], edge: [] });

const rows = [
  ['document', 'size', 'inline: one turn', 'thread: in force', 'longest turn', 'apply', 'limits', 'peak'],
];
for (const tenants of smoke ? [500] : [1000, 15_000, 50_000]) {
  for (const alike of [true, false]) rows.push(await row(tenants, alike));
}
console.log(
  `A change of every tenant's limits, ${IN_MEMORY} tenants in memory (medians; the worst of the turns, in CPU time)`,
);
printTable(rows);

async function row(tenants: number, alike: boolean): Promise<string[]> {
  const parser = new Parser();
  const enforcer = newEnforcer(tenants);
  const wholeMs: number[] = [];
  const turnMs: number[] = [];
  const applyMs: number[] = [];
  let snapshot = EMPTY;
  let peakBytes = 0;
  for (let round = -1; round < ROUNDS; round++) {
    const text = document(tenants, alike, round + 1);
    // Watching takes a core of its own: the clock is read in the other rounds.
    const turns = round % 2 === 0 ? undefined : watchTurns();
    const startedMs = performance.now();
    const documents = [{ kind: 'mimir', text, fallback: '' } as const];
    snapshot = (await parser.parse({ defaults: DEFAULT_LIMITS, documents }, snapshot)).snapshot;
    const parsedMs = performance.now();
    enforcer.apply(snapshot, parsedMs);
    const endedMs = performance.now();
    if (turns === undefined) {
      wholeMs.push(endedMs - startedMs);
      applyMs.push(endedMs - parsedMs);
    } else {
      const { longestMs, grownBytes } = await turns();
      turnMs.push(longestMs);
      peakBytes = Math.max(peakBytes, grownBytes);
    }
  }
  await parser.close();
  const inlineMs = Array.from({ length: smoke ? 1 : 3 }, (_, round) => {
    const startedMs = performance.now();
    build(document(tenants, alike, round + 100), snapshot);
    return performance.now() - startedMs;
  });
  return [
    `${tenants} tenants, ${alike ? 'ten sizes' : 'all different'}`,
    `${(document(tenants, alike, 1).length / 1e6).toFixed(2)} MB`,
    `${median(inlineMs).toFixed(0)} ms`,
    `${median(wholeMs).toFixed(0)} ms`,
    `${Math.max(...turnMs).toFixed(1)} ms`,
    `${median(applyMs).toFixed(1)} ms`,
    `${(heapOf(document(tenants, alike, 1)) / 1e6).toFixed(1)} MB`,
    `${(peakBytes / 1e6).toFixed(0)} MB`,
  ];
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
  const enforcer = new Enforcer(
    {
      snapshot: EMPTY,
      ledger: new MemoryLedger(),
      mode: 'enforce',
      unknownTenants: 'defaults',
      maxTenants: IN_MEMORY,
      distributors: 1,
      random: Math.random,
    },
    seriesName,
  );
  for (let n = 0; n < Math.min(tenants, IN_MEMORY); n++) enforcer.admit(`tenant-${n}`, performance.now());
  return enforcer;
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
