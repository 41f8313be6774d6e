import t from 'tap';
import { StoreView } from '#src/series/store-view.js';
import { STATE } from './fixtures.js';

const GENERATION_MS = 1000;

t.test('a mark is the generation there must be by now, modulo 13', async (t) => {
  const view = new StoreView(GENERATION_MS);
  t.equal(view.total, undefined);
  t.equal(view.mark(0), 13, 'none before the store has said anything');
  view.update({ ...STATE, total: 7, generation: 12, leftMs: 100 }, 5000);
  t.equal(view.total, 7);
  for (const [nowMs, mark] of [
    [5000, 12],
    [5099, 12],
    [5100, 0],
    [6099, 0],
    [6100, 1],
    [7100, 2],
  ] as const) {
    t.equal(view.mark(nowMs), mark, `at ${nowMs}`);
  }
  t.equal(view.markOf({ ...STATE, generation: 15 }), 2);
});

t.test('a store that lost what it knew is to be told all again', async (t) => {
  const view = new StoreView(GENERATION_MS);
  const update = (epoch: string) => view.update({ ...STATE, epoch, generation: 3, leftMs: 100 }, 0);
  update('one');
  update('one');
  t.equal(view.mark(0), 3);
  update('two');
  t.equal(view.mark(0), 4);
  t.equal(view.markOf({ ...STATE, generation: 3 }), 4);
  update('one');
  t.equal(view.mark(0), 5);
});
