/** Series count once over a fleet only where all of it hashes them under one secret. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { HashKey } from '#src/payload/hash-key.js';
import { FleetHashKey } from '#src/shared/fleet-hash-key.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';

function member(ask: (own: HashKey) => HashKey | 'lost', own = randomBytes(16)) {
  const changes: HashKey[] = [];
  const key = new FleetHashKey(
    own,
    async (_tenant, call) => ask(call.own),
    (changed) => changes.push(changed),
  );
  return { own, changes, agree: () => key.agree() };
}

function asked(store: MemoryStore) {
  return (own: HashKey) => store.answer({ kind: 'hashKey', tenant: '', call: { own } }, 0) as HashKey;
}

t.test('the first secret that is offered is that of all, and is told to the others once', async (t) => {
  const store = new MemoryStore(() => 'a', 10, 10);
  const [first, second] = [member(asked(store)), member(asked(store))];
  for (let i = 0; i < 3; i++) for (const one of [first, second]) await one.agree();
  t.strictSame(first.changes, []);
  t.strictSame(second.changes, [first.own]);
});

t.test(
  'a store that lost everything gets the secret that the fleet has, from whoever comes first',
  async (t) => {
    let store = new MemoryStore(() => 'a', 10, 10);
    const ask = (own: HashKey) => asked(store)(own);
    const [first, second] = [member(ask), member(ask)];
    await first.agree();
    await second.agree();
    store = new MemoryStore(() => 'b', 10, 10);
    await second.agree();
    await first.agree();
    t.strictSame([first.changes, second.changes], [[], [first.own]]);
  },
);

t.test('without an answer, or with one that is no secret, it stays as it is', async (t) => {
  for (const answer of ['lost', Buffer.alloc(0), Buffer.alloc(17)] as const) {
    const one = member(() => answer);
    await one.agree();
    t.strictSame(one.changes, []);
  }
});
