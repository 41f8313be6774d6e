import t from 'tap';
import { CommonBuckets } from '#src/enforce/common-buckets.js';
import type { Bucket, BucketKind, BucketShape, Elections, Ledger } from '#src/enforce/ledger.js';

/** Says what was asked of the ledger and its buckets. */
function given() {
  const asked: string[] = [];
  const told = ({ rate, capacity }: BucketShape) => `${rate} ${capacity}`;
  const ledger = {
    bucket: (tenant: string, kind: BucketKind, shape: BucketShape) => {
      asked.push(`open ${tenant} ${kind} ${told(shape)}`);
      return {
        reshape: (next: BucketShape) => asked.push(`reshape ${kind} ${told(next)}`),
      } as unknown as Bucket;
    },
    elections: (tenant: string) => ({ tenant }) as unknown as Elections,
    remembersEvicted: () => false,
    close: async () => {
      asked.push('close');
    },
  } satisfies Ledger;
  return { asked, common: new CommonBuckets(ledger) };
}

t.test('there is one bucket of each kind, whoever asks', async (t) => {
  const { asked, common } = given();
  const shape = { rate: 1, capacity: 10 };
  const items = common.bucket('a', 'items', shape, 0);
  t.equal(common.bucket('b', 'items', { ...shape }, 1), items);
  t.not(common.bucket('a', 'bytes', shape, 2), items);
  t.strictSame(asked, ['open without room items 1 10', 'open without room bytes 1 10']);
});

t.test('other limits are told to the bucket, once', async (t) => {
  const { asked, common } = given();
  for (const [rate, capacity] of [
    [1, 10],
    [2, 10],
    [2, 10],
    [2, 20],
    [2, 20],
    [1, 10],
  ] as const)
    common.bucket('a', 'items', { rate, capacity }, 0);
  t.strictSame(asked.slice(1), ['reshape items 2 10', 'reshape items 2 20', 'reshape items 1 10']);
});

t.test('elections are each tenant’s own, nobody is remembered, and the ledger stays open', async (t) => {
  const { asked, common } = given();
  t.strictSame(common.elections('a'), { tenant: 'a' });
  t.equal(common.remembersEvicted(), true, 'who has no room does not leave, and owes nothing');
  await common.close();
  t.strictSame(asked, []);
});
