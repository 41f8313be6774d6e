/**
 * Faults of the API server come at random while a ConfigMap changes twenty times a second. The edge has to end on the last
 * version each time that it is left alone, never go back to an older one, and hold no more memory at the end.
 *
 *   npm run soak [-- --seconds 600] [--seed 1]
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { seededRandom } from '#src/loadtest/schedule.js';
import { ConfigMapSource } from '#src/overrides/kubernetes/configmap.js';
import { Overrides } from '#src/overrides/overrides.js';
import { Parser } from '#src/overrides/parser.js';
import { FakeApiServer, type Fault } from './fake-api-server.js';
import { withRate } from './fixtures.js';

const CHANGES_PER_SECOND = 20;
const TENANTS = 200;
/** After so many changes the faults stop, and the last version has to be in force. */
const CHANGES_PER_ROUND = 60;
const PATIENCE_MS = 60_000;
/** What a heap may gain between a third of the time and its end. */
const MAX_GROWTH_BYTES = 16 << 20;

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds ?? 20);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const random = seededRandom(seed);
console.log(`soak: ${seconds} s, seed ${seed}`);

const server = new FakeApiServer();
await server.listen();
let version = 0;
let inForce = 0;
let wentBack = 0;
let down = false;
change();

const source = new ConfigMapSource({
  access: async () => ({ server: server.url, namespace: 'mimir', token: server.token, tls: {} }),
  namespace: '',
  configMap: 'limits',
  keys: [{ kind: 'mimir', key: '' }],
  maxBytes: 4 << 20,
  pollIntervalMs: 1000,
  requestTimeoutMs: 1000,
  silenceMs: 1000,
  watchSeconds: 2,
  random,
});
const overrides = new Overrides(
  { sources: [source], defaults: DEFAULT_LIMITS, kept: undefined, parser: new Parser() },
  {
    changed(snapshot) {
      const now = snapshot.tenants.get('a')?.ingestion_rate ?? 0;
      if (now < inForce) wentBack++;
      inForce = now;
    },
    failed: () => undefined,
    warned: () => undefined,
    loaded: () => undefined,
    noticed: () => undefined,
  },
);
await overrides.start();

const FAULTS: readonly (readonly [string, () => unknown])[] = [
  ['watches end', () => server.endWatches()],
  ['watches are cut off', () => server.cutWatches()],
  ['watches go silent', () => server.muteWatches()],
  ['410 as an event', () => server.errorToWatches(410, 'too old resource version')],
  ['500 as an event', () => server.errorToWatches(500, 'an internal error')],
  ['history is compacted', () => server.compact()],
  ['connections are reset', () => server.resetConnections()],
  ['a bookmark', () => server.bookmark()],
  ['deleted', () => server.delete('limits')],
  ['a bad document', () => server.put('limits', `overrides: { a: { ingestion_rate: fast } }`)],
  ['no document', () => server.put('limits', { data: {} })],
  [
    'a token is rotated',
    () => {
      server.token = `token-${random()}`;
    },
  ],
  [
    'events in pieces',
    () => {
      server.write = 'pieces';
    },
  ],
  [
    'events glued together',
    () => {
      server.write = 'glued';
    },
  ],
  [
    'events whole',
    () => {
      server.write = 'whole';
    },
  ],
  ['the server goes and comes', restart],
  ...(['list', 'watch'] as const).flatMap((verb) =>
    (
      [
        'reset',
        'hang',
        { status: 401 },
        { status: 403 },
        { status: 429, headers: { 'Retry-After': '1' } },
        { status: 500 },
        { status: 503 },
        ...(verb === 'watch' ? (['mute', 'cut', 'gone-event', { status: 410 }] as const) : []),
      ] as const satisfies readonly Fault[]
    ).map((fault) => [`${verb}: ${JSON.stringify(fault)}`, () => server.fault(verb, fault)] as const),
  ),
];

const counts = new Map<string, number>();
const heaps: number[] = [];
let rounds = 0;
const startedMs = Date.now();
let nextMs = startedMs;
while (Date.now() - startedMs < seconds * 1000) {
  for (let n = 0; n < CHANGES_PER_ROUND; n++) {
    change();
    if (random() < 0.2) {
      const [name, fault] = FAULTS[Math.floor(random() * FAULTS.length)]!;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      fault();
    }
    nextMs = Math.max(nextMs + 1000 / CHANGES_PER_SECOND, Date.now() - 1000);
    await delay(nextMs - Date.now());
  }
  server.healFaults();
  while (down) await delay(10);
  change();
  const last = version;
  for (const deadlineMs = Date.now() + PATIENCE_MS; inForce !== last; ) {
    if (Date.now() > deadlineMs)
      fail(`version ${last} did not come: ${inForce} is in force, ${JSON.stringify(overrides.status())}`);
    await delay(10);
  }
  rounds++;
  globalThis.gc?.();
  heaps.push(process.memoryUsage().heapUsed);
}
const early = heaps[Math.floor(heaps.length / 3)] ?? 0;
const late = heaps.at(-1) ?? 0;
console.log(
  `${version} versions in ${rounds} rounds, each ended on the last; ${[...counts.values()].reduce((a, b) => a + b, 0)} faults of ${counts.size} kinds; heap ${mb(early)} MB, then ${mb(late)} MB`,
);
if (wentBack > 0) fail(`an older version came into force ${wentBack} times`);
if (late - early > MAX_GROWTH_BYTES) fail('the heap grows');
await overrides.stop();
await server.close();

function change(): void {
  version++;
  const others = Array.from(
    { length: TENANTS },
    (_, n) => `, t${n}: { ingestion_rate: ${version + n} }`,
  ).join('');
  server.put('limits', withRate(version).replace(' }', ` }${others}`));
}

function restart(): void {
  if (down) return;
  down = true;
  void server
    .close()
    .then(() => delay(random() * 500))
    .then(() => server.listen())
    .then(() => {
      down = false;
    });
}

function fail(message: string): never {
  console.error(`soak: ${message} (seed ${seed})`);
  process.exit(1);
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
