/** Files that settings name and that are not as they should be: one line, at the start, that names the setting. */
import { join } from 'node:path';
import t from 'tap';
import { checkFiles } from '#src/app/check-files.js';
import { StartError } from '#src/base/listen.js';
import { type Config, loadConfig } from '#src/config/config.js';

const TLS = new URL('../../../test/data/tls', import.meta.url).pathname;
const [CA, CERT, KEY] = ['ca.crt', 'server.crt', 'server.key'].map((name) => join(TLS, name)) as [
  string,
  string,
  string,
];

function configOf(flags: Record<string, string>): Config {
  const loaded = loadConfig({ env: {}, flags: { 'upstream.url': 'https://localhost:1', ...flags } });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

t.test('files that are as they should be are none of a start', async (t) => {
  const secret = join(t.testdir({ secret: ' geheim\n' }), 'secret');
  checkFiles(configOf({}));
  checkFiles(
    configOf({
      'upstream.tls.ca_file': CA,
      'state.redis.username_file': secret,
      'state.redis.password_file': secret,
      'state.redis.sentinel_password_file': secret,
      'state.redis.tls.ca_file': CA,
      'state.redis.tls.cert_file': CERT,
      'state.redis.tls.key_file': KEY,
      'envoy.tls.cert_file': CERT,
      'envoy.tls.key_file': KEY,
      'envoy.tls.client_ca_file': CA,
    }),
  );
});

t.test(
  'one that is missing, empty or something else is said in one line that names the setting',
  async (t) => {
    const folder = t.testdir({ empty: '\n', other: 'no certificate\n' });
    const [missing, empty, other] = ['missing', 'empty', 'other'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const secrets = ['username', 'password', 'sentinel_password'].map((name) => `state.redis.${name}_file`);
    const envoy = { 'envoy.tls.cert_file': CERT, 'envoy.tls.key_file': KEY };
    const redis = { 'state.redis.tls.cert_file': CERT, 'state.redis.tls.key_file': KEY };
    const certificates: [string, Record<string, string>][] = [
      ['upstream.tls.ca_file', {}],
      ['state.redis.tls.ca_file', {}],
      ['envoy.tls.client_ca_file', envoy],
      ['envoy.tls.cert_file', envoy],
      ['state.redis.tls.cert_file', redis],
    ];
    const cases: [string, Record<string, string>, RegExp][] = [
      ...secrets.map((name): [string, Record<string, string>, RegExp] => [
        name,
        { [name]: missing },
        /ENOENT/,
      ]),
      ...secrets.map((name): [string, Record<string, string>, RegExp] => [
        name,
        { [name]: empty },
        /is empty/,
      ]),
      ...certificates.flatMap(([name, rest]): [string, Record<string, string>, RegExp][] => [
        [name, { ...rest, [name]: missing }, /ENOENT/],
        [name, { ...rest, [name]: empty }, /no certificate in PEM/],
        [name, { ...rest, [name]: other }, /no certificate in PEM/],
      ]),
      ['envoy.tls.key_file', { ...envoy, 'envoy.tls.key_file': missing }, /ENOENT/],
      [
        'envoy.tls.key_file',
        { ...envoy, 'envoy.tls.key_file': join(TLS, 'renewed.key') },
        /is not the key of/,
      ],
      ['state.redis.tls.key_file', { ...redis, 'state.redis.tls.key_file': other }, /is not the key of/],
      ['state.redis.tls.cert_file', { 'state.redis.tls.cert_file': CERT }, /needed together/],
      ['state.redis.tls.cert_file', { 'state.redis.tls.key_file': KEY }, /needed together/],
    ];
    for (const [setting, flags, why] of cases) {
      const what = JSON.stringify(flags);
      try {
        checkFiles(configOf(flags));
        t.fail(what);
      } catch (error) {
        t.ok(error instanceof StartError, what);
        t.equal((error as Error).message.indexOf(setting), 0, `${what}: ${error}`);
        t.match((error as Error).message, why, what);
        t.notMatch((error as Error).message, /\n|geheim/, what);
      }
    }
  },
);
