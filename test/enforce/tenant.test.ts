/** What a tenant does with its buckets when limits change and when it leaves memory, as its ledger sees it. */
import t from 'tap';
import type { Bucket, BucketShape, Ledger } from '#src/enforce/ledger.js';
import { Tenant } from '#src/enforce/tenant.js';
import type { TenantLimits } from '#src/limits/limits.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { limits } from './fixtures.js';

function noted() {
  const events: string[] = [];
  const note = (what: string, kind: string, nowMs: number, shape?: BucketShape) => {
    events.push(`${what} ${kind} at ${nowMs}${shape ? `: ${shape.rate}/s of ${shape.capacity}` : ''}`);
  };
  const ledger: Ledger = {
    bucket: (_tenant, kind, opened, openedMs): Bucket => {
      note('open', kind, openedMs, opened);
      return {
        take: () => true,
        ask: () => ({ granted: true, available: 0, waitSeconds: 0 }),
        left: () => 0,
        giveBack() {},
        reshape: (shape, nowMs) => note('reshape', kind, nowMs, shape),
        release: (nowMs) => note('release', kind, nowMs),
      };
    },
    elections: (tenant) => {
      events.push(`elections of ${tenant}`);
      return { hear: () => 'elected', resign() {} };
    },
    remembersEvicted: () => false,
    close: async () => {},
  };
  return { ledger, events, told: () => events.splice(0) };
}

const ITEMS = limits({ ingestion_rate: 3, ingestion_burst_size: 10 });
const ALL: TenantLimits = limits(
  { ingestion_rate: 5, ingestion_burst_size: 20, request_rate: 2, request_burst_size: 4 },
  { bytes_per_second: 7, bytes_burst_size: 30 },
);

t.test('limits open, change and close the buckets that they need, and no others', async (t) => {
  const { ledger, told } = noted();
  const tenant = new Tenant('a', ITEMS, 'enforce', ledger, 2, undefined, 1);
  t.strictSame(told(), ['open items at 1: 3/s of 20']);
  tenant.relimit(ALL, 'shadow', 2);
  t.equal(tenant.mode, 'shadow');
  t.strictSame(told(), [
    'reshape items at 2: 5/s of 40',
    'open requests at 2: 2/s of 8',
    'open bytes at 2: 7/s of 30',
  ]);
  tenant.relimit(ALL, 'enforce', 3);
  t.equal(tenant.mode, 'enforce');
  t.strictSame(told(), [], 'the same limits change nothing');
  tenant.relimit({ ...ALL, request_rate: 1 }, 'enforce', 4);
  t.strictSame(told(), [
    'reshape items at 4: 5/s of 40',
    'reshape requests at 4: 1/s of 8',
    'reshape bytes at 4: 7/s of 30',
  ]);
  tenant.relimit(ITEMS, 'enforce', 5);
  t.equal(tenant.limits, ITEMS);
  t.strictSame(told(), ['reshape items at 5: 3/s of 20', 'release requests at 5', 'release bytes at 5']);
  t.match(tenant, { requests: undefined, bytes: undefined });
});

t.test('a tenant that leaves memory gives back all that it holds', async (t) => {
  const { ledger, events, told } = noted();
  const series = {
    active: 0,
    fleet: undefined,
    check: () => ({ newAdmitted: 0, overLimit: undefined }),
    topMetrics: () => [],
    release: () => events.push('release series'),
  };
  new Tenant('a', ITEMS, 'enforce', ledger, 1, undefined, 0).release(8);
  t.strictSame(told().slice(1), ['release items at 8']);
  new Tenant('a', ALL, 'enforce', ledger, 1, series, 0).release(9);
  t.strictSame(told().slice(3), [
    'release requests at 9',
    'release items at 9',
    'release bytes at 9',
    'release series',
  ]);
});

t.test('elections are opened when they are first asked for, and once', async (t) => {
  const { ledger, told } = noted();
  const tenant = new Tenant('a', ITEMS, 'enforce', ledger, 1, undefined, 0);
  t.equal(told().length, 1);
  t.equal(tenant.elections, tenant.elections);
  t.strictSame(told(), ['elections of a']);
});

t.test('a tenant owes nothing once each of its buckets is full', async (t) => {
  // How long one token takes to come back.
  for (const [kind, waitMs] of [
    ['requests', 500],
    ['items', 200],
    ['bytes', 150],
  ] as const) {
    const tenant = new Tenant('a', ALL, 'enforce', new MemoryLedger(), 1, undefined, 0);
    t.equal(tenant.owesNothing(0), true);
    t.equal(tenant[kind]?.bucket.take(1, 0), true);
    t.equal(tenant.owesNothing(0), false, kind);
    t.equal(tenant.owesNothing(waitMs - 50), false, kind);
    t.equal(tenant.owesNothing(waitMs), true, kind);
  }
  const items = new Tenant('c', ITEMS, 'enforce', new MemoryLedger(), 1, undefined, 0);
  t.equal(items.owesNothing(0), true, 'a limit that it does not have asks for nothing');
  items.items.bucket.take(1, 0);
  t.equal(items.owesNothing(0), false);
});
