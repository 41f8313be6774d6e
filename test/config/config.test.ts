import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  type Config,
  type ConfigSources,
  envName,
  loadConfig,
  printConfig,
  SETTING_PATHS,
} from '#src/config/config.js';
import { SETTINGS } from '#src/config/settings.js';

function load(text = '', more: Partial<ConfigSources> = {}): Config {
  const loaded = loadConfig({ file: { name: 'edge.yaml', text }, env: {}, flags: {}, ...more });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

function errorsOf(text: string, more: Partial<ConfigSources> = {}): string[] {
  const loaded = loadConfig({ file: { name: 'edge.yaml', text }, env: {}, flags: {}, ...more });
  return 'errors' in loaded
    ? loaded.errors.map(({ path, source, message }) => `${source}: ${path}: ${message}`)
    : [];
}

t.test('with nothing given there are defaults', async (t) => {
  t.match(load(), {
    'listen.proxy': { host: '0.0.0.0', port: 8080 },
    'listen.admin': { host: '127.0.0.1', port: 8082 },
    'tenant.header': 'X-Scope-OrgID',
    'upstream.connect_timeout': 2000,
    'push.max_body_bytes': 104_857_600,
    'push.paths': ['/api/v1/push'],
    mode: 'enforce',
    defaults: { ingestion_rate: 10_000 },
  });
});

t.test('flags beat the environment, which beats the file', async (t) => {
  const file =
    'mode: shadow\ntenants: { max: 5, unknown: pass }\nupstream: { url: [http://a:1, http://b:2] }';
  const env = { MIMIR_EDGE_TENANTS_MAX: '6', MIMIR_EDGE_MODE: 'off', OTHER: 'x' };
  const config = load(file, { env, flags: { mode: 'enforce' } });
  t.match(config, {
    mode: 'enforce',
    'tenants.max': 6,
    'tenants.unknown': 'pass',
    'upstream.url': ['http://a:1', 'http://b:2'],
  });
});

t.test('the sections limits and edge_limits are the defaults for all tenants', async (t) => {
  const { defaults } = load(
    'limits: { ingestion_rate: 5, ha_tracker_update_timeout: 10s }\nedge_limits: { bytes_per_second: 7 }',
  );
  t.match(defaults, {
    ingestion_rate: 5,
    ha_tracker_update_timeout: 10_000,
    request_rate: 0,
    edge: { bytes_per_second: 7 },
  });
});

t.test('limits can be flags and variables, too', async (t) => {
  const { defaults } = load('limits: { ingestion_rate: 5, request_rate: 1 }', {
    env: { MIMIR_EDGE_LIMITS_REQUEST_RATE: '2', MIMIR_EDGE_EDGE_LIMITS_MODE: 'shadow' },
    flags: { 'limits.ingestion_rate': '6', 'edge_limits.bytes_per_second': '1000' },
  });
  t.match(defaults, { ingestion_rate: 6, request_rate: 2, edge: { mode: 'shadow', bytes_per_second: 1000 } });
  t.strictSame(errorsOf('', { flags: { 'limits.ingestion_rate': 'fast', 'limits.x': '1' } }), [
    'flag --limits.ingestion_rate: limits.ingestion_rate: expected a number, found "fast"',
    'flag --limits.x: limits.x: unknown limit',
  ]);
});

t.test('everything that is wrong is said at once: where, what was expected, what was found', async (t) => {
  const text = `
mode: maybe
upstreem: { url: http://a }
upstream: { connect_timeout: 5, conections: 4, url: ftp://x }
listen: { proxy: 8080 }
tenants: { max: 0 }
limits: { ingestion_rat: 5, request_rate: fast }
push: 5
`;
  const errors = errorsOf(text, {
    env: { MIMIR_EDGE_MOD: 'off', MIMIR_EDGE_TENANTS_MAX: 'x' },
    flags: { 'log.levell': 'info' },
  });
  t.strictSame(errors, [
    'edge.yaml:2:1: mode: expected one of enforce, shadow, off, found "maybe"',
    'edge.yaml:3:1: upstreem: unknown setting',
    'edge.yaml:4:13: upstream.connect_timeout: expected a duration such as 500ms, 30s or 1h30m, found 5',
    'edge.yaml:4:33: upstream.conections: unknown setting; did you mean upstream.connections?',
    'edge.yaml:4:48: upstream.url: expected an http:// or https:// URL, one behind dns: or srv:, or a list of them, found "ftp://x"',
    'edge.yaml:5:11: listen.proxy: expected host:port, such as 0.0.0.0:8080 or [::1]:8080, found 8080',
    'edge.yaml:6:12: tenants.max: expected a whole number, at least 1, found 0',
    'edge.yaml:7:11: limits.ingestion_rat: unknown limit; did you mean ingestion_rate?',
    'edge.yaml:7:29: limits.request_rate: expected a number, found "fast"',
    'edge.yaml:8:1: push: expected a map of settings',
    'environment: MIMIR_EDGE_MOD: unknown setting; did you mean MIMIR_EDGE_MODE?',
    'variable MIMIR_EDGE_TENANTS_MAX: tenants.max: expected a whole number, found "x"',
    'flag --log.levell: log.levell: unknown setting; did you mean log.level?',
  ]);
});

t.test('what Kubernetes sets for a Service named mimir-edge is no setting', async (t) => {
  const env = {
    MIMIR_EDGE_SERVICE_HOST: '10.0.0.1',
    MIMIR_EDGE_SERVICE_PORT_HTTP: '80',
    MIMIR_EDGE_PORT: 'tcp://x',
    MIMIR_EDGE_PORT_80_TCP_ADDR: 'x',
  };
  t.match(load('', { env }), { mode: 'enforce' });
});

t.test("a limits block that was copied from Mimir's configuration is taken", async (t) => {
  t.match(load('limits: { ingestion_rate: 3, max_query_lookback: 30d }'), {
    defaults: { ingestion_rate: 3 },
  });
});

t.test('settings that make no sense are refused: alone, or together', async (t) => {
  t.match(errorsOf('server: { body_timeout: 30d }')[0], /at most 2147483647 ms/);
  t.match(errorsOf('decode: { threads: 1000 }')[0], /at most 256/);
  t.match(errorsOf('tenant: { header: X Scope }')[0], /name of a header/);
  t.match(errorsOf('push: { paths: [api] }')[0], /begin with \//);
  t.match(errorsOf('push: { max_bytes_in_flight: 1MiB }')[0], /room for one body/);
  t.match(errorsOf('envoy: { tls: { cert_file: a } }')[0], /both envoy.tls.cert_file and envoy.tls.key_file/);
  t.match(errorsOf('envoy: { tls: { client_ca_file: a } }')[0], /no envoy.tls.client_ca_file/);
});

t.test('a file that is no map, or no YAML, is an error with its place', async (t) => {
  t.match(errorsOf('- a')[0], /edge.yaml:1:1: .*expected a map/);
  t.match(errorsOf('?  <<: ')[0], /unknown setting/);
  t.match(errorsOf('push: { paths: { a: b } }')[0], /a list of texts/);
  t.match(errorsOf('mode: "off')[0], /^edge.yaml:1:/);
  t.match(errorsOf('mode: off\nmode: shadow')[0], /^edge.yaml:2:1/);
});

t.test('what --print-config shows is a file that comes to the same', async (t) => {
  const config = load(
    'limits: { ingestion_rate: 5 }\nlisten: { proxy: "[::1]:0" }\noverrides: { file: [a, b] }',
    {
      flags: { 'upstream.url': 'http://a:1,http://b:2' },
    },
  );
  t.strictSame(load(printConfig(config)), config);
});

t.test('a password in a URL of Redis is never shown', async (t) => {
  const url = 'rediss://user:s3cret@redis:6379/1';
  const shown = printConfig(load('', { flags: { 'state.redis.url': url } }));
  t.match(shown, 'rediss://user:********@redis:6379/1');
  t.notMatch(shown, 's3cret');
  t.notMatch(errorsOf('', { flags: { 'state.redis.url': 'http://user:s3cret@redis' } }).join(), 's3cret');
});

t.test('docs/settings.md lists every setting as it is declared', async (t) => {
  const docs = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
  for (const path of SETTING_PATHS) {
    const { fallback, doc } = SETTINGS[path];
    t.ok(docs.includes(`| \`${path}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc} |`), path);
    t.ok(docs.includes(envName('upstream.url')));
  }
});

const POLICIES = `advice:
  policies:
    - name: gold
      tenants: [gold-*, vip]
      percentile: 99
      margin: 40%
      floor: { ingestion_rate: 1e4 }
      ceiling:
        max_global_series_per_user: 5000000
      round: size classes
      never_lower: true
    - tenants: "*"
      refused_hours_at_most: 2
      burst_at_most: 60
      enabled_limits: [ingestion_rate, ingestion_burst_size]
  price:
    million_samples: 0.01
  budgets:
    - { name: gold, tenants: gold-*, period: month, amount: 1000, on_over_budget: halve_rate }
`;

t.test('policies and budgets are lists of maps, and what they do not say is as by default', async (t) => {
  const config = load(POLICIES);
  const [gold, others] = config['advice.policies'];
  t.match(gold, {
    name: 'gold',
    tenants: ['gold-*', 'vip'],
    percentile: 99,
    margin: 0.4,
    floor: { ingestion_rate: 10_000 },
    ceiling: { max_global_series_per_user: 5_000_000 },
    round: 'size classes',
    neverLower: true,
    hysteresis: 0.1,
  });
  t.match(others, { name: 'policy 2', tenants: ['*'], refusedHoursAtMost: 2, burstAtMost: 60, margin: 0.2 });
  t.strictSame(others?.enabledLimits, ['ingestion_rate', 'ingestion_burst_size']);
  t.equal(config['advice.price.million_samples'], 0.01);
  t.equal(config['advice.price.thousand_series_month'], 0.465);
  t.equal(config['advice.price.gigabyte'], 0);
  t.equal(config['advice.currency'], 'USD');
  t.strictSame(config['advice.budgets'], [
    {
      name: 'gold',
      tenants: ['gold-*'],
      of: 'all',
      period: 'month',
      amount: 1000,
      onOverBudget: 'halve_rate',
    },
  ]);
  const again = load(printConfig(config));
  t.strictSame(again['advice.policies'], config['advice.policies'], '--print-config has them');
  t.strictSame(again['advice.budgets'], config['advice.budgets']);
  const byFlag = load('', { flags: { 'advice.policies': '[{tenants: a, margin: 1}]' } });
  t.match(byFlag['advice.policies'], [{ tenants: ['a'], margin: 1 }]);
});

t.test('what is wrong in a policy or a budget has its line and its column', async (t) => {
  const rows: [wrong: string, at: string, message: RegExp][] = [
    [
      '- tenants: "*"\n  margni: 1',
      '4:7',
      /policies.0.margni: expected one of .*did you mean margin.*found "margni"/,
    ],
    ['- tenants: "*"\n  margin: lots', '4:15', /margin: expected a part such as 20% or 0.2, .* found "lots"/],
    ['- tenants: "*"\n  floor: {ingestion_rat: 5}', '4:15', /did you mean ingestion_rate/],
    ['- tenants: "*"\n  floor: {ingestion_rate: many}', '4:31', /expected a number, found "many"/],
    [
      '- tenants: "*"\n  enabled_limits: [ingestion_rate, bytes]',
      '4:40',
      /enabled_limits.1: expected one of/,
    ],
    ['- tenants: "*"\n  percentile: 99\n  refused_hours_at_most: 1', '4:19', /either percentile or/],
    ['- margin: 1', '3:7', /tenants/],
    ['- 5', '3:7', /expected a map with name, tenants/],
    ['tenants: "*"', '3:5', /expected a list/],
    ['- tenants: "*"\n  round: up', '4:14', /expected one of exact, size classes, two digits, found "up"/],
    [
      '- tenants: "*"\n  floor: {ingestion_rate: 5}\n  ceiling: {ingestion_rate: 4}',
      '4:31',
      /a floor that is not above its ceiling, found 5/,
    ],
  ];
  for (const [wrong, at, message] of rows) {
    const text = `advice:\n  policies:\n    ${wrong.replaceAll('\n', '\n    ')}\n`;
    const [error, ...more] = errorsOf(text);
    t.ok(error?.startsWith(`edge.yaml:${at}: `), `${at} of ${wrong}: ${error}`);
    t.match(error, message);
    t.strictSame(more, []);
  }
  const [budget] = errorsOf('advice:\n  budgets: [{tenants: a, amount: -1}]');
  t.match(budget, /^edge.yaml:2:34: .*an amount above 0.*found -1/);
});
