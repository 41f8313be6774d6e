/** docs/metrics.md and what an edge really exports, held against each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { request } from 'undici';
import { startApp } from '#src/app/start-app.js';
import { loadConfig } from '#src/config/config.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const docs = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');

/** Exported where there is Redis or a primary with its workers, and not by a process alone. */
const ELSEWHERE = /^mimir_edge_(ledger_|replicas_|worker)/;

/** Names and labels of the tables: a_{b,c} is a_b and a_c. */
function documented(): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, names = '', labels = ''] of docs.matchAll(/^\| (`mimir_edge_.*?) \| (.*?) \|/gm)) {
    for (const [, name = ''] of names.matchAll(/`([^`]+)`/g)) {
      const [, before = name, alternatives = '', after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
      for (const one of alternatives.split(',')) found.set(before + one + after, labels.trim());
    }
  }
  return found;
}

async function exported(): Promise<string> {
  const loaded = loadConfig({
    env: {},
    flags: {
      'upstream.url': 'http://127.0.0.1:1',
      'upstream.fairness': 'act',
      'listen.proxy': '127.0.0.1:0',
      'listen.admin': '127.0.0.1:0',
      'listen.grpc': '127.0.0.1:0',
      'envoy.enabled': 'true',
    },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const app = await startApp(loaded.config, pino({ level: 'silent' }));
  t.teardown(() => app.stop());
  const { body } = await request(`http://127.0.0.1:${app.admin.port}/metrics`);
  return body.text();
}

t.test('every metric is documented, and every metric that is documented is there', async (t) => {
  const text = await exported();
  const names = [...text.matchAll(/^# TYPE (mimir_edge_\S+)/gm)].map(([, name = '']) => name);
  const inDocs = documented();
  t.strictSame(
    names.filter((name) => !inDocs.has(name)),
    [],
    'exported, and not documented',
  );
  t.strictSame(
    [...inDocs.keys()].filter((name) => !names.includes(name) && !ELSEWHERE.test(name)),
    [],
    'documented, and not exported',
  );
});

t.test('every metric is read by a test', async (t) => {
  const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && file !== 'telemetry/documented.test.ts')
    .map((file) => readFileSync(join(ROOT, 'test', file), 'utf8'))
    .join('\n');
  const unnamed = [...documented().keys()].filter(
    (name) => !new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(tests),
  );
  t.strictSame(unnamed, []);
});

t.test('labels are those that the documentation says', async (t) => {
  const inDocs = documented();
  for (const [, name = '', labels = ''] of (await exported()).matchAll(/^(mimir_edge_\w+)\{(.*)\} /gm)) {
    if (name.endsWith('_bucket')) continue;
    const keys = [...labels.matchAll(/(\w+)="/g)].map(([, key]) => key).join(', ');
    t.equal(keys, inDocs.get(name), name);
  }
});
