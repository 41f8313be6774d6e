/** Threads that are closed at any time. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { openThreads } from '#src/base/threads.js';

const MODULES = 400;

t.test('threads that are closed while they load end, and nothing else does', async (t) => {
  // A chain, so that it takes a while.
  const files = Object.fromEntries(
    Array.from({ length: MODULES }, (_, n) => [
      `${n}.mjs`,
      `${n + 1 < MODULES ? `import './${n + 1}.mjs';\n` : ''}export const answer = () => ${n};\n`,
    ]),
  );
  const first = pathToFileURL(join(t.testdir(files), '0.mjs'));
  const options = { name: 'answer', minThreads: 2, maxThreads: 2 };
  const loaded = openThreads(first, options);
  const startedMs = performance.now();
  t.equal(await loaded.run(undefined), 0);
  const loadMs = performance.now() - startedMs;
  await loaded.destroy();
  for (let part = 0.1; part < 1; part += 0.1) {
    const loading = openThreads(first, options);
    await delay(loadMs * part);
    await loading.destroy();
    t.equal(loading.threads.length, 0);
  }
});

t.test('a thread has those flags of its process that it can have', async (t) => {
  const { execArgv } = process;
  t.teardown(() => {
    process.execArgv = execArgv;
  });
  process.execArgv = ['--max-old-space-size=500', '--enable-source-maps', '--expose-gc'];
  const folder = t.testdir({ 'flags.mjs': 'export const flags = () => process.execArgv;\n' });
  const threads = openThreads(pathToFileURL(join(folder, 'flags.mjs')), {
    name: 'flags',
    minThreads: 1,
    maxThreads: 1,
  });
  t.strictSame(await threads.run(undefined), ['--enable-source-maps', '--no-experimental-require-module']);
  await threads.destroy();
});
