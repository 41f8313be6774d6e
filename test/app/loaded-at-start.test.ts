/** What a process loads before it serves: what it does not need costs each start CPU, and that of each worker again. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';

const DIST = new URL('../../../dist/', import.meta.url).pathname;
const IMPORT = /^(?:import|export)\b[^;]*?["']([^"']+)["'];/gm;

/** The files of dist/ that one imports, directly or not, and packages by their names. What it imports later does not count. */
function loadedBy(entry: string): Set<string> {
  const loaded = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (loaded.has(file)) continue;
    loaded.add(file);
    if (!file.endsWith('.js')) continue;
    for (const [, specifier = ''] of readFileSync(join(DIST, file), 'utf8').matchAll(IMPORT))
      if (!specifier.startsWith('node:'))
        waiting.push(
          specifier.startsWith('.') ? relative(DIST, join(DIST, file, '..', specifier)) : specifier,
        );
  }
  return loaded;
}

for (const [entry, what, needed, spared] of [
  [
    'workers/worker.js',
    'a worker needs nothing of the control plane',
    /^app\/data-plane\.js$/,
    /^(admin\/(?!edge)|advice|guard|controls|overrides|usage\/bookkeeper|yaml)/,
  ],
  [
    'workers/primary.js',
    'a primary needs nothing of what touches pushes',
    /^app\/control-plane\.js$/,
    /^(app\/data-plane|doors\/(http|envoy)|payload\/(decoder|kernel)|series\/series-tracker)/,
  ],
  [
    'app/start-app.js',
    'what speaks gRPC is loaded where Envoy is served, what keeps workers where there are some',
    /^app\/(control|data)-plane\.js$/,
    /^(doors\/envoy|protobufjs|workers)/,
  ],
  [
    'cli/serve.js',
    'settings are read before anything of the edge is loaded',
    /^config\/config\.js$/,
    /^(app|workers|doors|admin)\/|^(undici|ioredis|prom-client|protobufjs|piscina)/,
  ],
] as const) {
  t.test(`${what}: ${entry}`, async (t) => {
    const loaded = [...loadedBy(entry)];
    t.ok(
      loaded.some((file) => needed.test(file)),
      'the imports are found',
    );
    t.strictSame(
      loaded.filter((file) => spared.test(file)),
      [],
    );
  });
}
