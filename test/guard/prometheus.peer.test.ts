/** A real Prometheus that scrapes what a Mimir might say, and two edges that share a Redis and ask it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type GivenAdmin, inOneProcess } from '../admin/fixtures.js';
import { eventually } from '../doors/http/fixtures.js';
import { needs } from '../e2e/processes.js';
import { startPrometheus } from '../e2e/prometheus-processes.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';

/** An exporter of two ingesters, of which one has so much of its memory in use. */
async function exporter(t: Test, given: { memory: number }): Promise<string> {
  const server = createServer((_, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' });
    res.end(
      ['# TYPE memory_used_bytes gauge', '# TYPE memory_limit_bytes gauge']
        .concat(
          `memory_used_bytes{pod="ingester-0"} ${given.memory * 1e9}`,
          'memory_used_bytes{pod="ingester-1"} 1e8',
        )
        .concat('memory_limit_bytes{pod="ingester-0"} 1e9', 'memory_limit_bytes{pod="ingester-1"} 1e9')
        .map((line) => `${line}\n`)
        .join(''),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Panic {
  readonly admitted: { readonly critical: number; readonly normal: number };
  readonly guard: {
    readonly guards: readonly {
      readonly level: string;
      readonly rules: readonly { readonly load: number | null }[];
    }[];
  };
}

interface Entry {
  readonly who: string;
  readonly from: string;
  readonly action: string;
  readonly after: string | null;
}

const of = (edge: GivenAdmin) => edge.json<Panic>('panic');

async function reaches(t: Test, edges: readonly GivenAdmin[], admitted: object, what: string): Promise<void> {
  const all = async () => {
    const each = await Promise.all(edges.map(async (edge) => JSON.stringify((await of(edge)).admitted)));
    return each.every((one) => one === JSON.stringify(admitted));
  };
  t.ok(await eventually(all), what);
}

t.test(
  'what a Prometheus scrapes goes over a level: both edges obey; it falls: both recover by steps',
  { skip: redisMissing },
  async (t) => {
    if (!needs(t, 'prometheus')) return;
    const given = { memory: 0.5 };
    const target = await exporter(t, given);
    const prometheus = await startPrometheus(
      t,
      t.testdir(),
      `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: mimir, static_configs: [{ targets: ['${target}'] }] }]\n`,
    );
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const flags = {
      'state.redis.url': redis.url,
      'state.redis.command_timeout': '5s',
      'guard.mode': 'act',
      'guard.emergency.hold': '500ms',
      'guard.panic.hold': '500ms',
      'guard.recovery.after': '1500ms',
      'guard.recovery.every': '500ms',
      'guard.recovery.step': '20',
      'guard.prometheus.url': prometheus,
      'guard.prometheus.memory': 'max(memory_used_bytes / on (pod) memory_limit_bytes)',
      'guard.prometheus.interval': '300ms',
      'guard.prometheus.timeout': '300ms',
      'guard.prometheus.keep': '1h',
    };
    const edges: GivenAdmin[] = [];
    // The test's own folder is made anew by each start.
    const folder = mkdtempSync(join(tmpdir(), 'audit-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const audit = (i: number) => join(folder, `${i}.jsonl`);
    const started = (i: number) => inOneProcess(t, { ...flags, 'admin.audit_file': audit(i) });
    for (let i = 0; i < 2; i++) edges.push(await started(i));
    const [edge] = edges as [GivenAdmin];
    const knows = async () => (await of(edge)).guard.guards[1]?.rules[0]?.load === 0.5;
    t.ok(await eventually(knows), 'the ingester with the most of its memory in use counts');
    given.memory = 0.92;
    await reaches(t, edges, { critical: 1, normal: 0.75, low: 0.75 }, 'an emergency');
    given.memory = 0.97;
    await reaches(t, edges, { critical: 0.8, normal: 0.5, low: 0.5 }, 'a panic');
    const again = await started(0);
    await reaches(t, [again], { critical: 0.8, normal: 0.5, low: 0.5 }, 'one that is started in it obeys');
    const told = readFileSync(audit(0), 'utf8').match(/"after":"panic, admits/g);
    t.equal(told?.length, 1, 'and tells of no step a second time');
    given.memory = 0.3;
    await reaches(t, edges, { critical: 1, normal: 1, low: 1 }, 'all comes back');

    const steps: Entry[] = [];
    for (const one of edges) {
      const { entries } = await one.json<{ entries: Entry[] }>('audit?replica=this');
      const its = entries.reverse().filter(({ who }) => who === 'guard');
      steps.push(...its.filter(({ from }) => from === 'here'));
      t.strictSame(
        // Two that look in one moment may take the same step.
        [...new Set(its.map(({ action, after }) => `${action} ${after ?? 'nothing'}`))],
        [
          'set emergency, admits 75 % and 100 % of critical tenants',
          'set panic, admits 50 % and 80 % of critical tenants',
          'set recovering, admits 70 % and 100 % of critical tenants',
          'set recovering, admits 90 % and 100 % of critical tenants',
          'take back nothing',
        ],
        'each edge tells of each step, whoever took it',
      );
    }
    t.ok(steps.length < 10, `${steps.length} were taken, and not each of them by both`);
  },
);
