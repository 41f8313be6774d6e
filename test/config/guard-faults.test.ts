/** Settings of guards that do not go with each other, each with a sentence that says which and how. */
import t from 'tap';
import { loadConfig } from '#src/config/config.js';

function faults(flags: Record<string, string>): string[] {
  const loaded = loadConfig({ env: {}, flags });
  return 'errors' in loaded ? loaded.errors.map(({ path, message }) => `${path}: ${message}`) : [];
}

const PROMETHEUS = { 'guard.prometheus.url': 'http://prometheus:9090', 'guard.prometheus.memory': 'x' };

t.test('as they are by themselves they go together', async (t) => {
  t.strictSame(faults({}), []);
  t.strictSame(faults(PROMETHEUS), []);
  t.strictSame(
    faults({
      ...PROMETHEUS,
      'guard.mode': 'act',
      'guard.warn.at': '60',
      'guard.warn.hold': '0s',
      'guard.warn.admit': '90',
      'guard.emergency.at': '70',
      'guard.emergency.hold': '1s',
      'guard.emergency.admit': '90',
      'guard.panic.at': '100',
      'guard.panic.hold': '1s',
      'guard.panic.admit': '0',
      'guard.panic.admit_critical': '0',
      'guard.recovery.below': '59',
      'guard.recovery.after': '0s',
      'guard.recovery.step': '100',
      'guard.recovery.every': '0s',
      'guard.bytes_in_flight': 'false',
      'guard.upstream_failures': '0',
      'guard.upstream_latency': '0',
      'guard.prometheus.cpu': 'x',
      'guard.prometheus.series': 'x',
      'guard.prometheus.other': 'x',
      'guard.prometheus.tenant': 'mimir',
      'guard.prometheus.username_file': 'user',
      'guard.prometheus.password_file': 'password',
      'guard.prometheus.tls.ca_file': 'ca',
    }),
    [],
  );
});

t.test('levels climb, and what they admit falls', async (t) => {
  for (const [flags, fault] of [
    [
      { 'guard.warn.at': '90' },
      /^guard.warn.at: expected less than guard.emergency.at, which is 90, found 90$/,
    ],
    [{ 'guard.emergency.at': '96' }, /^guard.emergency.at: expected less than guard.panic.at, which is 95/],
    [
      { 'guard.recovery.below': '75' },
      /^guard.recovery.below: expected less than guard.warn.at, which is 75/,
    ],
    [
      { 'guard.warn.admit': '70' },
      /^guard.emergency.admit: expected at most what guard.warn.admit is, 70, found 75$/,
    ],
    [
      { 'guard.emergency.admit': '40' },
      /^guard.panic.admit: expected at most what guard.emergency.admit is, 40/,
    ],
    [
      { 'guard.panic.admit_critical': '49' },
      /^guard.panic.admit: expected at most what guard.panic.admit_critical/,
    ],
    [{ 'guard.recovery.step': '0' }, /^guard.recovery.step: .*at least 1/],
    [{ 'guard.panic.at': '101' }, /^guard.panic.at: .*at most 100/],
  ] as const) {
    t.match(faults(flags), [fault], JSON.stringify(flags));
  }
});

t.test('a Prometheus has a URL, something to be asked for, and one way to be let in', async (t) => {
  const url = 'guard.prometheus.url';
  for (const [flags, fault] of [
    [{ 'guard.prometheus.memory': 'x' }, /^guard.prometheus.memory: guard.prometheus.url is needed with it/],
    [{ [url]: 'http://p' }, /^guard.prometheus.url: expected an expression with it: guard.prometheus.cpu, /],
    [{ ...PROMETHEUS, [url]: 'prometheus:9090' }, /^guard.prometheus.url: expected an http/],
    [{ ...PROMETHEUS, [url]: 'http://u:geheim@p' }, /^guard.prometheus.url: expected an http[^@]*$/],
    [{ ...PROMETHEUS, [url]: 'http://p/?query=1' }, /^guard.prometheus.url: expected an http/],
    [
      { ...PROMETHEUS, 'guard.prometheus.username_file': 'u' },
      /username_file: expected guard.prometheus.password_file/,
    ],
    [
      {
        ...PROMETHEUS,
        'guard.prometheus.username_file': 'u',
        'guard.prometheus.password_file': 'p',
        'guard.prometheus.bearer_token_file': 't',
      },
      /bearer_token_file: expected it or guard.prometheus.username_file, not both$/,
    ],
    [
      { ...PROMETHEUS, 'guard.prometheus.timeout': '16s' },
      /timeout: expected at most guard.prometheus.interval, 15000 ms$/,
    ],
    [
      { ...PROMETHEUS, 'guard.prometheus.keep': '14s' },
      /keep: expected at least guard.prometheus.interval, 15000 ms$/,
    ],
  ] as const) {
    t.match(faults(flags), [fault], JSON.stringify(flags));
  }
});
