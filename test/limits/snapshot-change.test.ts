import fc from 'fast-check';
import t from 'tap';
import type { Snapshot } from '#src/limits/limits.js';
import { SnapshotFollower, snapshotChange } from '#src/limits/snapshot-change.js';
import { limits, snapshot } from '../enforce/fixtures.js';

const DEFAULTS = limits();

function of(rates: Readonly<Record<string, number>>): Snapshot {
  const each = Object.entries(rates).map(([id, rate]) => [id, limits({ ingestion_rate: rate })]);
  return snapshot(Object.fromEntries(each), DEFAULTS);
}

/** As it arrives in another process. */
const sent = (from: Snapshot | undefined, to: Snapshot) => structuredClone(snapshotChange(from, to));

t.test('whoever follows has what it follows, change by change', async () => {
  const rates = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', '__proto__'), fc.nat(2));
  fc.assert(
    fc.property(fc.array(rates, { minLength: 1, maxLength: 6 }), (all) => {
      const follower = new SnapshotFollower(DEFAULTS);
      let before: Snapshot | undefined;
      return all.every((one) => {
        const now = of(one);
        const followed = follower.follow(sent(before, now));
        before = now;
        return (
          followed.hash === now.hash &&
          followed.defaults === DEFAULTS &&
          followed.tenants.size === now.tenants.size &&
          [...now.tenants].every(
            ([id, { ingestion_rate }]) => followed.tenants.get(id)?.ingestion_rate === ingestion_rate,
          )
        );
      });
    }),
  );
});

t.test('limits with the same values are no change, any other value is', async (t) => {
  const before = snapshot({ a: limits() });
  t.strictSame(snapshotChange(before, snapshot({ a: limits() })).tenants, []);
  t.strictSame(snapshotChange(before, snapshot({ a: before.tenants.get('a') ?? limits() })).tenants, []);
  t.strictSame(snapshotChange(before, snapshot({ a: limits({ request_rate: 1 }) })).tenants, ['a']);
  t.strictSame(snapshotChange(before, snapshot({ a: limits({}, { mode: 'off' }) })).tenants, ['a']);
  t.strictSame(snapshotChange(before, snapshot({ a: limits(), b: limits() })).tenants, ['b']);
  t.match(snapshotChange(before, snapshot()), { tenants: [], removed: ['a'] });
});

t.test('limits that many have are sent once', async (t) => {
  const shared = limits({ request_rate: 1 });
  const change = snapshotChange(undefined, snapshot({ a: shared, b: limits(), c: shared }));
  t.equal(change.sets.length, 2);
  t.strictSame([...change.setOf], [0, 1, 0]);
  t.strictSame(change.removed, []);
});

t.test('who is not changed keeps the object, and nobody can edit what arrived', async (t) => {
  const follower = new SnapshotFollower(DEFAULTS);
  const before = of({ a: 1, b: 1 });
  const a = follower.follow(sent(undefined, before)).tenants.get('a');
  const now = follower.follow(sent(before, of({ a: 1, b: 2 })));
  t.equal(now.tenants.get('a'), a);
  t.ok(Object.isFrozen(a) && Object.isFrozen(a?.edge) && Object.isFrozen(now));
  const off = limits({ request_rate: 3 }, { mode: 'off' });
  const followed = new SnapshotFollower(DEFAULTS).follow(sent(undefined, snapshot({ a: off })));
  t.strictSame(followed.tenants.get('a'), off, 'the edge’s own limits arrive with the others');
});
