import t from 'tap';
import { MetricRecords } from '#src/series/metric-records.js';
import type { TableMemory } from '#src/series/table-memory.js';

t.test('ids of metrics are different as long as the upper 53 bits of their keys are', async (t) => {
  const uppermost = [0n, 1n, 2n, 1n << 21n, 1n << 42n, (1n << 42n) + 1n, 1n << 52n, (1n << 53n) - 1n];
  const ids = uppermost.map((bits) => {
    const words = new Uint32Array(new BigUint64Array([bits << 11n]).buffer);
    return new MetricRecords({ words } as TableMemory).idOf(0);
  });
  t.equal(new Set(ids).size, uppermost.length);
  t.ok(ids.every(Number.isSafeInteger));
});
