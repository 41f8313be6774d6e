/** Files of the demonstration, tried with the programs that they are for. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { needs } from '../e2e/processes.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const DEMO = join(ROOT, 'demo');
const read = (name: string) => readFileSync(join(DEMO, name), 'utf8');

t.test('the script makes each secret that the compose file names, once', async (t) => {
  if (!needs(t, 'openssl', ['version'])) return;
  const folder = t.testdir();
  cpSync(join(DEMO, 'secrets.sh'), join(folder, 'secrets.sh'));
  const make = () => spawnSync('sh', [join(folder, 'secrets.sh')], { encoding: 'utf8' });
  t.equal(make().status, 0);
  const made = readdirSync(join(folder, 'secrets'));
  t.strictSame(made.sort(), Object.keys(parse(read('compose.yaml'), { merge: true }).secrets).sort());
  t.equal(statSync(join(folder, 'secrets')).mode & 0o777, 0o700);
  const before = made.map((name) => readFileSync(join(folder, 'secrets', name), 'utf8'));
  t.equal(new Set(before).size, before.length);
  t.equal(make().status, 0);
  t.strictSame(
    made.map((name) => readFileSync(join(folder, 'secrets', name), 'utf8')),
    before,
  );
});

t.test('each program takes its file', async (t) => {
  const tools: [string, string[]][] = [
    ['promtool', ['check', 'config', '--syntax-only', join(DEMO, 'prometheus.yml')]],
    ['amtool', ['check-config', join(DEMO, 'alertmanager.yml')]],
  ];
  for (const [command, args] of tools) {
    if (!needs(t, command)) continue;
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    t.equal(status, 0, `${stdout}${stderr}`);
  }
  if (needs(t, 'nginx', ['-v'])) t.equal(nginxSays(t.testdir()), '');
});

/** Its configuration test, with names that can be resolved here. */
function nginxSays(folder: string): string {
  cpSync(join(ROOT, 'nginx'), folder, { recursive: true });
  for (const name of ['nginx.conf', 'hosts.conf', 'listen.conf']) {
    const text = read(name).replace(/server [a-z0-9-]+:/g, 'server 127.0.0.1:');
    writeFileSync(join(folder, name), text.replace('/dev/stdout', join(folder, 'log')));
  }
  mkdirSync(join(folder, 'temp'));
  const args = ['-t', '-q', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  const { stdout, stderr } = spawnSync('nginx', [...args, '-g', `pid ${join(folder, 'pid')};`], {
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`;
}
