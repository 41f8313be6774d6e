/** Usage of each of three replicas that share a Redis, one of them with workers: what came through it, asked of any of them. */
import t from 'tap';
import { eventually, PUSH_500 } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { ajv, schema } from './document.js';
import { type GivenAdmin, inOneProcess, inTwoWorkers } from './fixtures.js';

interface Usage {
  readonly scope: { readonly of: string; readonly note: string; readonly replicas: number };
  readonly since: string | null;
  readonly records: readonly { readonly offered: { readonly requests: number; readonly items: number } }[];
}

interface Fleet {
  readonly here: string;
  readonly own: { readonly since: string };
  readonly replicas: readonly { readonly machine: string; readonly name: string }[];
}

const PATIENCE_MS = 60_000;

t.test('usage of one replica is what came through it since it started', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const flags = { 'state.redis.url': redis.url, 'state.redis.command_timeout': '5s' };
  const edges = [await inOneProcess(t, flags), await inOneProcess(t, flags), await inTwoWorkers(t, flags)];
  const pushes = [1, 2, 6];
  for (const [i, edge] of edges.entries()) {
    for (let push = 0; push < pushes[i]!; push++) await edge.push(PUSH_500, { 'X-Scope-OrgID': 'team-a' });
  }
  const [first] = edges as [GivenAdmin];
  const usage = (edge: GivenAdmin, more = '') => edge.json<Usage>(`usage?tenant=team-a${more}`);
  const requests = ({ records }: Usage) => records.reduce((sum, { offered }) => sum + offered.requests, 0);
  const seen = async () => {
    const own = await Promise.all(edges.map((edge) => usage(edge, '&replica=this')));
    return [...own, await usage(first)].map(requests).join(' ');
  };
  let last = '';
  t.ok(
    await eventually(async () => {
      last = await seen();
      return last === '1 2 6 9';
    }, PATIENCE_MS),
    `each has its own, and the fleet all: ${last}`,
  );

  const fleet = await first.json<Fleet>('fleet');
  t.equal(fleet.replicas.length, 3);
  const machines: string[] = [];
  for (const [i, edge] of edges.entries()) {
    const told = await edge.json<Fleet>('fleet?replica=this');
    t.match(told, { scope: { of: 'machine' }, own: { tenants: 1, tenantsWithoutRoom: 0 } });
    t.equal(told.replicas.length, 1, 'of one replica nothing is told of others');
    machines.push(told.replicas[0]!.machine);
    const asked = `&replica=${machines[i]}`;
    const own = await usage(first, asked);
    t.ok(schema('/usage', 'get')(own), ajv.errorsText());
    t.match(own, {
      scope: {
        of: 'machine',
        replicas: 1,
        known: 3,
        note: /^of replica .+ alone, as asked: what it counted/,
      },
      since: told.own.since,
      records: [{ offered: { requests: pushes[i], items: 500 * pushes[i]! } }],
    });
    t.match(await usage(first, `${asked}&step=1d`), { records: [{ offered: { requests: pushes[i] } }] });
    t.match(await usage(first, `${asked}&to=2020-01-01T00:00:00Z`), { records: [] });
    const csv = await (await first.get(`/api/v1/usage?tenant=team-a&format=csv${asked}`)).text();
    t.match(csv, new RegExp(`Z",3600,\\d+,1,${pushes[i]},${500 * pushes[i]!},`));
    const curve = await first.json<object>(`usage/team-a/curve?replica=${machines[i]}`);
    t.ok(schema('/usage/{id}/curve', 'get')(curve), ajv.errorsText());
    t.match(curve, { since: told.own.since, requests: { 10: pushes[i] } });
    t.match(await first.json(`fleet?replica=${machines[i]}`), {
      scope: { of: 'machine', replicas: 1 },
      here: told.here,
      replicas: [{ machine: machines[i] }],
    });
  }
  t.match(await usage(first), { scope: { of: 'fleet', replicas: 3, note: null }, since: null });
  const silent = await first.json<Usage>(`usage?tenant=team-b&replica=${machines[2]}`);
  t.match(silent, { since: String, records: [] });
  t.match(await first.json('usage?tenant=a%2Fb&replica=this'), { status: 404 });
  t.match(await first.json(`usage?tenant=a%2Fb&replica=${machines[1]}`), {
    status: 404,
    detail: /^replica .+: no tenant/,
  });
  t.match(await first.json('usage/team-a/curve?replica=nobody'), {
    status: 404,
    detail: /there is no replica nobody/,
  });
});
