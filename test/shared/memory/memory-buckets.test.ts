/** Shared buckets in memory. That they do what the script does is tested with a real Redis. */
import t from 'tap';
import { MemoryBuckets } from '#src/shared/memory/memory-buckets.js';
import { leaseCall } from '../../buckets/fixtures.js';

t.test(
  'there are so many buckets and no more; one that comes back is as its caller last saw it',
  async (t) => {
    let incarnations = 0;
    const buckets = new MemoryBuckets(() => String(incarnations++), 2);
    const call = leaseCall({ reshape: true, need: 40 });
    const seen = buckets.lease('a', call, 0);
    buckets.lease('b', call, 0);
    buckets.lease('a', call, 0);
    buckets.lease('c', call, 0);
    t.equal(buckets.size, 2);
    t.equal(buckets.lease('a', call, 0).granted, 0, 'used after b, so it stayed, and is drained');
    const { incarnation, available } = buckets.lease(
      'b',
      { ...call, incarnation: seen.incarnation, ceiling: 7, need: 5 },
      0,
    );
    t.equal(available, 2);
    t.not(incarnation, '1');
  },
);
