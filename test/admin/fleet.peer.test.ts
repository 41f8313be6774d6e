/** What is written to the API of one replica of several that share a Redis. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MAX_ENTRIES } from '#src/controls/controls.js';
import { run } from '../cli/run.js';
import { eventually } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { type GivenAdmin, inOneProcess } from './fixtures.js';

/** Each with the overrides of its own, where there are some. */
async function fleet(
  t: Test,
  count: number,
  overrides: readonly string[] = [],
): Promise<{ redis: RedisServer; edges: GivenAdmin[] }> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const flags = { 'state.redis.url': redis.url, 'state.redis.command_timeout': '5s' };
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [i, text] of overrides.entries()) writeFileSync(join(folder, `own-${i}.yaml`), text);
  const edges: GivenAdmin[] = [];
  for (let i = 0; i < count; i++) {
    const own = i < overrides.length ? { 'overrides.file': join(folder, `own-${i}.yaml`) } : {};
    edges.push(await inOneProcess(t, { ...flags, ...own }));
  }
  return { redis, edges };
}

const PATIENCE_MS = 30_000;

async function machinesOf(edges: readonly GivenAdmin[]): Promise<string[]> {
  const found: string[] = [];
  for (const edge of edges) {
    const own = async () => (await edge.json<Fleet>('fleet?replica=this')).replicas[0]?.machine;
    t.ok(await eventually(async () => (await own()) !== undefined, PATIENCE_MS), 'the book knows it');
    found.push((await own()) ?? '');
  }
  return found;
}

interface Fleet {
  readonly replicas: readonly { readonly machine: string }[];
}

const OFF = { mode: 'off', ttl: '10m', reason: 'incident' };

t.test('with Redis', { skip: redisMissing }, async (t) => {
  t.test('an answer that says fleet means that every replica obeys', async (t) => {
    const { edges } = await fleet(t, 2);
    const [one, two] = edges as [GivenAdmin, GivenAdmin];
    const answer = await (await one.write('PUT', 'mode', OFF)).json();
    t.match(await two.json('status'), { mode: 'off' }, 'by the time of the answer');
    t.match(answer, { scope: 'fleet', workersBehind: [], replicasBehind: [], note: /every replica obeys/ });
  });

  t.test(
    'a panic that is set on one replica holds on all, one that is started later too, until it ends',
    async (t) => {
      const { redis, edges } = await fleet(t, 2);
      const [one, two] = edges as [GivenAdmin, GivenAdmin];
      const panic = { factor: 0, ttl: '10m', reason: 'ingesters are full' };
      t.match(await (await one.write('PUT', 'panic', panic)).json(), { scope: 'fleet' });
      const later = await inOneProcess(t, {
        'state.redis.url': redis.url,
        'state.redis.command_timeout': '5s',
      });
      for (const edge of [one, two, later]) {
        const { status } = await edge.push();
        t.equal(status, 503);
        t.match(await edge.json('panic'), { set: [{ factor: 0, by: 'alice', reason: panic.reason }] });
      }
      t.match(await two.json('audit?from=people&replica=this'), {
        entries: [{ who: 'alice', from: 'fleet', name: 'panic', after: 0 }],
      });
      t.match(await two.json('audit?from=people'), {
        scope: { of: 'fleet' },
        entries: [{ who: 'alice', from: 'here', name: 'panic', after: 0 }],
      });
      t.match(await (await two.write('DELETE', 'panic')).json(), { scope: 'fleet' });
      t.equal((await one.push()).status, 200);
    },
  );

  t.test('top shows one replica, whichever is asked, and all of them where none is named', async (t) => {
    const { edges } = await fleet(t, 2);
    const [one, two] = edges as [GivenAdmin, GivenAdmin];
    for (let i = 0; i < 3; i++) t.equal((await two.push()).status, 200);
    const [, machine = ''] = await machinesOf(edges);
    const top = async (edge: GivenAdmin, ...more: string[]) => {
      const said = await run(['top', '--once', `--url=${edge.url}`, ...more]);
      return { ...said, stdout: said.stdout.replaceAll(/\n {2}(?! )/g, ' ') };
    };
    const ofTwo = /, 2 replicas, .*; 1 tenants, .* of replica \S+\)\n.*\na +0 /s;
    const ofOne = /, 2 replicas, .*; 0 tenants, .* of replica \S+\)\n.*nearest limit\n$/s;
    for (const [edge, name, expected] of [
      [one, machine, ofTwo],
      [two, 'this', ofTwo],
      [one, 'this', ofOne],
    ] as const)
      t.match(await top(edge, `--replica=${name}`), { status: 0, stdout: expected, stderr: '' }, name);
    const isCounted = async () => / 1 tenants, .* of 2 replicas, \d+ s old\)/.test((await top(one)).stdout);
    t.ok(await eventually(isCounted, PATIENCE_MS), 'without it the fleet is shown');
    t.match(await top(one, '--replica=nobody'), {
      status: 2,
      stderr: /answers 404: there is no replica nobody; known are /,
    });
  });

  t.test('what may differ between replicas says whose it is, and can be asked of each', async (t) => {
    const overrides = [0, 0, 7].map((rate) => `overrides: { a: { request_rate: ${rate + 1} } }`);
    const { edges } = await fleet(t, 3, overrides);
    const [one, two, three] = edges as [GivenAdmin, GivenAdmin, GivenAdmin];
    type Scoped = { readonly scope: { readonly replicas: number; readonly note: string | null } };
    const isSeen = async () => (await one.json<{ replicas: unknown[] }>('replicas')).replicas.length === 3;
    t.ok(await eventually(isSeen, PATIENCE_MS), 'each knows of the others');
    t.match(await one.json('limits'), {
      scope: { of: 'fleet', replicas: 2, known: 3, note: /^1 of 3 replicas have other limits: .+:\d+$/ },
      tenants: [{ id: 'a', limits: { request_rate: 1 } }],
    });
    t.match(await three.json('limits'), {
      scope: { replicas: 1, note: /^2 of 3 replicas have other limits/ },
    });
    const machines = await machinesOf([one, two, three]);
    for (const [i, rate] of [1, 1, 8].entries()) {
      t.match(await one.json(`limits?replica=${machines[i]}`), {
        scope: { of: 'machine', replicas: 1, note: /alone, as asked$/ },
        tenants: [{ limits: { request_rate: rate } }],
      });
    }
    for (const [i, machine] of machines.entries()) {
      t.match(await two.json(`config?replica=${machine}`), {
        scope: { note: /alone, as asked$/ },
        settings: { overrides: { file: [new RegExp(`own-${i}.yaml$`)] } },
      });
    }
    const asked = (note: RegExp): object => ({ scope: { of: 'machine', replicas: 1, known: 3, note } });
    t.match(await one.json('config'), asked(/^of replica .+, which was asked: each has settings of its own/));
    t.match(await one.json('panic'), asked(/which was asked: what is set holds for all/));
    t.match(await one.json(`panic?replica=${machines[1]}`), asked(/alone, as asked/));
    for (const path of ['advice', 'report', 'costs', 'advice/a']) {
      const { scope } = await one.json<Scoped>(path);
      t.match(scope, { of: 'fleet', note: null, until: String, ageSeconds: Number }, path);
    }
    t.match(await one.json('limits?replica=nobody'), { status: 404 });
  });

  t.test('one that was alive lately and does not obey is named', async (t) => {
    const { redis, edges } = await fleet(t, 1);
    const now = String(Date.now()).padStart(15, '0');
    await redis.admin.hset('mimir-edge:{#controls}:controls:readers', 'x', `${now}old edge-7:1`);
    t.match(await (await edges[0]!.write('PUT', 'mode', OFF)).json(), {
      scope: 'part',
      replicasBehind: ['edge-7:1'],
      note: /replica edge-7:1 has not said that it obeys/,
    });
  });

  t.test('one write that Redis refuses makes nobody deaf, and is told', async (t) => {
    const { redis, edges } = await fleet(t, 2);
    const [one, two] = edges as [GivenAdmin, GivenAdmin];
    await redis.admin.hset('mimir-edge:{#controls}:controls', full());
    const limit = { value: 5, ttl: '1h', reason: 'x' };
    const refused = await (await one.write('PUT', 'tenants/a/limits/request_rate', limit)).json();
    t.match(refused, { scope: 'replica', note: /does not take this/ });
    t.match(await one.json('status'), { sharing: { reachable: true, lastError: /too many entries/ } });
    await redis.admin.hdel('mimir-edge:{#controls}:controls', 'x0', 'x1', 'x2');
    t.match(await (await two.write('PUT', 'mode', OFF)).json(), { scope: 'fleet' });
    t.match(await one.json('status'), { mode: 'off', sharing: { lastError: null } });
  });
});

/** As many entries as there is room for, of a version that knows more. */
function full(): Record<string, string> {
  const until = String(Date.now() + 600_000).padStart(15, '0');
  const value = `${'1'.padStart(15, '0')}00000000-0000-4000-8000-000000000000 ${until}{}`;
  const entries = Array.from({ length: MAX_ENTRIES }, (_, index) => [`x${index}`, value]);
  return { ...Object.fromEntries(entries), version: 'v' };
}
