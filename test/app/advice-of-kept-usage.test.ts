import { join } from 'node:path';
import t from 'tap';
import type { Standing } from '#src/advice/standing.js';
import { type BookState, emptyState } from '#src/usage/book-state.js';
import { Bookkeeper } from '#src/usage/bookkeeper.js';
import { STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { packRecords } from '#src/usage/record-codec.js';
import { HOUR_MS } from '#src/usage/records.js';
import { UsageFolder } from '#src/usage/usage-folder.js';
import { start } from '../admin/fixtures.js';
import { historyOf } from '../advice/history-of.js';
import { entryOf, frameOf } from '../usage/fixtures.js';

const DAY = 86_400;
const DAY_MS = DAY * 1000;

interface Answer {
  readonly basis: { readonly hoursWatched: number; readonly confidence: string };
  readonly limits: Standing['advice']['limits'];
  readonly days: readonly object[];
}

t.test('an edge advises by what is kept in its folder, in the API and in its report', async (t) => {
  const folder = join(t.testdir(), 'usage');
  const begin = Math.floor(Date.now() / DAY_MS) * DAY_MS - 20 * DAY_MS;
  const items = Float64Array.from({ length: 20 * DAY }, (_, second) => (second % 3600 < 60 ? 20_000 : 500));
  const history = historyOf({ items, series: new Array(480).fill(2000) }, 'team-a', begin);
  const store = new UsageFolder({ folder, now: Date.now, log: { warn() {} } });
  await store.connect();
  const fence = (await store.elect('a test', 1000)) ?? 0;
  await store.commit('a test', fence, {
    state: JSON.stringify({ appliedId: '0-0', book: emptyState() }),
    pages: [],
    gonePages: [],
    steps: [],
    records: (['hours', 'days'] as const).map((kind) => ({
      kind,
      tenant: 'team-a',
      bytes: packRecords(history[kind]),
    })),
    appliedId: '0-0',
  });
  await store.stop();

  const edge = await start(t, { 'usage.dir': folder, 'upstream.url': 'http://127.0.0.1:1' });
  const { basis, limits, days } = await edge.json<Answer>('advice/team-a');
  t.match(basis, { hoursWatched: 480, confidence: 'high' });
  t.ok(days.length >= 20);
  const rate = limits.find(({ limit }) => limit === 'ingestion_rate');
  t.match(rate, { current: 10_000, direction: 'lower' });
  t.ok(rate?.recommended && rate.recommended >= 990 && rate.recommended <= 1200, String(rate?.recommended));
  t.match(await edge.json('advice'), { matching: 1, advice: [{ tenant: 'team-a' }] });
  t.match(await edge.json('report'), { tenantsWithHistory: 1, withoutOverrides: ['team-a'] });
  const { all } = await edge.json<{ all: { total: { samples: number } } }>('costs');
  const sent = items.reduce((sum, amount) => sum + amount, 0);
  t.ok(Math.abs(all.total.samples / ((sent / 1e6) * 0.0006) - 1) < 0.001, String(all.total.samples));
});

/** Of each hour of the last so many days, to now: each tenant's items, in one second of it. Written as a bookkeeper writes it. */
async function keptFor(
  folder: string,
  days: number,
  items: Readonly<Record<string, (day: number, hour: number) => number>>,
): Promise<void> {
  const clock = { ms: 0 };
  const store = new UsageFolder({ folder, now: () => clock.ms, log: { warn() {} } });
  await store.connect();
  const log = { info() {}, warn() {} };
  const limits = { tenantsMax: 10, maxBytes: 1 << 20, isAlone: true };
  const keeper = new Bookkeeper({ store, id: 'one', ...limits, now: () => clock.ms, log });
  const lastHour = Math.floor(Date.now() / HOUR_MS) - 1;
  const firstHour = Math.floor(Date.now() / DAY_MS - days) * 24;
  for (let hour = firstHour; hour <= lastHour; hour++) {
    clock.ms = hour * HOUR_MS + HOUR_MS / 2;
    const sent = Object.entries(items).map(([tenant, of]) =>
      entryOf(tenant, of(Math.floor((hour - firstHour) / 24), hour % 24)),
    );
    const step = Math.floor(clock.ms / STEP_MS);
    await store.send(await packFrame(frameOf('plane', hour - firstHour + 1, step, ...sent)));
    clock.ms += 20_000;
    await keeper.tick();
  }
  clock.ms = (lastHour + 1) * HOUR_MS + 20_000;
  await keeper.stop();
  // A frame an hour stands for all that there would have been.
  const fence = (await store.elect('two', 1000)) ?? 0;
  const kept = JSON.parse((await store.state()) ?? '') as { appliedId: string; book: BookState };
  for (const name of Object.keys(kept.book.coveredHours)) kept.book.coveredHours[name] = 360;
  for (const name of Object.keys(kept.book.coveredDays)) kept.book.coveredDays[name] = 8640;
  const { appliedId } = kept;
  await store.commit('two', fence, {
    ...{ pages: [], gonePages: [], steps: [], records: [] },
    state: JSON.stringify(kept),
    appliedId,
  });
  await store.stop();
}

t.test(
  'what comes every week is let pass by a history that was kept, and what came once is let go',
  async (t) => {
    const folder = join(t.testdir(), 'usage');
    // Yesterday, and a week before that each: a twelfth more each time.
    const peaks: Record<number, number> = { 0: 500_000, 7: 540_000, 14: 583_000, 21: 630_000 };
    await keptFor(folder, 22, {
      weekly: (day, hour) => (hour === 9 ? (peaks[day] ?? 1000) : 1000),
      once: (day, hour) => (hour === 9 && day === 21 ? 630_000 : 1000),
    });
    const edge = await start(t, {
      'usage.dir': folder,
      'upstream.url': 'http://127.0.0.1:1',
      'advice.policies': '[{ tenants: "*", refused_hours_at_most: 2, round: exact }]',
    });
    const burstOf = async (tenant: string) => {
      const { basis, limits } = await edge.json<Answer>(`advice/${tenant}`);
      t.match(basis, { confidence: 'high' });
      t.ok(basis.hoursWatched >= 22 * 24);
      return limits.find(({ limit }) => limit === 'ingestion_burst_size');
    };
    const weekly = await burstOf('weekly');
    t.ok(
      Number(weekly?.recommended) >= 630_000 * 1.2,
      `${weekly?.recommended}: with the margin, yesterday, too`,
    );
    t.strictSame(weekly?.wouldRefuse?.hours, { atLeast: 0, atMost: 0 });
    const once = await burstOf('once');
    t.ok(Number(once?.recommended) < 10_000, `${once?.recommended}: an exception`);
    t.strictSame(
      once?.wouldRefuse?.hours,
      { atLeast: 2, atMost: 2 },
      'windows of the next hour reach back to it',
    );
  },
);
