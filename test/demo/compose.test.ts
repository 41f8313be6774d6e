/** The compose file, as far as it can be tried without an engine: all it names is there, and every program takes its file. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfig } from '#src/config/config.js';
import { MAIN, needs } from '../e2e/processes.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const DEMO = join(ROOT, 'demo');
const read = (name: string) => readFileSync(join(DEMO, name), 'utf8');

interface Service {
  readonly image: string;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, object>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose: Compose = parse(read('compose.yaml'), { merge: true });
const services = Object.entries(compose.services);

t.test('what the compose file names is there', async (t) => {
  for (const [name, { image, volumes = [], secrets = [], depends_on = [], ports = [] }] of services) {
    t.match(image, /:[\w.-]*\d|:demo$/, `${name} has a version`);
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      const isThere = source.startsWith('.') ? existsSync(join(DEMO, source)) : source in compose.volumes;
      t.ok(isThere, `${name}: ${volume}`);
    }
    for (const secret of secrets) t.ok(secret in compose.secrets, `${name}: secret ${secret}`);
    for (const other of depends_on) t.ok(other in compose.services, `${name} depends on ${other}`);
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/, 'nothing is served to the world');
  }
});

t.test('every host that a file names is a service', async (t) => {
  const files = readdirSync(DEMO, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(yaml|yml|conf|alloy)$/.test(file) && !/^(compose|nginx)\./.test(file),
  );
  for (const file of files) {
    const hosts = [...read(file).matchAll(/(?:\/\/|server |targets: \["|, ")([a-z][a-z0-9-]*):\d+/g)];
    for (const [, host = ''] of hosts)
      t.ok(host === 'localhost' || host in compose.services, `${file}: ${host}`);
  }
});

t.test('secrets come from files alone, and the script makes each of them once', async (t) => {
  for (const [name, { environment = {} }] of services)
    for (const variable of Object.keys(environment))
      t.notMatch(variable, /PASSWORD$|TOKEN$|SECRET$/, `${name}: ${variable}`);
  if (!needs(t, 'openssl', ['version'])) return;
  const folder = t.testdir();
  cpSync(join(DEMO, 'secrets.sh'), join(folder, 'secrets.sh'));
  const make = () => spawnSync('sh', [join(folder, 'secrets.sh')], { encoding: 'utf8' });
  t.equal(make().status, 0);
  const made = readdirSync(join(folder, 'secrets'));
  t.strictSame(made.sort(), Object.keys(compose.secrets).sort());
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
  const loaded = loadConfig({ file: { name: 'edge.yaml', text: read('edge.yaml') }, env: {}, flags: {} });
  t.strictSame('errors' in loaded ? loaded.errors : [], []);
  const check = spawnSync(process.execPath, [MAIN, 'check', join(DEMO, 'overrides.yaml')], {
    encoding: 'utf8',
  });
  t.equal(check.status, 0, check.stderr);
  t.strictSame(
    parse(read('mimir.yaml')).limits,
    parse(read('edge.yaml')).limits,
    'the edge has the defaults that Mimir has',
  );
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
