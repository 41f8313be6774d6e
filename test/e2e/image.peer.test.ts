/**
 * What the Dockerfile says, done without an engine: its own COPY lines, build command, entry point and health check, on
 * the production packages alone, as a user who may write nowhere. NODE_OF_IMAGE names the node to run it with; without, it
 * is the one that runs this.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import t, { type Test } from 'tap';
import { send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { BUILD, copied, ignored, ROOT, RUN } from './dockerfile.js';
import { answering, start } from './processes.js';

const NODE = process.env['NODE_OF_IMAGE'] ?? process.execPath;
const NOBODY = 65_534;

t.test('what the Dockerfile copies builds, and what it keeps serves', async (t) => {
  const build = join(t.testdir(), 'build');
  if (process.env['REQUIRE_PEERS'] === '1') t.ok(process.env['NODE_OF_IMAGE'], 'NODE_OF_IMAGE is given');
  const isSent = (path: string) => !ignored(relative(ROOT, path));
  for (const [from, to] of copied(BUILD)) copy(join(ROOT, from), join(build, to), isSent);
  symlinkSync(join(ROOT, 'node_modules'), join(build, 'node_modules'));
  const built = spawnSync('npm', ['run', 'build'], { cwd: build, encoding: 'utf8' });
  t.equal(built.status, 0, built.stderr);

  const app = join(dirname(build), 'app');
  for (const [from, to] of copied(RUN)) copy(join(ROOT, from), join(app, to));
  cpSync(join(build, 'dist'), join(app, 'dist'), { recursive: true });
  for (const folder of productionPackages())
    copy(join(ROOT, folder), join(app, folder), (path) => !/\/node_modules$/.test(path));

  await serves(t, app);
});

async function serves(t: Test, app: string): Promise<void> {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const [command, main = '', ...args] = [...words(RUN, 'ENTRYPOINT'), ...words(RUN, 'CMD')];
  t.equal(command, 'node');
  const [port, admin] = [await freePort(), await freePort()];
  const flags = [
    `--listen.proxy=127.0.0.1:${port}`,
    `--listen.admin=127.0.0.1:${admin}`,
    `--upstream.url=${mimir.url}`,
  ];
  const isRoot = process.getuid?.() === 0;
  const edge = start(
    t,
    NODE,
    [main.replace('/app', app), ...args, ...flags],
    {},
    { cwd: '/', ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) },
  );
  const isUp = await answering(`http://127.0.0.1:${admin}/readyz`, () => true);
  if (!t.ok(isUp, 'it is ready')) t.comment(edge.output());

  t.equal((await send(`http://127.0.0.1:${port}`)).status, 200);
  t.equal(mimir.arrived.length, 1);
  t.equal((await send(`http://127.0.0.1:${port}`, Buffer.from('broken'))).status, 400);
  t.equal(mimir.arrived.length, 1);

  const check = (atPort: number) => {
    const [, ...words] = healthCheck().map((word) => word.replace(':8082/', `:${atPort}/`));
    return spawnSync(NODE, words).status;
  };
  t.equal(check(admin), 0, 'the health check finds it well');
  t.equal(await edge.stop(), 0, edge.output());
  t.equal(check(admin), 1, 'the health check finds it gone');
}

/** `COPY a b ./` and `COPY a b` alike. */
function copy(from: string, to: string, filter: (path: string) => boolean = () => true): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter: (path) => path === from || filter(path) });
}

/** What npm keeps without development packages, as the lock file says. */
function productionPackages(): string[] {
  const listed = spawnSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return listed.stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((path) => relative(ROOT, path));
}

function words(stage: string, instruction: string): string[] {
  const [, json = '[]'] = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(stage) ?? [];
  return JSON.parse(json);
}

function healthCheck(): string[] {
  const [, json = '[]'] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(RUN) ?? [];
  return JSON.parse(json);
}
