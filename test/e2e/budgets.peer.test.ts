/** Budgets of a fleet of two replicas and a Redis, over the end of a day: their clock is one that a test sets. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { type StartedEdge, startEdge } from './processes.js';

interface Entry {
  readonly id: string | null;
  readonly at: string;
  readonly who: string;
  readonly from: string;
  readonly action: string;
  readonly tenant: string;
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

interface Status {
  readonly controls: readonly { readonly tenant: string; readonly value: unknown; readonly until: string }[];
}

interface Tenant {
  readonly limitsInForce: readonly { readonly name: string; readonly value: unknown }[];
}

interface Usage {
  readonly records: readonly { readonly offered: { readonly items: number } }[];
}

const DAY_MS = 86_400_000;
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
const MIDNIGHT = NOON + DAY_MS / 2;
/** Advice is worked out within a minute of the start. */
const PATIENCE_MS = 120_000;

const CONFIG = `
advice:
  price: { million_samples: 1000, thousand_series_month: 0, gigabyte: 0 }
  budgets:
    - { name: each, tenants: "team-*", of: each, period: day, amount: 1, on_over_budget: halve_rate }
    - { name: watched, tenants: team-b, period: day, amount: 0.1 }
`;

/** A clock that processes take in place of their own, and what sets it. */
function sharedClock(folder: string) {
  const file = join(folder, 'ahead-by');
  const module = join(folder, 'clock.mjs');
  const set = (nowMs: number) => writeFileSync(file, String(nowMs - Date.now()));
  writeFileSync(
    module,
    `import { readFileSync } from 'node:fs';
const OwnDate = Date;
let aheadMs = 0;
const look = () => { aheadMs = Number(readFileSync(${JSON.stringify(file)}, 'utf8')) || aheadMs; };
globalThis.Date = class extends OwnDate {
  constructor(...given) { given.length === 0 ? super(Date.now()) : super(...given); }
  static now() { return OwnDate.now() + aheadMs; }
};
setInterval(look, 50).unref();`,
  );
  return { set, env: { NODE_OPTIONS: `--import ${pathToFileURL(module).href}` } };
}

async function json<T>(edge: StartedEdge, path: string): Promise<T> {
  return (await (await fetch(`${edge.admin}/api/v1/${path}`)).json()) as T;
}

async function itemsOf(edge: StartedEdge, tenant: string): Promise<number> {
  const { records = [] } = await json<Partial<Usage>>(edge, `usage?tenant=${tenant}`);
  return records.reduce((sum, { offered }) => sum + offered.items, 0);
}

/** What one replica has noted by itself; without: the fleet's timeline. */
async function auditOf(edge: StartedEdge, replica = '&replica=this'): Promise<Entry[]> {
  return (await json<{ entries: Entry[] }>(edge, `audit?limit=100${replica}`)).entries;
}

function changesOfRate(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ name }) => name === 'ingestion_rate');
}

/** The ingestion rate in force. */
async function rateOf(edge: StartedEdge, tenant: string): Promise<unknown> {
  const { limitsInForce } = await json<Tenant>(edge, `tenants/${tenant}?replica=this`);
  return limitsInForce.find(({ name }) => name === 'ingestion_rate')?.value;
}

/** It has worked out advice, and done what is to be done about it by then. */
async function hasActed(t: Test, edge: StartedEdge): Promise<void> {
  const spent = /mimir_edge_budget_used_ratio\{budget="each",tenant="team-a",period="day"\} 2\.5/;
  t.ok(
    await eventually(
      async () => spent.test(await (await fetch(`${edge.admin}/metrics`)).text()),
      PATIENCE_MS,
    ),
    'the budget is known to be spent',
  );
}

t.test(
  'one replica halves the rate of who has spent a budget, once for the fleet, and it ends with the day',
  { skip: redisMissing, timeout: 400_000 },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const folder = t.testdir({ 'edge.yaml': CONFIG });
    const clock = sharedClock(folder);
    clock.set(NOON);
    const flags = [
      `--config=${join(folder, 'edge.yaml')}`,
      `--upstream.url=${mimir.url}`,
      `--state.redis.url=${redis.url}`,
      '--shutdown.timeout=0s',
    ];
    const edges = [await startEdge(t, flags, clock.env), await startEdge(t, flags, clock.env)] as const;
    for (const edge of [edges[0], edges[1], edges[0], edges[1], edges[0]])
      await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'team-a' });
    await send(edges[0].proxy, PUSH_500, { 'X-Scope-OrgID': 'team-b' });
    t.ok(await eventually(async () => (await itemsOf(edges[1], 'team-a')) === 2500, PATIENCE_MS));

    for (const edge of edges) await hasActed(t, edge);
    for (const edge of edges) {
      t.ok(await eventually(async () => (await rateOf(edge, 'team-a')) === 5000, PATIENCE_MS));
      const { controls } = await json<Status>(edge, 'status');
      t.match(controls, [{ tenant: 'team-a', value: 5000, until: new Date(MIDNIGHT).toISOString() }]);
      t.equal(controls.length, 1, 'what is only watched has no consequence');
    }
    t.equal(await rateOf(edges[0], 'team-b'), 10_000);
    const set = (await Promise.all(edges.map((edge) => auditOf(edge)))).map(changesOfRate);
    t.match(set, [
      [
        {
          action: 'set',
          tenant: 'team-a',
          who: 'budget each',
          after: 5000,
          reason: /^250 % of the budget each/,
        },
      ],
      [{ action: 'set', tenant: 'team-a', who: 'budget each', after: 5000 }],
    ]);
    t.strictSame(
      set.map(({ length }) => length),
      [1, 1],
    );
    t.equal(set[0]?.[0]?.id, set[1]?.[0]?.id, 'it is one control');
    t.strictSame(set.map(([entry]) => entry?.from).sort(), ['fleet', 'here'], 'one of the two has set it');

    t.equal(changesOfRate(await auditOf(edges[1], '')).length, 1, 'to the fleet, too');

    clock.set(MIDNIGHT + 5000);
    for (const edge of edges) {
      t.ok(
        await eventually(async () => (await json<Status>(edge, 'status')).controls.length === 0, PATIENCE_MS),
      );
      t.ok(await eventually(async () => (await rateOf(edge, 'team-a')) === 10_000, PATIENCE_MS));
      const ended = (await auditOf(edge)).filter(({ action }) => action === 'end');
      t.match(ended, [{ from: 'time', tenant: 'team-a', name: 'ingestion_rate', before: 5000, after: null }]);
      t.equal(ended.length, 1);
    }
  },
);
