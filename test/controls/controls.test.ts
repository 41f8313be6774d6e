import t from 'tap';
import { exportControls } from '#src/controls/controls-metrics.js';
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
