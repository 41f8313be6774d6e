/** The fleet's usage over three replicas and a Redis, while parts of it die: the book has what replicas have counted. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { metricIn, type StartedEdge, startEdge } from './processes.js';

interface Fleet {
  readonly scope: { readonly of: string; readonly replicas: number };
  readonly here: string;
  readonly book: { readonly keptHere: boolean; readonly framesMissing: number };
  readonly sending: { readonly waiting: number; readonly lost: number };
  readonly replicas: readonly {
    readonly name: string;
    readonly alive: boolean;
    readonly dataPlanes: readonly {
      readonly totals: { requests: number; samples: number };
      readonly refused: object;
    }[];
  }[];
}

interface Usage {
  readonly records: readonly {
    readonly offered: { readonly requests: number; readonly items: number };
    readonly refused: { readonly requests: number };
    readonly curves: { readonly items: readonly number[] };
  }[];
}

const TENANTS = ['team-a', 'team-b'];
const PATIENCE_MS = 90_000;

async function json<T>(edge: StartedEdge, path: string): Promise<T> {
  const answer = await fetch(`${edge.admin}/api/v1/${path}`);
  return (await answer.json()) as T;
}

const fleetOf = (edge: StartedEdge) => json<Fleet>(edge, 'fleet');

/** Pushes and items of a tenant in the book, or that a replica has counted itself. */
async function kept(
  edge: StartedEdge,
  tenant: string,
  replica?: string,
): Promise<{ requests: number; items: number; refused: number }> {
  // Redis may be on its way back.
  const whose = replica === undefined ? '' : `&replica=${replica}`;
  const { records = [] } = await json<Partial<Usage>>(edge, `usage?tenant=${tenant}${whose}`);
  const sum = (of: (one: Usage['records'][number]) => number) =>
    records.reduce((total, one) => total + of(one), 0);
  return {
    requests: sum(({ offered }) => offered.requests),
    items: sum(({ offered }) => offered.items),
    refused: sum(({ refused }) => refused.requests),
  };
}

/** The same of a replica's own counters. */
async function counted(
  edge: StartedEdge,
  tenant: string,
): Promise<{ requests: number; items: number; refused: number }> {
  const text = await (await fetch(`${edge.admin}/metrics`)).text();
  const of = (name: string, more = '') =>
    metricIn(text, `mimir_edge_${name}_total{user="${tenant}"${more}}`) || 0;
  return {
    requests: of('received_requests'),
    items: of('received_samples'),
    refused: of('discarded_requests', ',reason="rate_limited"'),
  };
}

function plus<T extends Record<string, number>>(...each: readonly T[]): T {
  const names = Object.keys(each[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, each.reduce((sum, one) => sum + (one[name] ?? 0), 0)]),
  ) as T;
}

t.test(
  "the fleet's book has what replicas have counted: one killed, the bookkeeper killed, Redis away",
  { skip: redisMissing, timeout: 600_000 },
  async (t) => {
    // What it was told outlives its end.
    const redis = new RedisServer(await freePort(), ['--appendonly', 'yes', '--appendfsync', 'always']);
    await redis.run();
    t.teardown(() => redis.stop());
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const overrides = join(t.testdir(), 'overrides.yaml');
    writeFileSync(overrides, 'overrides: { team-b: { ingestion_rate: 100, ingestion_burst_size: 2000 } }');
    const flags = [
      `--upstream.url=${mimir.url}`,
      `--state.redis.url=${redis.url}`,
      '--state.redis.command_timeout=2s',
      '--shutdown.timeout=0s',
      `--overrides.file=${overrides}`,
    ];
    let alive: StartedEdge[] = [];
    for (let i = 0; i < 3; i++) alive.push(await startEdge(t, flags));
    /** What those had counted that are gone, as of their last frame. */
    const gone = new Map(TENANTS.map((tenant) => [tenant, { requests: 0, items: 0, refused: 0 }]));
    const push = async (count: number) => {
      for (let i = 0; i < count; i++) {
        for (const edge of alive) {
          for (const tenant of TENANTS) await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': tenant });
        }
      }
    };
    const agree = async (what: string) => {
      let seen = '';
      const same = await eventually(async () => {
        seen = '';
        for (const tenant of TENANTS) {
          const book = await kept(alive[0]!, tenant);
          const own = plus(
            gone.get(tenant)!,
            ...(await Promise.all(alive.map((edge) => counted(edge, tenant)))),
          );
          if (JSON.stringify(book) !== JSON.stringify(own)) {
            seen += `${tenant}: the book has ${JSON.stringify(book)}, replicas ${JSON.stringify(own)}. `;
          }
        }
        return seen === '';
      }, PATIENCE_MS);
      t.ok(same, `${what}. ${seen}`);
    };
    /** Each is asked by its name, through another. */
    const agreeEach = async (what: string) => {
      const names = await Promise.all(alive.map(async (edge) => (await fleetOf(edge)).here));
      let seen = '';
      const same = await eventually(async () => {
        seen = '';
        for (const [i, name] of names.entries()) {
          for (const tenant of TENANTS) {
            const own = JSON.stringify(await kept(alive[(i + 1) % alive.length]!, tenant, name));
            const counts = JSON.stringify(await counted(alive[i]!, tenant));
            if (own !== counts)
              seen += `${name}, ${tenant}: asked it says ${own}, and has counted ${counts}. `;
          }
        }
        return seen === '';
      }, PATIENCE_MS);
      t.ok(same, `${what}. ${seen}`);
    };
    /** Nothing that it counted is on its way any more, so that what it is known for is all that it had counted. */
    const kill = async (victim: StartedEdge) => {
      for (const tenant of TENANTS) gone.set(tenant, plus(gone.get(tenant)!, await counted(victim, tenant)));
      victim.child.kill('SIGKILL');
      alive = alive.filter((edge) => edge !== victim);
    };

    await push(5);
    await agree('all three replicas');
    await agreeEach('each of three replicas');
    const fleet = await fleetOf(alive[0]!);
    t.match(fleet, { scope: { of: 'fleet', replicas: 3 }, book: { framesMissing: 0 } });
    const totals = fleet.replicas.flatMap(({ dataPlanes }) => dataPlanes);
    t.equal(
      totals.reduce((sum, one) => sum + one.totals.requests, 0),
      5 * 3 * TENANTS.length,
    );
    let ofFleet: { scope: { of: string; replicas: number } } | undefined;
    const isSeen = async () => {
      ofFleet = await json<{ scope: { of: string; replicas: number } }>(alive[1]!, 'tenants?sort=id');
      return ofFleet.scope.of === 'fleet' && ofFleet.scope.replicas === 3;
    };
    t.ok(await eventually(isSeen, PATIENCE_MS), 'each replica sees the fleet');
    t.match(ofFleet, {
      scope: { replicas: 3, note: null },
      tenants: [{ id: 'team-a' }, { id: 'team-b' }],
    });
    t.match(await json(alive[1]!, 'tenants?replica=this'), { scope: { of: 'machine', replicas: 1 } });
    const { records } = await json<Usage>(alive[2]!, 'usage?tenant=team-a');
    t.ok(records[0]!.curves.items[10]! >= records[0]!.offered.items, 'an hour has all of it');

    const keepers = await Promise.all(alive.map(fleetOf));
    t.equal(keepers.filter(({ book }) => book.keptHere).length, 1, 'one keeps the book');
    const killed = keepers.find(({ book }) => book.keptHere)!.here;
    await kill(alive[keepers.findIndex(({ book }) => book.keptHere)]!);
    await push(5);
    await agree('without the bookkeeper');
    await agreeEach('each that is left');
    t.match(await json(alive[0]!, `usage?tenant=team-a&replica=${killed}`), { status: 404 }, 'it is gone');
    t.ok(
      await eventually(async () => (await Promise.all(alive.map(fleetOf))).some(({ book }) => book.keptHere)),
      'another keeps the book',
    );

    await redis.kill();
    await push(3);
    t.ok(
      await eventually(async () => (await scrapeWaiting(alive)).every((waiting) => waiting > 1), PATIENCE_MS),
      'frames wait',
    );
    t.match(await json(alive[0]!, 'usage?tenant=team-a'), { status: 503 });
    const isTold = async () => {
      const [own, counts] = [await kept(alive[0]!, 'team-a', 'this'), await counted(alive[0]!, 'team-a')];
      return own.requests === counts.requests;
    };
    t.ok(await eventually(isTold, PATIENCE_MS), 'a replica tells its own without Redis');
    await redis.run();
    await agree('after Redis was away');
    await agreeEach('each after Redis was away');

    const others = await Promise.all(alive.map(fleetOf));
    await kill(alive[others.findIndex(({ book }) => !book.keptHere)]!);
    await push(2);
    await agree('with one replica left');
    const last = await fleetOf(alive[0]!);
    t.match(last, { sending: { waiting: 0, lost: 0 }, book: { framesMissing: 0 } });
  },
);

async function scrapeWaiting(edges: readonly StartedEdge[]): Promise<number[]> {
  return Promise.all(
    edges.map(async ({ admin }) =>
      metricIn(await (await fetch(`${admin}/metrics`)).text(), 'mimir_edge_usage_frames_waiting'),
    ),
  );
}
