import fc from 'fast-check';
import t from 'tap';
import { TALLY_NUMBERS } from '#src/enforce/tally.js';
import { OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { HOUR_STEPS } from '#src/usage/arrival-curve.js';
import { Book } from '#src/usage/book.js';
import { STEP_MS } from '#src/usage/frame.js';
import { entryOf, frameOf } from './fixtures.js';

const FIRST = HOUR_STEPS * 1000;

function at(step: number): number {
  return (step + 1) * STEP_MS;
}

t.test(
  'what replicas sent in the same second is added up, and the curve is that of all of them',
  async (t) => {
    const book = new Book({ tenantsMax: 10 });
    book.take(frameOf('a', 1, FIRST, entryOf('t', 100, 3)), at(FIRST));
    book.take(frameOf('b', 1, FIRST, entryOf('t', 50, 3)), at(FIRST));
    book.take(frameOf('c', 1, FIRST, entryOf('t', 25, 4)), at(FIRST));
    await book.close(FIRST, at(FIRST));
    t.match(book.record('t'), {
      offered: { requests: 3, items: 175, bytes: 1750 },
      coveredSeconds: 10,
      curves: { items: { 0: 150, 1: 175 } },
    });
  },
);

t.test('an hour has the most that any push had, a bookkeeper after another goes on with it', async (t) => {
  const entry = (peaks: number[], refusedBytes: number) => {
    const one = { ...entryOf('t', 100), peaks };
    one.added[TALLY_NUMBERS.indexOf('refusedBytes')] = refusedBytes;
    return one;
  };
  const book = new Book({ tenantsMax: 10 });
  book.take(frameOf('a', 1, FIRST, entry([500, 12, 9000, 0, 0], 9000)), at(FIRST));
  book.take(frameOf('b', 1, FIRST, entry([700, 11, 8000, 20, 0], 0)), at(FIRST));
  await book.close(FIRST, at(FIRST));
  const heir = new Book({ tenantsMax: 10 });
  await heir.restore(
    book.state,
    book.takeChangedPages().map(([, page]) => page),
    [],
  );
  heir.take(frameOf('a', 2, FIRST + 1, entry([1, 30, 1, 1, 0], 500)), at(FIRST + 1));
  await heir.close(FIRST + 1, at(FIRST + 1));
  t.match(heir.record('t'), {
    refused: { bytes: 9500 },
    peaks: { seriesPerRequest: 700, labelsPerSeries: 30, bytesPerRequest: 9000, labelNameBytes: 20 },
  });
  t.notOk('labelValueBytes' in heir.record('t')!.peaks, 'nobody told of it');
});

t.test('a frame counts once, however often it comes, and one that never comes is noticed', async (t) => {
  const book = new Book({ tenantsMax: 10 });
  const frame = frameOf('a', 1, FIRST, entryOf('t', 100));
  for (let i = 0; i < 3; i++) book.take(frame, at(FIRST));
  await book.close(FIRST, at(FIRST));
  book.take(frame, at(FIRST));
  book.take(frameOf('a', 4, FIRST + 1, entryOf('t', 1)), at(FIRST));
  await book.close(FIRST + 1, at(FIRST + 1));
  t.equal(book.record('t')?.offered.items, 101);
  t.match(book.state, { twice: 3, missing: 2 });
});

t.test('a step waits for the data planes that are alive', async (t) => {
  const book = new Book({ tenantsMax: 10 });
  book.take(frameOf('a', 1, FIRST), at(FIRST));
  book.take(frameOf('b', 1, FIRST), at(FIRST));
  await book.close(FIRST, at(FIRST));
  book.take(frameOf('a', 2, FIRST + 1), at(FIRST + 1));
  t.same(book.awaited(FIRST + 1, 0), ['b']);
  t.same(book.awaited(FIRST + 1, at(FIRST) + 1), [], 'b is silent for too long');
  book.take(frameOf('b', 2, FIRST + 1), at(FIRST + 1));
  t.same(book.awaited(FIRST + 1, 0), []);
});

t.test('what comes after its step was closed is in the sums, and makes curves no less', async (t) => {
  const book = new Book({ tenantsMax: 10 });
  book.take(frameOf('a', 1, FIRST + 5, entryOf('t', 100, 0)), at(FIRST + 5));
  await book.close(FIRST + 5, at(FIRST + 5));
  book.take(frameOf('b', 1, FIRST + 5, entryOf('t', 50, 0)), at(FIRST + 6));
  await book.close(book.state.step, at(FIRST + 6));
  t.match(book.record('t'), { offered: { items: 150 }, curves: { items: { 0: 150 } } });
  t.equal(book.state.late, 1);
});

t.test('what comes after its hour is over is told as an amendment of that hour', async (t) => {
  const book = new Book({ tenantsMax: 10 });
  book.take(frameOf('a', 1, FIRST - 1, entryOf('t', 100)), at(FIRST - 1));
  book.take(frameOf('a', 2, FIRST, entryOf('t', 1)), at(FIRST));
  await book.close(FIRST, at(FIRST));
  t.match(book.finished(10), [{ tenant: 't', record: { offered: { items: 100 } } }]);
  book.take(frameOf('b', 1, FIRST - 1, entryOf('t', 7)), at(FIRST));
  await book.close(FIRST, at(FIRST));
  t.match(book.takeAmendments(), [
    { tenant: 't', record: { startMs: (FIRST / HOUR_STEPS - 1) * 3_600_000, offered: { items: 7 } } },
  ]);
  t.equal(book.record('t')?.offered.items, 1);
});

t.test('tenants beyond the most share one place, and that is said', async (t) => {
  const book = new Book({ tenantsMax: 2 });
  const entries = ['a', 'b', 'c', 'd'].map((id) => entryOf(id, 10));
  book.take(frameOf('p', 1, FIRST, ...entries), at(FIRST));
  await book.close(FIRST, at(FIRST));
  t.equal(book.record('a')?.offered.items, 10);
  t.equal(book.record('c'), undefined);
  t.equal(book.record(OTHER_TENANTS)?.offered.items, 20);
  t.equal(book.state.tenantsOver, 2);
});

t.test(
  'made-up names take no place from tenants that a document names, nor from those of the hour before',
  async (t) => {
    const names = new Set(['team']);
    const book = new Book({ tenantsMax: 6, names: () => names });
    const madeUp = (hour: number) => Array.from({ length: 20 }, (_, i) => entryOf(`made-up-${hour}-${i}`, 1));
    book.take(frameOf('p', 1, FIRST, entryOf('old', 10)), at(FIRST));
    await book.close(FIRST, at(FIRST));
    for (let hour = 1; hour <= 3; hour++) {
      const step = FIRST + hour * HOUR_STEPS;
      const entries = [...madeUp(hour), entryOf('team', 5), entryOf('old', 10)];
      book.take(frameOf('p', 1 + hour, step, ...entries), at(step));
      await book.close(step, at(step));
      t.equal(book.record('team')?.offered.items, 5, `hour ${hour}`);
      t.equal(book.record('old')?.offered.items, 10, `hour ${hour}`);
      t.ok(book.tenants <= 7, 'those that have one, and those that share one');
    }
  },
);

t.test('a clock that is far ahead holds up nobody, and one that steps back loses nothing', async (t) => {
  const book = new Book({ tenantsMax: 10 });
  book.take(frameOf('ahead', 1, FIRST + 1000, entryOf('t', 1)), at(FIRST));
  book.take(frameOf('back', 1, FIRST + 1, entryOf('t', 10)), at(FIRST));
  book.take(frameOf('back', 2, FIRST - 500, entryOf('t', 100)), at(FIRST));
  await book.close(FIRST + 3, at(FIRST + 3));
  t.equal(book.record('t')?.offered.items, 111);
  t.equal(book.state.planes['ahead']?.clockAhead, 999);
});

t.test('a book that was written down goes on as if nothing had been', async () => {
  const event = fc.record({
    plane: fc.constantFrom('a', 'b'),
    gap: fc.nat(3),
    items: fc.nat(1000),
    second: fc.nat(9),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 30 }), fc.nat(29), async (events, cut) => {
      const whole = new Book({ tenantsMax: 10 });
      let book = new Book({ tenantsMax: 10 });
      const kept = new Map<number, { step: number; entries: readonly ReturnType<typeof entryOf>[] }>();
      const pages = new Map<string, Buffer>();
      let step = FIRST + HOUR_STEPS - 20;
      for (const [i, { plane, gap, items, second }] of events.entries()) {
        step += gap;
        const frame = frameOf(plane, i + 1, step, entryOf('t', items, second));
        for (const one of [whole, book]) one.take(frame, at(step));
        await whole.close(step, at(step));
        for (const closed of await book.close(step, at(step))) kept.set(closed.step, closed);
        for (const [name, page] of book.takeChangedPages()) pages.set(name, page);
        if (i !== cut) continue;
        const state = JSON.parse(JSON.stringify(book.state));
        book = new Book({ tenantsMax: 10 });
        await book.restore(state, [...pages.values()], [...kept.values()]);
      }
      const [mine, other] = [book.record('t'), whole.record('t')];
      if (JSON.stringify(mine) !== JSON.stringify(other)) {
        throw new Error(`${JSON.stringify(mine)} is not ${JSON.stringify(other)}`);
      }
    }),
    { numRuns: 60 },
  );
});
