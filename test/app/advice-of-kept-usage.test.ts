import { join } from 'node:path';
import t from 'tap';
import type { Standing } from '#src/advice/standing.js';
import { emptyState } from '#src/usage/book.js';
import { packRecords } from '#src/usage/record-codec.js';
import { UsageFolder } from '#src/usage/usage-folder.js';
import { start } from '../admin/fixtures.js';
import { historyOf } from '../advice/history-of.js';

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
