import t from 'tap';
import type { Bucket } from '#src/enforce/ledger.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { pushOf, tracker } from '../series/fixtures.js';
import { admit, enforcer, judge, limits, push, samples, snapshot } from './fixtures.js';

const SPENT_FOR_GOOD = { ingestion_rate: 0, ingestion_burst_size: 20 };
const BYTES = { bytes_per_second: 1e-9, bytes_burst_size: 1000 };

function edgeWith(bucket: Partial<Bucket>) {
  class OneBucket extends MemoryLedger {
    override bucket(): Bucket {
      const none = { take: () => false, left: () => 0, giveBack() {}, reshape() {}, release() {} };
      return { ...none, ask: () => ({ granted: false, available: 0, waitSeconds: 1 }), ...bucket };
    }
  }
  const all = limits({ request_rate: 1, request_burst_size: 1 }, BYTES);
  return enforcer({ ledger: new OneBucket(), snapshot: snapshot({ a: all }) });
}

t.test('tokens that are at hand are taken without a question to the store', async (t) => {
  const edge = edgeWith({ take: () => true, ask: () => t.fail('asked') as never });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, samples(10)), { kind: 'accept', items: 10, bytes: 100 });
  t.equal(edge.draw(tenant, tenant.items, 1), undefined);
});

t.test('tokens that are given when they are asked for are as good as those at hand', async (t) => {
  const asked: number[] = [];
  const edge = edgeWith({
    ask: (n) => {
      asked.push(n);
      return { granted: true, available: 0, waitSeconds: 0 };
    },
  });
  const admitted = admit(edge, 'a');
  t.equal(admitted.requests, 1);
  t.match(judge(edge, admitted.tenant, samples(10)), { kind: 'accept', items: 10, bytes: 100 });
  t.strictSame(asked, [1, 10, 100]);
});

t.test(
  'of a push that loses series the rest stays charged, and its bytes, and no more comes back',
  async (t) => {
    const tight = limits({ ...SPENT_FOR_GOOD, max_global_series_per_user: 2 }, BYTES);
    const edge = enforcer({ snapshot: snapshot({ a: tight }), series: tracker() });
    const { tenant } = admit(edge, 'a');
    const left = () => [tenant.items.bucket.left(0), Math.round(tenant.bytes?.bucket.left(0) ?? 0)];
    judge(edge, tenant, { ...pushOf([1, 2]), compressedBytes: 100 });
    t.strictSame(left(), [18, 900]);
    const verdict = judge(edge, tenant, { ...pushOf([1, 3, 4]), compressedBytes: 100 });
    t.match(verdict, { kind: 'filter', items: 1, bytes: 100 });
    t.strictSame(left(), [17, 800]);
  },
);

t.test('a limit that is gone when a push comes back takes nothing back', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ...SPENT_FOR_GOOD, request_rate: 1, request_burst_size: 1 }, BYTES) }),
  });
  const admitted = admit(edge, 'a');
  const { tenant } = admitted;
  const verdict = judge(edge, tenant, samples(15));
  if (verdict.kind !== 'accept') throw new Error(verdict.kind);
  edge.apply(snapshot({ a: limits(SPENT_FOR_GOOD) }));
  edge.giveBack(admitted, verdict);
  t.equal(tenant.items.bucket.left(0), 20, 'its items have a limit still');
});

t.test('a push over the burst is told what it had and what one may have', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits(SPENT_FOR_GOOD) }) });
  t.match(judge(edge, admit(edge, 'a').tenant, push([{ samples: 21 }])), {
    reason: 'burst_exceeded',
    observed: 21,
    allowed: 20,
    retryAfterSeconds: 96,
  });
});
