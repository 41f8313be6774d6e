/** Calls in flight and their deadlines, on a clock that the test sets. */
import { mock } from 'node:test';
import t from 'tap';
import { Calls } from '#src/shared/calls.js';
import { StoreError } from '#src/shared/store.js';

mock.timers.enable({ apis: ['setTimeout'] });
t.teardown(() => mock.timers.reset());

const turn = () => new Promise((resolve) => setImmediate(resolve));

function given(maxInFlight = 10) {
  const clock = { nowMs: 1000 };
  const seen: string[] = [];
  const kindOf = (error: unknown) => (error instanceof StoreError ? error.kind : 'other');
  const calls = new Calls(
    { timeoutMs: 50, maxInFlight, now: () => clock.nowMs },
    {
      succeeded: (shard) => seen.push(`succeeded ${shard}`),
      failed: (shard, error) => seen.push(`failed ${shard} ${kindOf(error)}`),
      noteError: (error) => seen.push(`noted ${kindOf(error)}`),
    },
  );
  const late: string[] = [];
  const begin = (name: string, shard = 0) => {
    const call = calls.begin(shard, (nowMs) => late.push(`${name} ${nowMs}`));
    if (call === undefined) throw new Error('too many');
    return call;
  };
  const pass = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
    mock.timers.tick(ms);
    await turn();
    await turn();
  };
  return { clock, calls, seen, late, begin, pass };
}

t.test('each call has its own time, from when it is sent', async (t) => {
  const { late, seen, begin, pass } = given();
  begin('first', 1);
  await pass(30);
  begin('second', 2);
  await pass(19);
  t.strictSame(late, []);
  await pass(1);
  t.strictSame(late, ['first 1050']);
  await pass(29);
  t.equal(late.length, 1);
  await pass(1);
  t.strictSame(late, ['first 1050', 'second 1080']);
  t.strictSame(seen, ['failed 1 timeout', 'failed 2 timeout']);
});

t.test('those that were sent at one moment are late at one moment', async (t) => {
  const { late, begin, pass } = given();
  for (const name of ['a', 'b', 'c']) begin(name);
  await pass(50);
  t.strictSame(late, ['a 1050', 'b 1050', 'c 1050']);
});

t.test('a call that is answered in time is not late', async (t) => {
  const { calls, late, seen, begin, pass } = given();
  const call = begin('first', 3);
  begin('second', 4);
  await pass(49);
  t.equal(calls.succeeded(call), true);
  await pass(1);
  t.strictSame(late, ['second 1050']);
  t.strictSame(seen, ['succeeded 3', 'failed 4 timeout']);
  begin('third');
  await pass(50);
  t.equal(late.length, 2, 'the timer goes on');
});

t.test('what arrived while the loop was busy is read before anybody is called late', async (t) => {
  const { clock, calls, late, begin } = given();
  const call = begin('first');
  clock.nowMs += 60;
  mock.timers.tick(60);
  t.equal(calls.succeeded(call), true, 'in the same turn');
  await turn();
  await turn();
  t.strictSame(late, []);
});

t.test('a late call is in flight until it ends, and its end says nothing of the store', async (t) => {
  const { calls, seen, begin, pass } = given();
  const [one, two] = [begin('one'), begin('two')];
  await pass(50);
  t.equal(calls.inFlight, 2);
  seen.splice(0);
  t.equal(calls.succeeded(one), false);
  t.equal(calls.inFlight, 1);
  calls.failed(two, new StoreError('connection', 'gone'));
  t.equal(calls.inFlight, 0);
  t.strictSame(seen, []);
});

t.test('a call that fails in time says what is wrong with its shard', async (t) => {
  const { calls, seen, begin } = given();
  calls.failed(begin('one', 7), new StoreError('memory', 'full'));
  t.strictSame(seen, ['failed 7 memory']);
  t.equal(calls.inFlight, 0);
});

t.test('so many are in flight at one time, late ones included', async (t) => {
  const { calls, seen, begin, pass } = given(2);
  const one = begin('one');
  await pass(50);
  t.equal(calls.mayBegin, true);
  const two = begin('two');
  t.equal(calls.mayBegin, false);
  seen.splice(0);
  t.equal(
    calls.begin(0, () => {}),
    undefined,
  );
  t.strictSame(seen, ['noted busy']);
  t.equal(calls.sent, 2);
  calls.succeeded(one);
  t.equal(calls.mayBegin, true);
  calls.succeeded(two);
  t.equal(calls.inFlight, 0);
});

t.test('withDeadline: the answer, or lost when it is late, fails or can not be sent', async (t) => {
  const { calls, seen, pass } = given(2);
  t.equal(await calls.withDeadline(0, async () => 'answer'), 'answer');
  t.equal(await calls.withDeadline(1, () => Promise.reject(new StoreError('busy', 'loading'))), 'lost');
  t.equal(await calls.withDeadline(1, () => Promise.reject(new StoreError('moving', 'MOVING'))), 'moving');
  const never = () => new Promise<string>(() => {});
  const waiting = [calls.withDeadline(2, never), calls.withDeadline(3, never)];
  let sent = false;
  const tooMany = calls.withDeadline(4, async () => {
    sent = true;
    return 'answer';
  });
  t.equal(await tooMany, 'lost');
  t.equal(sent, false);
  await pass(50);
  t.strictSame(await Promise.all(waiting), ['lost', 'lost']);
  t.strictSame(seen, [
    'succeeded 0',
    'failed 1 busy',
    'failed 1 moving',
    'noted busy',
    'failed 2 timeout',
    'failed 3 timeout',
  ]);
  t.equal(calls.inFlight, 2);
});

t.test('withDeadline: an answer that comes late is passed over', async (t) => {
  const { calls, pass } = given();
  let answer = (_text: string) => {};
  const asked = calls.withDeadline(0, () => new Promise<string>((resolve) => (answer = resolve)));
  await pass(50);
  t.equal(await asked, 'lost');
  answer('late');
  await turn();
  t.equal(calls.inFlight, 0);
});

t.test('after it is closed nobody is called late', async (t) => {
  const { calls, late, begin, pass } = given();
  begin('one');
  calls.close();
  await pass(100);
  t.strictSame(late, []);
});
