/** Who has usage of its own where names are made up. */
import t from 'tap';
import { Places } from '#src/usage/places.js';

function taken(places: Places, tenants: readonly string[]): string[] {
  return tenants.filter((tenant) => places.take(tenant));
}

const many = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i}`);

t.test('where documents name nobody whoever comes first has a place', async (t) => {
  const places = new Places(3, () => new Set());
  t.strictSame(taken(places, ['a', 'b', 'c', 'd']), ['a', 'b', 'c']);
  places.leave('a');
  t.strictSame(taken(places, ['d', 'e']), ['d']);
});

t.test('made-up names leave those that a document names their places', async (t) => {
  for (const [most, named, madeUp] of [
    [100, 30, 70],
    [100, 90, 25],
    [100, 1000, 25],
    [1, 10, 1],
  ] as const) {
    const names = many('team', named);
    const places = new Places(most, () => new Set(names));
    t.equal(taken(places, many('made-up', 1000)).length, madeUp);
    t.equal(taken(places, names).length, Math.min(named, most - madeUp), `${named} of ${most}`);
  }
});

t.test('who had a place in the hour before has one again, whoever comes first', async (t) => {
  const places = new Places(10, () => new Set(['team']));
  t.equal(taken(places, ['old', 'team', 'once']).length, 3);
  for (let hour = 0; hour < 5; hour++) {
    places.beginHour();
    const madeUp = many(`made-up-${hour}`, 1000);
    t.ok(taken(places, madeUp).length < 9);
    t.strictSame(taken(places, ['old', 'team']), ['old', 'team']);
  }
});

t.test('a document that names more from now on makes room for them', async (t) => {
  let names = new Set<string>();
  const places = new Places(8, () => names);
  t.equal(taken(places, many('made-up', 100)).length, 8);
  names = new Set(many('team', 4));
  t.strictSame(taken(places, [...names]), [], 'in the hour under way there is none any more');
  places.beginHour();
  t.equal(taken(places, many('made-up', 100)).length, 8 - 0);
});
