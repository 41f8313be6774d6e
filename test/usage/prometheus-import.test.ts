import t from 'tap';
import { MemoryUsage } from '#src/shared/memory/memory-usage.js';
import { Bookkeeper } from '#src/usage/bookkeeper.js';
import { STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { KeptUsage } from '#src/usage/kept-usage.js';
import { PrometheusImport, type ReadRange } from '#src/usage/prometheus-import.js';
import { DAY_MS, dayOf, emptyRecord, HOUR_MS } from '#src/usage/records.js';
import type { UsageHistory, UsageRecord } from '#src/usage/usage-record.js';
import { entryOf, frameOf } from './fixtures.js';

const NOW_MS = 20_000 * DAY_MS + 5 * HOUR_MS;

function record(startMs: number, seconds: number, items: number): UsageRecord {
  const offered = { requests: 1, items, bytes: Number.NaN, newSeries: Number.NaN };
  return { ...emptyRecord(startMs, seconds, seconds), resolutionSeconds: 60, offered };
}

async function kept() {
  const clock = { ms: NOW_MS };
  const now = () => clock.ms;
  const said: string[] = [];
  const log = {
    info: (_: object, text: string) => said.push(text),
    warn: (_: object, text: string) => said.push(text),
  };
  const store = new MemoryUsage(now);
  const bookkeeper = new Bookkeeper({ store, id: 'one', tenantsMax: 10, maxBytes: 1 << 20, now, log });
  await store.send(await packFrame(frameOf('p', 1, Math.floor(NOW_MS / STEP_MS), entryOf('a', 7))));
  clock.ms += 20_000;
  await bookkeeper.tick();
  return {
    bookkeeper,
    now,
    clock,
    log,
    said,
    history: (tenant: string) => new KeptUsage(store, now).history(tenant),
  };
}

t.test(
  'hours and days of before the book are read once and taken in; what the book has of its own stays',
  async (t) => {
    const { bookkeeper, now, log, history } = await kept();
    const asked: ReadRange[] = [];
    const read = async (range: ReadRange): Promise<UsageHistory[]> => {
      asked.push(range);
      range.progress(1);
      return ['a', 'b'].map((tenant) => ({
        tenant,
        hours: [record(NOW_MS - HOUR_MS, 3600, 100), record(NOW_MS, 3600, 999)],
        days: [record(dayOf(NOW_MS) - DAY_MS, 86_400, 5000)],
      }));
    };
    const before = new PrometheusImport({ bookkeeper, read, now, log });
    const looking = before.look();
    t.match(before.status(), { state: 'reading' });
    while (bookkeeper.state?.importedMs === undefined) await bookkeeper.tick();
    await looking;
    t.match(asked, [
      { fromMs: NOW_MS - 47 * HOUR_MS, toMs: NOW_MS, stepSeconds: 60 },
      { fromMs: dayOf(NOW_MS) - 34 * DAY_MS, toMs: NOW_MS, stepSeconds: 300 },
    ]);
    const { hours, days } = await history('a');
    t.match(hours, [
      { offered: { items: 100 }, resolutionSeconds: 60, coveredSeconds: 3600 },
      { offered: { items: 7 }, resolutionSeconds: 1 },
    ]);
    t.match(days, [{ offered: { items: 5000 } }, { offered: { items: 107 } }]);
    t.match(await history('b'), { hours: { length: 2 } });
    t.match(before.status(), { state: 'done', done: 1 });
    await before.look();
    t.equal(asked.length, 2, 'once');
  },
);

t.test('a Prometheus that fails is asked again after ten minutes, and what it said is told', async (t) => {
  const { bookkeeper, now, clock, log, said } = await kept();
  let asked = 0;
  const read = async (): Promise<UsageHistory[]> => {
    asked++;
    throw new Error('it is down');
  };
  const before = new PrometheusImport({ bookkeeper, read, now, log });
  await before.look();
  t.match(before.status(), { state: 'failed', error: 'it is down' });
  await before.look();
  t.equal(asked, 1);
  clock.ms += 10 * 60_000;
  await bookkeeper.tick();
  await before.look();
  t.equal(asked, 2);
  t.match(said.at(-1), /tried again in ten minutes/);
});

t.test('a replica that does not keep the book asks nobody', async (t) => {
  const now = () => NOW_MS;
  const log = { info() {}, warn() {} };
  const bookkeeper = new Bookkeeper({
    store: new MemoryUsage(now),
    id: 'x',
    tenantsMax: 1,
    maxBytes: 1,
    now,
    log,
  });
  const before = new PrometheusImport({
    bookkeeper,
    read: async () => {
      throw new Error('asked');
    },
    now,
    log,
  });
  await before.look();
  t.match(before.status(), { state: 'elsewhere', error: undefined });
});
