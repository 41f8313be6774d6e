/** Guards of a whole edge: what its own upstream or a Prometheus makes them do, and where that is told. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EDGE_INTERVAL_MS } from '#src/guard/guards.js';
import { type GivenAdmin, inOneProcess, inTwoWorkers } from '../admin/fixtures.js';
import { run } from '../cli/run.js';
import { eventually, PUSH_500, upstream } from '../doors/http/fixtures.js';
import { startEdge } from '../e2e/processes.js';

interface Panic {
  readonly admitted: { readonly critical: number; readonly normal: number; readonly low: number };
  readonly guard: {
    readonly mode: string;
    readonly modeSource: string;
    readonly guards: readonly {
      readonly guard: string;
      readonly level: string;
      readonly cause: string | null;
      readonly rules: readonly {
        readonly rule: string;
        readonly load: number | null;
        readonly error: string | null;
      }[];
    }[];
  };
}

/** Short times, so that a test sees all of it. */
const QUICK = {
  'guard.mode': 'act',
  'guard.warn.hold': '0s',
  'guard.emergency.hold': '0s',
  'guard.panic.hold': '0s',
  'guard.panic.admit': '10',
  'guard.panic.admit_critical': '90',
  'guard.emergency.admit': '20',
  'guard.recovery.after': '100ms',
  'guard.recovery.every': '100ms',
  'guard.recovery.step': '30',
  'guard.prometheus.interval': '1s',
  'guard.prometheus.timeout': '1s',
  'guard.prometheus.keep': '1s',
};
/** Within this the edge has looked at what it sent, and more pushes tell it nothing new. */
const LOOKED_AGAIN_MS = EDGE_INTERVAL_MS * 1.25;
const BURST = 'overrides: { a: { ingestion_rate: 1e-9, ingestion_burst_size: 1000 } }';

/** Says of every expression what a test wants it to come to. */
async function prometheus(t: Test, given: { value: string | undefined }): Promise<string> {
  const server = createServer((_, res) => {
    if (given.value === undefined) res.writeHead(503).end();
    else
      res.end(
        JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, given.value] } }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const problems = async (edge: GivenAdmin) =>
  (await edge.json<{ verdict: { problems: { text: string }[] } }>('overview')).verdict.problems.map(
    ({ text }) => text,
  );
const top = async (edge: GivenAdmin) =>
  (await run(['top', '--once', `--url=${edge.url}`])).stdout.replaceAll('\n  ', ' ');
const panic = (edge: GivenAdmin) => edge.json<Panic>('panic');

async function reaches(t: Test, edge: GivenAdmin, normal: number, what: string): Promise<void> {
  t.ok(await eventually(async () => (await panic(edge)).admitted.normal === normal), what);
}

for (const [name, admin] of [
  ['in one process', inOneProcess],
  ['with workers', inTwoWorkers],
] as const) {
  t.test(
    `a Prometheus that says that Mimir is full makes the guard act, and all comes back by steps, ${name}`,
    async (t) => {
      const given: { value: string | undefined } = { value: '0.96' };
      const url = await prometheus(t, given);
      const flags = { ...QUICK, 'guard.prometheus.url': url, 'guard.prometheus.memory': 'memory' };
      const edge = await admin(t, flags, BURST);
      await reaches(t, edge, 0.1, 'it acts');
      t.match(await panic(edge), {
        admitted: { critical: 0.9, normal: 0.1, low: 0.1 },
        set: [],
        guard: {
          mode: 'act',
          modeSource: 'settings',
          guards: [
            { guard: 'edge', level: 'calm', cause: null },
            {
              guard: 'prometheus',
              level: 'panic',
              cause: 'memory is at 96 %: its expression comes to 0.96',
              rules: [{ rule: 'memory', load: 0.96, error: null }],
            },
          ],
        },
      });
      const refused = await edge.push();
      t.equal(refused.status, 503);
      t.match(await refused.text(), /may send 10 % of their rates .*err-edge-panic/);
      const metrics = await (await edge.get('/metrics')).text();
      for (const line of [
        'mimir_edge_panic_admitted{priority="normal"} 0.1',
        'mimir_edge_guard_load{guard="prometheus",rule="memory"} 0.96',
        'mimir_edge_guard_rule_known{guard="prometheus",rule="memory"} 1',
        'mimir_edge_guard_level{guard="prometheus",mode="act"} 4',
        'mimir_edge_guard_level{guard="edge",mode="act"} 0',
        'mimir_edge_guard_admitted{guard="prometheus",mode="act"} 0.1',
        'mimir_edge_guard_steps_total{guard="prometheus",step="raised"} 1',
        'mimir_edge_guard_failures_total ',
      ]) {
        t.ok(metrics.includes(`\n${line}`), line);
      }

      t.match(
        await top(edge),
        /, PANIC: critical 90 %, normal 10 %, low 10 % of their rates; .*\nguard prometheus acts: panic, because memory is at 96 %/s,
      );
      t.match(
        (await problems(edge)).find((text) => text.startsWith('A guard acts')),
        /^A guard acts, by what a Prometheus says: panic, admits 10 % .*; memory is at 96 %/,
      );
      given.value = undefined;
      t.ok(
        await eventually(async () => /503/.test((await panic(edge)).guard.guards[1]?.rules[0]?.error ?? '')),
        'that it does not answer is said',
      );
      t.match(await top(edge), /\nguard prometheus does not know memory: it answers 503\n/);
      t.ok((await problems(edge)).includes('A guard does not know memory: its Prometheus answers 503.'));
      given.value = '0.1';
      await reaches(t, edge, 1, 'all comes back');
      t.equal((await edge.push()).status, 200);
      const { entries } = await edge.json<{
        entries: { who: string; action: string; after: string | null }[];
      }>('audit');
      t.strictSame(
        entries
          .reverse()
          .filter(({ who }) => who === 'guard')
          .map(({ action, after }) => `${action} ${after}`),
        [
          'set panic, admits 10 % and 90 % of critical tenants',
          'set recovering, admits 40 % and 100 % of critical tenants',
          'set recovering, admits 70 % and 100 % of critical tenants',
          'take back null',
        ],
      );
    },
  );

  t.test(`a guard that observes says what it would do, and nothing is refused, ${name}`, async (t) => {
    const url = await prometheus(t, { value: '2' });
    const flags = {
      ...QUICK,
      'guard.mode': 'observe',
      'guard.prometheus.url': url,
      'guard.prometheus.cpu': 'cpu',
    };
    const edge = await admin(t, flags, BURST);
    t.ok(await eventually(async () => (await panic(edge)).guard.guards[1]?.level === 'panic'));
    t.match(await panic(edge), {
      admitted: { critical: 1, normal: 1, low: 1 },
      guard: { mode: 'observe', guards: [{}, { admitted: { normal: 0.1 } }] },
    });
    t.equal((await edge.push()).status, 200);
    t.match(await edge.json('audit?from=people'), { entries: [] });
    t.match(await top(edge), /\nguard prometheus would act: panic, because cpu is at 200 %/);
    const act = { mode: 'act', ttl: '1h', reason: 'it is right' };
    t.equal((await edge.write('PUT', 'guard', act)).status, 200);
    await reaches(t, edge, 0.1, 'somebody has it act, for a time');
    t.match(await panic(edge), { guard: { mode: 'act', modeSource: 'temporary' } });
    t.equal((await edge.write('DELETE', 'guard')).status, 200);
    t.match(await panic(edge), {
      admitted: { normal: 1 },
      guard: { mode: 'observe', modeSource: 'settings' },
    });
    t.match((await (await edge.write('PUT', 'guard', { ...act, mode: 'sleep' })).json()) as object, {
      detail: /mode is one of observe, act/,
    });
  });

  t.test(`pushes that fail at Mimir make the guard of this machine act, ${name}`, async (t) => {
    const mimir = await upstream((req, res) =>
      res.writeHead(req.headers['x-scope-orgid'] === 'well' ? 200 : 500).end(),
    );
    t.teardown(() => mimir.close());
    const flags = {
      ...QUICK,
      'upstream.url': mimir.url,
      'upstream.breaker': 'off',
      'guard.upstream_failures': '10',
    };
    const edge = await admin(t, flags);
    const push = (tenant: string) => edge.push(PUSH_500, { 'x-scope-orgid': tenant });
    const all = async () => {
      for (let i = 0; i < 20; i++) await Promise.all(['well', 'bad', 'worse'].map(push));
      return eventually(async () => (await panic(edge)).admitted.normal < 1, LOOKED_AGAIN_MS);
    };
    t.ok(await eventually(all), 'it acts');
    t.match(await panic(edge), {
      guard: {
        guards: [
          { guard: 'edge', cause: /^upstream_failures is at \d+ %: \d+ of \d+ pushes failed at Mimir/ },
        ],
      },
    });
  });
}

t.test('the log has each step, and says whether it was done', async (t) => {
  for (const [mode, line] of [
    [
      'act',
      /"level":40[^\n]*"acts":true,"msg":"guard: panic, admits 10 % and 90 % of critical tenants, because memory is at 99 %: /,
    ],
    [
      'observe',
      /"level":40[^\n]*"acts":false,"msg":"guard: panic, admits 10 % [^"]* \(observes: nothing is done\), because memory is at 99 %: /,
    ],
  ] as const) {
    const given: { value: string | undefined } = { value: '0.99' };
    const url = await prometheus(t, given);
    const flags = {
      ...QUICK,
      'guard.mode': mode,
      'guard.prometheus.url': url,
      'guard.prometheus.memory': 'memory',
    };
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const edge = await startEdge(t, [
      `--upstream.url=${mimir.url}`,
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ]);
    t.ok(await eventually(() => line.test(edge.output())), mode);
    given.value = undefined;
    const unknown = /"msg":"guard: memory is not known, and raises nothing: Prometheus answers 503"/;
    t.ok(await eventually(() => unknown.test(edge.output())), 'nor is it silent about what it does not know');
    given.value = '0';
    t.ok(await eventually(() => /"msg":"guard: memory is known again"/.test(edge.output())));
    t.ok(
      await eventually(() => /"level":30[^\n]*"msg":"guard: calm/.test(edge.output())),
      'and says when it is over',
    );
  }
});

t.test(
  'a process that is killed while its guard acts comes back with what was admitted before',
  async (t) => {
    const mimir = await upstream((_req, res) => res.writeHead(500).end());
    t.teardown(() => mimir.close());
    const flags = {
      ...QUICK,
      'upstream.url': mimir.url,
      'upstream.breaker': 'off',
      'guard.recovery.after': '10m',
      'state.dir': t.testdir(),
    };
    const start = () =>
      startEdge(
        t,
        Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      );
    const admitted = async ({ admin }: { admin: string }) =>
      ((await (await fetch(`${admin}/api/v1/panic`)).json()) as Panic).admitted.normal;
    const edge = await start();
    const push = async (proxy: string) => {
      const headers = {
        'content-encoding': 'snappy',
        'content-type': 'application/x-protobuf',
        'x-scope-orgid': 'a',
      };
      return (await fetch(`${proxy}/api/v1/push`, { method: 'POST', headers, body: PUSH_500 })).status;
    };
    const fails = async () => {
      await Promise.all(Array.from({ length: 20 }, () => push(edge.proxy)));
      return eventually(async () => (await admitted(edge)) < 1, LOOKED_AGAIN_MS);
    };
    t.ok(await eventually(fails), 'it acts');
    const kept = join(flags['state.dir'], 'controls.jsonl');
    t.ok(
      await eventually(() => existsSync(kept) && readFileSync(kept, 'utf8').includes('guard')),
      'it is written',
    );
    const ended = new Promise((resolve) => edge.child.once('exit', resolve));
    edge.child.kill('SIGKILL');
    await ended;
    t.equal(await admitted(await start()), 0.1);
  },
);
