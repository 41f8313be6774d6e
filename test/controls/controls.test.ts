import t from 'tap';
import { eventually } from '../doors/http/fixtures.js';
import { ask, replica } from './fixtures.js';

t.test('without Redis a control is of this replica alone, and ends', async (t) => {
  let nowMs = Date.now();
  const { controls, ended } = await replica(t, undefined, () => nowMs);
  t.equal(await controls.write(ask({ untilMs: nowMs + 1000 })), false);
  t.equal(controls.mode(), 'off');
  t.match(controls.status(), { shared: false, active: 1 });
  nowMs += 1000;
  t.ok(await eventually(() => controls.mode() === undefined));
  t.equal(ended.length, 1);
});
