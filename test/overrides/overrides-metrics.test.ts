import t from 'tap';
import type { OverridesStatus } from '#src/overrides/overrides.js';
import { exportOverrides } from '#src/overrides/overrides-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';

type Status = OverridesStatus & { readonly hash: string };

const GOOD: Status = {
  loaded: true,
  stale: false,
  goodAtMs: 0,
  lastError: undefined,
  failures: 0,
  unknownKeys: 0,
  lagMs: 0,
  sources: [],
  hash: 'abc',
};

async function exported(status: Partial<Status>): Promise<Map<string, number>> {
  const metrics = new Metrics();
  exportOverrides(
    metrics,
    () => ({ ...GOOD, ...status }),
    () => 100_000,
  );
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => /^mimir/.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice('mimir_edge_limits_'.length, space), Number(line.slice(space + 1))];
    }),
  );
}

t.test('good overrides have an age, and are not stale', async (t) => {
  const metrics = await exported({ goodAtMs: 92_500 });
  t.equal(metrics.get('age_seconds'), 7.5);
  t.equal(metrics.get('stale_seconds'), 0);
});

t.test('overrides that can not be used are as stale as they are old', async (t) => {
  const metrics = await exported({ goodAtMs: 92_500, stale: true });
  t.equal(metrics.get('age_seconds'), 7.5);
  t.equal(metrics.get('stale_seconds'), 7.5);
});

t.test('failures, unknown keys, the lag and the hash are told', async (t) => {
  const metrics = await exported({ failures: 3, unknownKeys: 2, lagMs: 1500 });
  t.equal(metrics.get('failures_total'), 3);
  t.equal(metrics.get('unknown_keys'), 2);
  t.equal(metrics.get('lag_seconds'), 1.5);
  t.equal(metrics.get('info{hash="abc"}'), 1);
});

t.test('each source has its version, and is up or not', async (t) => {
  const metrics = await exported({
    sources: [
      { name: 'one', version: '17', up: true, error: undefined, lastChange: {} },
      { name: 'two', version: '', up: false, error: 'out of reach', lastChange: {} },
    ],
  });
  t.equal(metrics.get('source_info{source="one",version="17"}'), 1);
  t.equal(metrics.get('source_info{source="two",version=""}'), 1);
  t.equal(metrics.get('source_up{source="one"}'), 1);
  t.equal(metrics.get('source_up{source="two"}'), 0);
});
