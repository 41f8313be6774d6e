import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Poller } from '#src/base/poller.js';

/** A poller whose runs end when a test says so, on a clock that a test moves. */
function given(t: Test, waitMs = 1000) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const errors: unknown[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const seen = { begun: 0, atOnce: 0, mostAtOnce: 0 };
  const poller = new Poller({
    run: async () => {
      seen.begun++;
      seen.mostAtOnce = Math.max(seen.mostAtOnce, ++seen.atOnce);
      await new Promise<void>((resolve, reject) =>
        ends.push((error) => (error === undefined ? resolve() : reject(error))),
      );
      seen.atOnce--;
    },
    failed: (error) => {
      seen.atOnce--;
      errors.push(error);
    },
    waitMs: () => waitMs,
  });
  /** Ends all runs that have begun. */
  const end = async (error?: Error) => {
    for (const one of ends.splice(0)) one(error);
    await nextTurn();
  };
  const later = async (ms: number) => {
    mock.timers.tick(ms);
    await nextTurn();
  };
  return { poller, seen, errors, end, later };
}

t.test('the next run comes a wait after the last one ended', async (t) => {
  const { poller, seen, end, later } = given(t);
  const first = poller.refresh();
  await later(5000);
  t.equal(seen.begun, 1, 'not while one is under way');
  await end();
  await first;
  await later(999);
  t.equal(seen.begun, 1);
  await later(1);
  t.equal(seen.begun, 2);
});

t.test('a poller that is started later runs for the first time after a wait', async (t) => {
  const { poller, seen, later } = given(t);
  poller.startLater();
  await later(999);
  t.equal(seen.begun, 0);
  await later(1);
  t.equal(seen.begun, 1);
});

t.test('refreshes at once share one more run, and are done when it has ended', async (t) => {
  const { poller, seen, end } = given(t);
  void poller.refresh();
  let done = 0;
  for (let i = 0; i < 4; i++) void poller.refresh().then(() => done++);
  await end();
  t.equal(done, 0, 'what the run under way has read may be of before they asked');
  t.equal(seen.begun, 2);
  await end();
  t.equal(done, 4);
  t.equal(seen.begun, 2);
});

t.test('after refreshes the interval is what it was', async (t) => {
  const { poller, seen, end, later } = given(t);
  for (let i = 0; i < 4; i++) void poller.refresh();
  await end();
  await end();
  void poller.refresh();
  await end();
  const { begun } = seen;
  for (let i = 0; i < 10; i++) {
    await later(1000);
    await end();
  }
  t.equal(seen.begun, begun + 10);
});

t.test('a refresh between two runs puts the next one off', async (t) => {
  const { poller, seen, end, later } = given(t);
  void poller.refresh();
  await end();
  await later(900);
  void poller.refresh();
  await end();
  await later(900);
  t.equal(seen.begun, 2);
  await later(100);
  t.equal(seen.begun, 3);
});

t.test('a run that fails is told, and followed by others', async (t) => {
  const { poller, seen, errors, end, later } = given(t);
  const first = poller.refresh();
  await end(new Error('broken'));
  await first;
  t.match(errors, [{ message: 'broken' }]);
  await later(1000);
  t.equal(seen.begun, 2);
});

t.test('once it is stopped no run begins, and what was asked for is over', async (t) => {
  const { poller, seen, end, later } = given(t);
  void poller.refresh();
  const queued = poller.refresh();
  let stopped = false;
  const stopping = poller.stop().then(() => {
    stopped = true;
  });
  await nextTurn();
  t.equal(stopped, false, 'a run is under way');
  await end();
  await stopping;
  await queued;
  await poller.refresh();
  await later(10_000);
  t.equal(seen.begun, 1);
});

t.test(
  'in whatever order it is asked, one run is under way at a time, and the polling goes on',
  async (t) => {
    const step = fc.constantFrom('refresh', 'end', 'fail', 'wait' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { poller, seen, end, later } = given(t);
        let asked = 0;
        let done = 0;
        for (const next of ['refresh', ...steps]) {
          if (next === 'refresh') {
            asked++;
            void poller.refresh().then(() => done++);
          } else if (next === 'wait') await later(1000);
          else await end(next === 'fail' ? new Error('x') : undefined);
        }
        await end();
        await end();
        const { begun } = seen;
        await later(1000);
        await end();
        mock.timers.reset();
        return done === asked && seen.mostAtOnce === 1 && seen.begun === begun + 1;
      }),
    );
  },
);
