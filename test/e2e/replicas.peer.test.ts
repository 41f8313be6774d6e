/** What replicas answer of each other over a Redis: of the whole fleet, of one, while one is killed, while Redis is away. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ajv, schema } from '../admin/document.js';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { type StartedEdge, startEdge } from './processes.js';

interface Scope {
  readonly of: string;
  readonly replicas: number;
  readonly known: number;
  readonly silent: readonly string[];
  readonly ageSeconds: number;
  readonly note: string | null;
}

interface Denials {
  readonly scope: Scope;
  readonly denials: readonly { at: string; tenant: string; replica: string; count: number }[];
}

interface Senders {
  readonly scope: Scope;
  readonly senders: readonly { program: string; pushes: number; refused: number; replicas: number }[];
}

interface Audit {
  readonly scope: Scope;
  readonly entries: readonly { from: string; name: string; who: string; replica: string | null }[];
}

interface Replicas {
  readonly scope: Scope;
  readonly replicas: readonly { replica: string; upstream: { responses: Record<string, number> } }[];
  readonly addresses: readonly { address: string; replicas: readonly object[] }[];
}

interface Metrics {
  readonly scope: Scope;
  readonly fleetSeries: number;
  readonly active: readonly { name: string; series: number; atLeast: number; atMost: number }[];
}

const WRITER = 'writer-token-0123456789';
const PATIENCE_MS = 60_000;

async function json<T>(edge: StartedEdge, path: string): Promise<T> {
  return (await (await fetch(`${edge.admin}/api/v1/${path}`)).json()) as T;
}

/** Once all three have answered in time: the machine may be busy. */
async function whole<T extends { readonly scope: Scope }>(edge: StartedEdge, path: string): Promise<T> {
  let answer = await json<T>(edge, path);
  await eventually(async () => {
    answer = await json<T>(edge, path);
    return answer.scope?.replicas === 3;
  }, PATIENCE_MS);
  return answer;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

t.test(
  'every read answers for the fleet, or for one replica, and says of how many it is',
  { skip: redisMissing, timeout: 600_000 },
  async (t) => {
    const redis = new RedisServer(await freePort(), ['--appendonly', 'yes']);
    await redis.run();
    t.teardown(() => redis.stop());
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const folder = t.testdir();
    const overrides = join(folder, 'overrides.yaml');
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `alice write ${WRITER}\n`);
    writeFileSync(overrides, 'overrides: { tight: { ingestion_rate: 100, ingestion_burst_size: 600 } }');
    const flags = [
      `--upstream.url=${mimir.url}`,
      `--state.redis.url=${redis.url}`,
      '--state.redis.command_timeout=2s',
      '--shutdown.timeout=0s',
      `--overrides.file=${overrides}`,
      `--admin.tokens_file=${tokens}`,
    ];
    const edges: StartedEdge[] = [];
    for (let i = 0; i < 3; i++) edges.push(await startEdge(t, flags));
    const [one, two, three] = edges as [StartedEdge, StartedEdge, StartedEdge];
    const names: string[] = [];
    for (const edge of edges) names.push((await json<{ replica: string }>(edge, 'status')).replica);

    for (const [i, edge] of edges.entries()) {
      for (let push = 0; push <= i; push++) {
        await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'tight', 'User-Agent': 'Shared/1.0' });
        await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'free', 'User-Agent': `Own${i}/1.0` });
      }
    }
    for (const edge of edges) {
      const allKnown = async () => (await json<Denials>(edge, 'denials')).scope.known === 3;
      t.ok(await eventually(allKnown, PATIENCE_MS), 'each knows of the others');
    }

    await t.test('refusals stand in one order, each with the replica that refused it', async (t) => {
      const all = await whole<Denials>(two, 'denials?limit=1000');
      t.match(all.scope, { of: 'fleet', replicas: 3, known: 3, silent: [], note: null });
      t.ok(all.scope.ageSeconds < 5);
      const validate = schema('/denials', 'get');
      t.ok(validate(all), ajv.errorsText(validate.errors));
      const times = all.denials.map(({ at }) => at);
      t.strictSame(times, [...times].sort().reverse());
      for (const [i, edge] of edges.entries()) {
        const own = await json<Denials>(edge, 'denials?replica=this');
        let asked: Partial<Denials> = {};
        const isSame = async () => {
          asked = await json<Partial<Denials>>(one, `denials?replica=${names[i]}`);
          return asked.denials?.length === own.denials.length;
        };
        await eventually(isSame, PATIENCE_MS);
        t.strictSame(asked.denials, own.denials, 'asked by its name, it answers what it answers itself');
        t.strictSame(
          all.denials.filter(({ replica }) => replica === names[i]),
          own.denials,
        );
      }
      const csv = await (await fetch(`${one.admin}/api/v1/denials?format=csv`)).text();
      t.equal(csv.trimEnd().split('\r\n').length, 1 + all.denials.length);
    });

    await t.test('senders are added up', async (t) => {
      const all = await whole<Senders>(three, 'senders');
      const validate = schema('/senders', 'get');
      t.ok(validate(all), ajv.errorsText(validate.errors));
      t.match(all.scope, { of: 'fleet', replicas: 3 });
      const shared = all.senders.find(({ program }) => program === 'Shared');
      const own = await Promise.all(edges.map((edge) => json<Senders>(edge, 'senders?replica=this')));
      const its = own.map(({ senders }) => senders.find(({ program }) => program === 'Shared')!);
      t.equal(shared?.pushes, sum(its.map(({ pushes }) => pushes)));
      t.equal(shared?.refused, sum(its.map(({ refused }) => refused)));
      t.equal(shared?.replicas, 3);
      t.match(
        all.senders.find(({ program }) => program === 'Own1'),
        { pushes: 2, replicas: 1 },
      );
    });

    await t.test('changes are one timeline, each once, with starts of all replicas', async (t) => {
      const body = JSON.stringify({ mode: 'shadow', ttl: '1h', reason: 'a test' });
      const headers = { Authorization: `Bearer ${WRITER}`, 'Content-Type': 'application/json' };
      const written = await fetch(`${two.admin}/api/v1/tenants/free/mode`, { method: 'PUT', body, headers });
      t.equal(written.status, 200);
      writeFileSync(overrides, 'overrides: { tight: { ingestion_rate: 200, ingestion_burst_size: 600 } }');
      const reload = await fetch(`${three.admin}/api/v1/reload`, { method: 'POST', headers });
      t.equal(reload.status, 200);
      const isKnown = async () => {
        const each = await Promise.all(edges.map((edge) => json<Audit>(edge, 'audit?replica=this')));
        return each.every(({ entries }) => entries.some(({ name }) => name === 'ingestion_rate'));
      };
      t.ok(await eventually(isKnown, PATIENCE_MS), 'each has read the document');
      const all = await whole<Audit>(one, 'audit');
      const validate = schema('/audit', 'get');
      t.ok(validate(all), ajv.errorsText(validate.errors));
      const kinds = all.entries.map(({ from, name, who, replica }) =>
        from === 'start' ? `start ${who}` : `${from} ${name} ${from === 'here' ? replica : ''}`,
      );
      t.strictSame(
        kinds.sort(),
        [
          ...names.map((name) => `start ${name}`),
          `here mode ${names[1]}`,
          `here reload ${names[2]}`,
          'overrides ingestion_rate ',
        ].sort(),
      );
    });

    await t.test('Mimir is told of as each replica sees it', async (t) => {
      const all = await whole<Replicas>(one, 'replicas');
      const validate = schema('/replicas', 'get');
      t.ok(validate(all), ajv.errorsText(validate.errors));
      t.strictSame(all.replicas.map(({ replica }) => replica).sort(), [...names].sort());
      t.equal(sum(all.replicas.map(({ upstream }) => upstream.responses['2xx'] ?? 0)), mimir.arrived.length);
      t.equal(all.addresses.length, 1);
      t.equal(all.addresses[0]?.replicas.length, 3);
      const isThree = async () =>
        (await json<{ replica: string }>(one, `status?replica=${names[2]}`)).replica === names[2];
      t.ok(await eventually(isThree, PATIENCE_MS), 'and may be asked itself');
    });

    await t.test('top metrics of a tenant come with their bounds', async (t) => {
      const has = async () => {
        // A push shows the names of those that were found.
        for (const { proxy } of [one, two]) await send(proxy, PUSH_500, { 'X-Scope-OrgID': 'free' });
        return (await json<Metrics>(one, 'tenants/free/metrics')).active.some(({ name }) => name !== null);
      };
      t.ok(await eventually(has, PATIENCE_MS), 'they are found');
      const all = await json<Metrics>(one, 'tenants/free/metrics');
      const validate = schema('/tenants/{id}/metrics', 'get');
      t.ok(validate(all), ajv.errorsText(validate.errors));
      for (const { series, atLeast, atMost } of all.active) t.ok(atLeast <= series && series <= atMost);
    });

    await t.test('who names none that is alive hears which there are', async (t) => {
      const answer = await fetch(`${one.admin}/api/v1/denials?replica=nobody`);
      t.equal(answer.status, 404);
      const { detail } = (await answer.json()) as { detail: string };
      for (const name of names) t.match(detail, name);
    });

    await t.test('one that is killed is named, then forgotten; its start is not', async (t) => {
      three.child.kill('SIGKILL');
      let scope: Scope | undefined;
      const isNamed = async () => {
        ({ scope } = await json<Denials>(one, 'denials'));
        return scope.replicas === 2;
      };
      t.ok(await eventually(isNamed, PATIENCE_MS));
      t.match(scope, { of: 'fleet', replicas: 2, known: 3, silent: [names[2]] });
      t.match(scope?.note, /1 of 3 replicas did not answer/);
      const isForgotten = async () => (await json<Denials>(one, 'denials')).scope.known === 2;
      t.ok(await eventually(isForgotten, PATIENCE_MS));
      const { entries } = await json<Audit>(two, 'audit?from=starts');
      t.ok(entries.some(({ who }) => who === names[2]));
    });

    await t.test('without Redis each answers for itself and says so; then for all again', async (t) => {
      await redis.kill();
      const isAlone = async () => (await json<Denials>(one, 'denials')).scope.of === 'machine';
      t.ok(await eventually(isAlone, PATIENCE_MS));
      const alone = await json<Denials>(one, 'denials');
      t.match(alone.scope, { replicas: 1, known: 2, note: /the others can not be asked/ });
      t.ok(alone.denials.every(({ replica }) => replica === names[0]));
      t.equal((await fetch(`${one.admin}/api/v1/status?replica=${names[1]}`)).status, 503);
      await redis.run();
      const isBack = async () => (await json<Denials>(one, 'denials')).scope.replicas === 2;
      t.ok(await eventually(isBack, PATIENCE_MS));
    });
  },
);
