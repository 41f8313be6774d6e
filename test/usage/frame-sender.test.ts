import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FrameSender } from '#src/usage/frame-sender.js';

const frame = (name: string) => Buffer.from(name);

function sender(t: Test, now = () => 0) {
  const sent: string[] = [];
  const said: string[] = [];
  const state = { fails: false };
  const one = new FrameSender({
    send: async (bytes) => {
      if (state.fails) throw new Error('Redis is away');
      await delay(1);
      sent.push(bytes.toString());
    },
    now,
    log: { info: (_, text) => said.push(text), warn: (_, text) => said.push(text) },
  });
  t.teardown(() => one.stop());
  return { one, sent, said, state };
}

t.test('frames go in order, one at a time, each until it is taken', async (t) => {
  const { one, sent, said, state } = sender(t);
  for (const name of ['1', '2', '3']) one.add(frame(name));
  await one.flush();
  t.same(sent, ['1', '2', '3']);
  state.fails = true;
  one.add(frame('4'));
  one.add(frame('5'));
  await one.flush();
  await one.flush();
  t.match(one.status(), { waiting: 2, sent: 3, lost: 0, lastError: 'Redis is away', failingSinceMs: 0 });
  state.fails = false;
  await one.flush();
  t.same(sent, ['1', '2', '3', '4', '5']);
  t.match(one.status(), { waiting: 0, sent: 5, lastError: undefined });
  t.equal(said.length, 2, 'once that it fails, once that it does not');
});

t.test('what waits for longer than five minutes is lost and counted, the rest is sent late', async (t) => {
  let nowMs = 0;
  const { one, sent, state } = sender(t, () => nowMs);
  state.fails = true;
  for (let minute = 0; minute < 8; minute++) {
    nowMs = minute * 60_000;
    one.add(frame(`minute ${minute}`));
    await one.flush();
  }
  state.fails = false;
  await one.flush();
  t.same(
    sent,
    [2, 3, 4, 5, 6, 7].map((minute) => `minute ${minute}`),
  );
  t.match(one.status(), { waiting: 0, lost: 2 });
});
