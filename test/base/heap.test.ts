import fc from 'fast-check';
import t from 'tap';
import { Heap } from '#src/base/heap.js';

interface Item {
  readonly id: number;
  value: number;
}

t.test('the first is the least, however values change, and things come and go', async () => {
  const change = fc.record({
    id: fc.nat({ max: 20 }),
    value: fc.nat({ max: 1000 }),
    what: fc.constantFrom('put', 'put', 'remove'),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const heap = new Heap<Item>((a, b) => a.value < b.value);
      const items = Array.from({ length: 21 }, (_, id): Item => ({ id, value: 0 }));
      const held = new Set<Item>();
      for (const { id, value, what } of changes) {
        const item = items[id]!;
        if (what === 'put') {
          item.value = value;
          heap.put(item);
          held.add(item);
        } else {
          heap.remove(item);
          held.delete(item);
        }
        const least = held.size === 0 ? undefined : Math.min(...[...held].map((one) => one.value));
        if (heap.first?.value !== least) return false;
      }
      return true;
    }),
  );
});

t.test('what one change costs grows with the logarithm of what it holds', async (t) => {
  for (const size of [1000, 100_000]) {
    let compared = 0;
    const heap = new Heap<Item>((a, b) => {
      compared++;
      return a.value < b.value;
    });
    const items = Array.from({ length: size }, (_, id): Item => ({ id, value: (id * 7919) % size }));
    for (const item of items) heap.put(item);
    compared = 0;
    for (let i = 0; i < 1000; i++) {
      const first = heap.first!;
      first.value += size / 2;
      heap.put(first);
    }
    t.ok(compared / 1000 < 4 * Math.log2(size), `${compared / 1000} of ${size}`);
  }
});
