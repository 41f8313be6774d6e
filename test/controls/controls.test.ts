import t from 'tap';
import { exportControls } from '#src/controls/controls-metrics.js';
import { CALM, GUARD, GUARD_MODE, writeStanding } from '#src/controls/guard-control.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { eventually } from '../doors/http/fixtures.js';
import { scraped } from '../telemetry/scraped.js';
import { ask, replica } from './fixtures.js';

t.test('without Redis a control is of this replica alone, and ends', async (t) => {
  let nowMs = Date.now();
  const { controls, ended } = await replica(t, undefined, () => nowMs);
  t.equal(await controls.write(ask({ untilMs: nowMs + 1000 })), false);
  t.equal(controls.mode(), 'off');
  t.match(controls.status(), { shared: false, active: 1 });
  const metrics = new Metrics();
  exportControls(metrics, controls);
  t.strictSame([...(await scraped(metrics))], [['mimir_edge_controls', 1]]);
  t.match(
    await metrics.registry.metrics(),
    /^# HELP mimir_edge_controls Modes and limits that are set for a time\.$/m,
  );
  nowMs += 1000;
  t.ok(await eventually(() => controls.mode() === undefined));
  t.equal(ended.length, 1);
});

t.test('what was taken back is known to be, as long as it would be in force', async (t) => {
  let nowMs = 1_000_000;
  const { controls } = await replica(t, undefined, () => nowMs);
  const set = ask({ tenant: 'a', name: 'request_rate', value: 5, untilMs: nowMs + 1000 });
  t.equal(controls.isTakenBack('a', 'request_rate'), false, 'nobody set it');
  await controls.write(set);
  t.equal(controls.isTakenBack('a', 'request_rate'), false, 'it is in force');
  await controls.write({ ...set, value: null });
  t.equal(controls.isTakenBack('a', 'request_rate'), true);
  t.equal(controls.isTakenBack('b', 'request_rate'), false);
  t.equal(controls.isTakenBack('a', 'ingestion_rate'), false);
  nowMs += 999;
  t.equal(controls.isTakenBack('a', 'request_rate'), true);
  nowMs += 1;
  t.equal(controls.isTakenBack('a', 'request_rate'), false);
});

t.test('where a guard stands is calm until it is set, and its mode is nobody’s', async (t) => {
  const { controls } = await replica(t, undefined, () => 1_000_000);
  t.same(controls.guardStanding(GUARD), { ...CALM, seenMs: 0 });
  t.equal(controls.guardMode(), undefined);
  t.same(controls.admitted(), { critical: 1, normal: 1, low: 1 });
  const standing = { ...CALM, level: 'panic', admitted: 50, seenMs: 7 } as const;
  await controls.write(ask({ name: GUARD, value: writeStanding(standing), untilMs: 2_000_000 }));
  await controls.write(ask({ name: GUARD_MODE, value: 'observe', untilMs: 2_000_000 }));
  t.same(controls.guardStanding(GUARD), standing);
  t.equal(controls.guardMode(), 'observe');
});
