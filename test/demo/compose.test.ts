/** The compose file, as far as it can be tried without an engine: all it names is there, and every program takes its file. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfig } from '#src/config/config.js';
import { MAIN } from '../e2e/processes.js';

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

t.test('secrets come from files alone', async (t) => {
  for (const [name, { environment = {} }] of services)
    for (const variable of Object.keys(environment))
      t.notMatch(variable, /PASSWORD$|TOKEN$|SECRET$/, `${name}: ${variable}`);
});

t.test('the edge takes its files, and has the defaults that Mimir has', async (t) => {
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
});
