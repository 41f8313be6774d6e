/** What each place of the fleet's usage promises. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { FIRST_ID, type UsageCommit, type UsageStore } from '#src/shared/usage-store.js';

const EMPTY: UsageCommit = {
  state: 's',
  pages: [],
  gonePages: [],
  steps: [],
  records: [],
  appliedId: FIRST_ID,
};
const bytes = (text: string) => Buffer.from(text, 'latin1');
const LEASE_MS = 60_000;

export function usageContract(t: Test, open: (t: Test) => Promise<UsageStore>): void {
  t.test('nothing is there at first', async (t) => {
    const store = await open(t);
    t.same(await store.frames(FIRST_ID, 10), []);
    t.equal(await store.state(), undefined);
    t.equal((await store.pages()).size, 0);
    t.same(await store.steps('sums', [1, 2]), [undefined, undefined]);
    t.same(await store.records('hours', ['a', 'b']), [undefined, undefined]);
    t.same(await store.tenants('days'), []);
    t.same([await store.steps('sums', []), await store.records('hours', [])], [[], []]);
  });

  t.test(
    'frames come in the order in which they were sent, as they were, each after the one before',
    async (t) => {
      const store = await open(t);
      const sent = [bytes('one'), bytes('\x00\xff\x80 two'), bytes('three')];
      for (const frame of sent) await store.send(frame);
      const frames = await store.frames(FIRST_ID, 2);
      t.same(
        frames.map((one) => one.bytes),
        sent.slice(0, 2),
      );
      t.same(
        (await store.frames(frames[1]!.id, 10)).map((one) => one.bytes),
        sent.slice(2),
      );
    },
  );

  t.test('what is written at once is there at once, and frames that are in it are gone', async (t) => {
    const store = await open(t);
    for (const text of ['a', 'b', 'c']) await store.send(bytes(text));
    const [, second] = await store.frames(FIRST_ID, 10);
    const fence = await store.elect('me', LEASE_MS);
    t.ok(
      await store.commit('me', fence!, {
        state: 'first',
        pages: [
          ['1/0', bytes('\xfe page')],
          ['1/1', bytes('other')],
        ],
        gonePages: [],
        steps: [
          { step: 7, kind: 'sums', bytes: bytes('sums 7') },
          { step: 7, kind: 'seconds', bytes: bytes('seconds 7') },
          { step: 8, kind: 'sums', bytes: bytes('sums 8') },
        ],
        records: [
          { kind: 'hours', tenant: 'a', bytes: bytes('hours of a') },
          { kind: 'days', tenant: 'a', bytes: bytes('days of a') },
          { kind: 'hours', tenant: 'b', bytes: bytes('hours of b') },
        ],
        appliedId: second!.id,
      }),
    );
    t.equal(await store.state(), 'first');
    t.same(
      await store.pages(),
      new Map([
        ['1/0', bytes('\xfe page')],
        ['1/1', bytes('other')],
      ]),
    );
    t.same(await store.steps('sums', [8, 9, 7]), [bytes('sums 8'), undefined, bytes('sums 7')]);
    t.same(await store.steps('seconds', [7]), [bytes('seconds 7')]);
    t.same(await store.records('hours', ['b', 'none', 'a']), [
      bytes('hours of b'),
      undefined,
      bytes('hours of a'),
    ]);
    t.same(await store.records('days', ['a']), [bytes('days of a')]);
    t.same(
      (await store.frames(FIRST_ID, 10)).map((one) => one.bytes),
      [bytes('b'), bytes('c')],
    );
    const gone = { kind: 'hours' as const, tenant: 'a', bytes: undefined };
    t.ok(
      await store.commit('me', fence!, { ...EMPTY, state: 'second', gonePages: ['1/0'], records: [gone] }),
    );
    t.same([...(await store.pages()).keys()], ['1/1']);
    t.same(await store.tenants('hours'), ['b']);
    t.same(await store.tenants('days'), ['a']);
    t.equal(await store.state(), 'second');
  });

  t.test('one at a time keeps the book, and only that one writes', async (t) => {
    const store = await open(t);
    const first = await store.elect('first', LEASE_MS);
    t.equal(await store.elect('second', LEASE_MS), undefined);
    t.equal(await store.elect('first', LEASE_MS), first, 'it stays the same');
    t.notOk(await store.commit('second', first!, EMPTY));
    t.notOk(await store.commit('first', first! + 1, EMPTY));
    t.equal(await store.state(), undefined, 'nothing was written');
    await store.resign('second');
    t.equal(await store.elect('second', LEASE_MS), undefined, 'it was not it');
    await store.resign('first');
    const second = await store.elect('second', LEASE_MS);
    t.ok(second! > first!, 'its number is larger');
    t.notOk(await store.commit('first', first!, EMPTY));
    t.ok(await store.commit('second', second!, EMPTY));
  });

  t.test('a lease that is not renewed ends', async (t) => {
    const store = await open(t);
    const first = await store.elect('first', 20);
    let second: number | undefined;
    while (second === undefined) {
      await delay(10);
      second = await store.elect('second', LEASE_MS);
    }
    t.ok(second > first!);
    t.notOk(await store.commit('first', first!, EMPTY));
  });
}
