import t from 'tap';
import { MemoryUsage } from '#src/shared/memory/memory-usage.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { HOUR_STEPS } from '#src/usage/arrival-curve.js';
import { Bookkeeper } from '#src/usage/bookkeeper.js';
import { STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { FrameSender } from '#src/usage/frame-sender.js';
import { exportUsage } from '#src/usage/usage-metrics.js';
import { scraped } from '../telemetry/scraped.js';
import { entryOf, frameOf } from './fixtures.js';

const FIRST = HOUR_STEPS * 1000;

t.test('metrics say whether usage is kept, how old it is, and what was lost', async (t) => {
  let nowMs = FIRST * STEP_MS;
  const now = () => nowMs;
  const log = { info() {}, warn() {} };
  const store = new MemoryUsage(now);
  const bookkeeper = new Bookkeeper({ store, id: 'one', tenantsMax: 2, maxBytes: 0, now, log });
  let fails = false;
  const send = async (frame: Buffer) => {
    if (fails) throw new Error('away');
    await store.send(frame);
  };
  const sender = new FrameSender({ send, now, log });
  t.teardown(() => sender.stop());
  const metrics = new Metrics();
  exportUsage(metrics, { sender, bookkeeper, step: () => bookkeeper.state?.step ?? 0, now });
  t.match(await scraped(metrics), new Map([['mimir_edge_usage_bookkeeper', 0]]));

  const send1 = async (...frame: Parameters<typeof frameOf>) => {
    sender.add(await packFrame(frameOf(...frame)));
    await sender.flush();
  };
  await send1('p', 1, FIRST, entryOf('a', 1));
  await send1('p', 3, FIRST + HOUR_STEPS, entryOf('a', 1), entryOf('b', 1), entryOf('c', 1));
  nowMs += 3_600_000 + 20_000;
  await bookkeeper.tick();
  await send1('q', 1, FIRST, entryOf('a', 1));
  await store.send(Buffer.from('no frame'));
  await bookkeeper.tick();
  fails = true;
  await send1('p', 4, FIRST + HOUR_STEPS + 1);
  nowMs += 400_000;
  await send1('p', 5, FIRST + HOUR_STEPS + 2);

  const values = await scraped(metrics);
  for (const [name, value] of [
    ['mimir_edge_usage_bookkeeper', 1],
    ['mimir_edge_usage_age_seconds', 410],
    ['mimir_edge_usage_frames_sent_total', 3],
    ['mimir_edge_usage_frames_waiting', 1],
    ['mimir_edge_usage_frames_lost_total', 1],
    ['mimir_edge_usage_frames_late_total', 1],
    ['mimir_edge_usage_frames_missing_total', 1],
    ['mimir_edge_usage_damaged_total', 1],
    ['mimir_edge_usage_records_bytes', 0],
    ['mimir_edge_usage_records_without_room', 1],
    ['mimir_edge_usage_tenants_without_room', 1],
  ] as const) {
    t.equal(values.get(name), value, name);
  }
});
