import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Debts } from '#src/buckets/debts.js';
import {
  type RateLimitResponse,
  rateLimitRequest,
  rateLimitResponse,
} from '#src/doors/envoy/grpc/messages.js';
import { OverrideBuckets } from '#src/doors/envoy/ratelimit/override-buckets.js';
import type { Ledger } from '#src/enforce/ledger.js';
import type { Tenant } from '#src/enforce/tenant.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import {
  client,
  door,
  framed,
  type GivenDoor,
  type GivenDoorOptions,
  RawCall,
  rawSession,
  SHOULD_RATE_LIMIT,
  unary,
} from './fixtures.js';

const OK = 1;
const OVER_LIMIT = 2;

interface Descriptor {
  readonly entries: { readonly key: string; readonly value: string }[];
  readonly hitsAddend?: { readonly value: number };
  readonly limit?: { readonly requestsPerUnit: number; readonly unit: number };
}

/** One of a tenant's buckets, and how much to take from it. */
function wants(tenant: string, bucket?: string, hits?: number): Descriptor {
  const entries = [{ key: 'tenant', value: tenant }];
  if (bucket !== undefined) entries.push({ key: 'bucket', value: bucket });
  return hits === undefined ? { entries } : { entries, hitsAddend: { value: hits } };
}

type Served = GivenDoor & {
  ask(descriptors: Descriptor[], request?: object): Promise<RateLimitResponse>;
  left(tenant: string, bucket: 'requests' | 'items' | 'bytes'): number | undefined;
};

async function serve(t: Test, options: GivenDoorOptions = {}): Promise<Served> {
  const served = await door({
    ...options,
    enforcer: {
      snapshot: snapshot({
        a: limits(
          {
            ingestion_rate: 1e-9,
            ingestion_burst_size: 1000,
            request_rate: 1e-9,
            request_burst_size: 10,
          },
          { bytes_per_second: 1e-9, bytes_burst_size: 5000 },
        ),
        quick: limits({ ingestion_rate: 100, ingestion_burst_size: 1000 }),
        shadow: limits({ ingestion_rate: 1e-9, ingestion_burst_size: 10 }, { mode: 'shadow' }),
        off: limits({ ingestion_rate: 1e-9, ingestion_burst_size: 10 }, { mode: 'off' }),
      }),
      ...options.enforcer,
    },
  });
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
    if (served.bugs.length > 0) throw new Error(`bugs: ${served.bugs}`);
  });
  return Object.assign(served, {
    ask: (descriptors: Descriptor[], request: object = {}) =>
      unary<object, RateLimitResponse>(
        caller,
        SHOULD_RATE_LIMIT,
        'envoy.service.ratelimit.v3.RateLimitRequest',
        'envoy.service.ratelimit.v3.RateLimitResponse',
        { domain: 'mimir-edge', descriptors, ...request },
      ).response,
    left: (tenant: string, bucket: 'requests' | 'items' | 'bytes') => {
      const left = served.enforcer.tenants.get(tenant)?.[bucket]?.bucket.left(performance.now());
      return left === undefined ? undefined : Math.round(left);
    },
  });
}

t.test('each descriptor takes from its bucket, and its status says what is left', async (t) => {
  const { ask, left } = await serve(t);
  const answer = await ask([wants('a'), wants('a', 'items', 300), wants('a', 'bytes', 2000)]);
  t.equal(answer.overallCode, OK);
  t.match(answer.statuses, [
    { code: OK, limitRemaining: 9, currentLimit: { name: 'request_rate' } },
    { code: OK, limitRemaining: 700, currentLimit: { name: 'ingestion_rate' } },
    { code: OK, limitRemaining: 3000, currentLimit: { name: 'bytes_per_second' } },
  ]);
  t.strictSame([left('a', 'requests'), left('a', 'items'), left('a', 'bytes')], [9, 700, 3000]);
});

t.test("the request's addend counts where a descriptor has none, and 0 means 1", async (t) => {
  const { ask, left } = await serve(t);
  await ask([wants('a', 'items'), wants('a', 'bytes', 7)], { hitsAddend: 100 });
  t.strictSame([left('a', 'items'), left('a', 'bytes')], [900, 4993]);
  await ask([wants('a', 'items')], { hitsAddend: 0 });
  t.equal(left('a', 'items'), 899);
});

t.test('a request of which one descriptor is refused charges none of the others', async (t) => {
  const { ask, left, descriptors, refusals } = await serve(t);
  for (const order of [
    [wants('a'), wants('a', 'items', 1001), wants('a', 'bytes', 10)],
    [wants('a', 'bytes', 10), wants('a'), wants('a', 'items', 1001)],
  ]) {
    const answer = await ask(order);
    t.equal(answer.overallCode, OVER_LIMIT);
    t.strictSame(
      answer.statuses.map(({ code }) => code),
      order.map(({ hitsAddend }) => (hitsAddend?.value === 1001 ? OVER_LIMIT : OK)),
      'and each says how it is with it',
    );
    t.strictSame([left('a', 'requests'), left('a', 'items'), left('a', 'bytes')], [10, 1000, 5000]);
  }
  t.strictSame(descriptors.filter((outcome) => outcome === 'over_limit').length, 2);
  t.match(refusals, [{ tenant: 'a', refusal: { reason: 'burst_exceeded' } }, {}]);
});

t.test('a refusal has a sentence, Retry-After and the limit for the client', async (t) => {
  const { ask } = await serve(t);
  await ask([wants('quick', 'items', 1000)]);
  const answer = await ask([wants('quick', 'items', 500)]);
  t.equal(answer.overallCode, OVER_LIMIT);
  t.match(
    Buffer.from(answer.rawBody!).toString(),
    /tenant quick was refused: it holds 500 items .* of the ingestion rate of 100 items\/s .*\(err-mimir-tenant-max-ingestion-rate\)/,
  );
  const headers = Object.fromEntries(answer.responseHeadersToAdd!.map(({ key, value }) => [key, value]));
  t.match(headers, {
    'retry-after': /^\d+$/,
    'x-mimir-edge-reason': 'rate_limited',
    'ratelimit-limit': '1000',
    'ratelimit-remaining': /^\d+$/,
    'ratelimit-reset': /^\d+$/,
  });
  t.match(answer.statuses[0], { currentLimit: { requestsPerUnit: 100, unit: 1 } });
  const until = Number(answer.statuses[0]?.durationUntilReset?.seconds);
  t.ok(until > 0 && until <= 10, 'until it is full');
});

t.test('an addend of 0 looks, and takes nothing', async (t) => {
  const { ask, left } = await serve(t);
  t.equal((await ask([wants('a', 'items', 0)])).overallCode, OK);
  t.equal(left('a', 'items'), 1000);
  await ask([wants('a', 'items', 1000)]);
  t.equal((await ask([wants('a', 'items', 0)])).overallCode, OVER_LIMIT, 'not one token is left');
});

t.test('descriptors that name no bucket of a tenant pass or not, by setting', async (t) => {
  const unknown: [Descriptor, object][] = [
    [{ entries: [] }, {}],
    [{ entries: [{ key: 'bucket', value: 'items' }] }, {}],
    [wants('a', 'cows'), {}],
    [wants('a'), { domain: 'other' }],
  ];
  const open = await serve(t);
  const closed = await serve(t, { rateLimit: { unknown: 'refuse' } });
  for (const [descriptor, request] of unknown) {
    t.equal((await open.ask([descriptor], request)).overallCode, OK);
    const refused = await closed.ask([wants('a'), descriptor], request);
    t.equal(refused.overallCode, OVER_LIMIT);
    t.match(Buffer.from(refused.rawBody!).toString(), /err-edge-unknown-descriptor/);
    t.equal(closed.left('a', 'requests'), 10, 'and what is known is not charged');
  }
  t.strictSame(new Set(open.descriptors), new Set(['unknown']));
});

t.test('a tenant is charged under every name that Mimir takes for it', async (t) => {
  const { ask, left } = await serve(t);
  for (const [i, name] of ['a', 'a|a', 'a:x', 'a:k=v|a', `a:${'x'.repeat(20_000)}`].entries()) {
    t.equal((await ask([wants(name)])).overallCode, OK);
    t.equal(left('a', 'requests'), 9 - i, name.slice(0, 20));
  }
});

t.test('metadata of a tenant id selects the bucket of items; requests are the tenant’s', async (t) => {
  const edge = await serve(t, {
    enforcer: {
      snapshot: snapshot({
        a: limits({
          ingestion_rate: 1e-9,
          ingestion_burst_size: 10,
          request_rate: 1e-9,
          request_burst_size: 2,
        }),
        ':k=1': limits({ ingestion_rate: 1e-9, ingestion_burst_size: 20 }),
      }),
    },
  });
  const code = async (tenant: string, bucket: string, hits: number) =>
    (await edge.ask([wants(tenant, bucket, hits)])).overallCode;
  t.equal(await code('a:k=1', 'items', 20), OK);
  t.equal(await code('a:k=1', 'items', 1), OVER_LIMIT);
  t.equal(await code('a:k=2', 'items', 10), OK);
  t.equal(await code('a', 'items', 10), OK);
  t.equal(await code('a:k=1', 'requests', 1), OK);
  t.equal(await code('a:k=2', 'requests', 1), OK);
  t.equal(await code('a', 'requests', 1), OVER_LIMIT);
});

t.test('who names no valid tenant is over the limit, whatever is unknown', async (t) => {
  const { ask, left, descriptors, refusals, enforcer } = await serve(t, {
    enforcer: {
      unknownTenants: 'refuse',
      snapshot: snapshot({ a: limits({ request_rate: 1e-9, request_burst_size: 10 }) }),
    },
  });
  for (const [name, id] of [
    ['a|b', 'err-edge-invalid-tenant'],
    ['a b', 'err-edge-invalid-tenant'],
    ['\u00e4', 'err-edge-invalid-tenant'],
    ['..', 'err-edge-invalid-tenant'],
    ['x'.repeat(151), 'err-edge-invalid-tenant'],
    ['x'.repeat(30_000), 'err-edge-invalid-tenant'],
    ['', 'err-edge-missing-tenant'],
    ['stranger', 'err-edge-unknown-tenant'],
  ] as const) {
    const answer = await ask([wants('a'), wants(name)]);
    const label = name.slice(0, 20);
    t.equal(answer.overallCode, OVER_LIMIT, label);
    t.strictSame(
      answer.statuses.map(({ code }) => code),
      [OK, OVER_LIMIT],
      label,
    );
    t.match(Buffer.from(answer.rawBody!).toString(), id, label);
    t.notOk(
      answer.responseHeadersToAdd?.some(({ key }) => key === 'retry-after'),
      'to come again would not help',
    );
    t.equal(left('a', 'requests'), 10, 'and what is known is not charged');
  }
  t.strictSame(new Set(descriptors), new Set(['ok', 'invalid']));
  t.equal(refusals.length, 8);
  t.equal(enforcer.unattributed.requests, 8);
  enforcer.setMode('shadow');
  t.equal((await ask([wants('a|b')])).overallCode, OK, 'but for shadow mode');
});

t.test('a name that is no UTF-8 is no valid tenant, and no error', async (t) => {
  const { port, errors } = await serve(t);
  const session = rawSession(port);
  const call = new RawCall(session, { ':path': SHOULD_RATE_LIMIT });
  const message = rateLimitRequest.encode({
    domain: 'mimir-edge',
    hitsAddend: 0,
    descriptors: [{ entries: [{ key: 'tenant', value: 'a@@' }] }],
  });
  call.stream.end(framed(Buffer.from(message).map((byte) => (byte === 0x40 ? 0xff : byte))));
  const { bytes } = await call.answer;
  t.equal(rateLimitResponse.decode(bytes.subarray(5))?.overallCode, OVER_LIMIT);
  t.strictSame(errors, []);
  session.destroy();
});

t.test('a call over the caps is an answer: an error would have Envoy let the request pass', async (t) => {
  const { ask, errors, refusals, enforcer } = await serve(t);
  const long = 'x'.repeat(40_000);
  for (const call of [
    [wants('a'), wants(long), wants(long)],
    Array.from({ length: 2000 }, () => wants('a')),
  ]) {
    const answer = await ask(call);
    t.equal(answer.overallCode, OVER_LIMIT);
    t.match(Buffer.from(answer.rawBody!).toString(), /the ratelimit call .* \(err-edge-request-too-large\)/);
  }
  t.strictSame(errors, []);
  t.equal(enforcer.tenants.size, 0, 'nobody is charged');
  t.equal(refusals.length, 2);
  enforcer.setMode('shadow');
  t.equal((await ask([wants(long), wants(long)])).overallCode, OK, 'but for shadow mode');
});

t.test('tenants without such a limit, and those in mode off, pass; shadow is only counted', async (t) => {
  const { ask, enforcer, descriptors } = await serve(t);
  t.equal((await ask([wants('someone', 'bytes', 1e9), wants('off', 'items', 1e9)])).overallCode, OK);
  t.strictSame(descriptors, ['unlimited', 'unlimited']);
  const shadowed = await ask([wants('shadow', 'items', 100)]);
  t.equal(shadowed.overallCode, OK);
  t.equal(shadowed.statuses[0]?.code, OK);
  t.equal(descriptors.at(-1), 'shadow');
  t.ok(enforcer.tenants.get('shadow')?.tally.shadowed);
});

t.test("a descriptor's own limit holds in place of the tenant's, where that is allowed", async (t) => {
  const own = { ...wants('a', 'items', 60), limit: { requestsPerUnit: 100, unit: 2 } };
  const { ask, left } = await serve(t, { overrides: 2 });
  const first = await ask([own]);
  t.match(first.statuses[0], {
    code: OK,
    limitRemaining: 40,
    currentLimit: { requestsPerUnit: 100, unit: 2 },
  });
  t.equal((await ask([own])).overallCode, OVER_LIMIT);
  t.equal(left('a', 'items'), 1000, 'apart from the bucket of the tenant');
  t.equal((await ask([{ ...own, limit: { requestsPerUnit: 100, unit: 77 } }])).overallCode, OK);
  t.equal(left('a', 'items'), 940, 'a unit that is none is no limit');
  for (const n of [1, 2, 3])
    await ask([{ ...wants('a', 'items', 1), limit: { requestsPerUnit: n, unit: 1 } }]);
  t.equal((await ask([own])).overallCode, OVER_LIMIT, 'one that was pushed out of memory is not full again');
  const strict = await serve(t);
  await strict.ask([own]);
  t.equal(strict.left('a', 'items'), 940, 'where it is not allowed it is passed over');
});

t.test(
  'of limits that descriptors bring along so many are held, and the least recently used one goes',
  async (t) => {
    const released: string[] = [];
    const ledger = {
      bucket: (key: string) => ({ left: () => 0, release: () => released.push(key) }),
      remembersEvicted: () => true,
    } as unknown as Ledger;
    const buckets = new OverrideBuckets(ledger, 2);
    for (const requestsPerUnit of [1, 2, 1, 3]) buckets.bucket('a', 'items', { requestsPerUnit, unit: 1 }, 0);
    t.strictSame(released, ['a 2/1s']);
  },
);

t.test('names that somebody makes up make no bucket of such a limit full again', async (t) => {
  const limit = { requestsPerUnit: 100, unit: 6 };
  const buckets = new OverrideBuckets(new MemoryLedger(new Debts(20)), 10);
  const take = (tenant: string, n: number, nowMs = 0) =>
    buckets.bucket(tenant, 'items', limit, nowMs)?.bucket.take(n, nowMs);
  for (let i = 0; i < 7; i++) t.ok(take(`spent-${i}`, 90));
  for (let i = 0; i < 6000; i++) take(`made-up-${i}`, 0);
  for (let i = 7; i < 30; i++) t.ok(take(`spent-${i}`, 90));
  let passed = 0;
  for (let i = 0; i < 300; i++) if (take(`new-${i}`, 10)) passed += 10;
  t.equal(passed, 100, 'where no debt can be forgotten, new ones share a bucket');
  t.ok(buckets.size <= 11);
  for (let i = 0; i < 30; i++) t.strictSame([take(`spent-${i}`, 10), take(`spent-${i}`, 1)], [true, false]);
});

t.test('current limits are whole numbers in the smallest unit that has them', async (t) => {
  const rates: [number, number, number][] = [
    [10_000, 10_000, 1],
    [0.5, 30, 2],
    [1 / 3600, 1, 3],
    [2 / 86_400, 2, 4],
    [1e12, 2 ** 32 - 1, 1],
  ];
  const tenants = Object.fromEntries(
    rates.map(([rate], i) => [`r${i}`, limits({ ingestion_rate: rate, ingestion_burst_size: 1e13 })]),
  );
  const { ask } = await serve(t, { enforcer: { snapshot: snapshot(tenants) } });
  for (const [i, [, requestsPerUnit, unit]] of rates.entries()) {
    const answer = await ask([wants(`r${i}`, 'items', 1)]);
    t.match(answer.statuses[0]?.currentLimit, { requestsPerUnit, unit });
  }
});

t.test('whatever is asked, buckets give what they have, and refused requests nothing', async (t) => {
  const { ask, left, enforcer } = await serve(t);
  const descriptor = fc.record({
    bucket: fc.constantFrom('requests', 'items', 'bytes', 'none'),
    hits: fc.option(fc.integer({ min: 0, max: 700 }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(descriptor, { maxLength: 5 }), { maxLength: 12 }),
      async (requests) => {
        const tenant = enforcer.tenant('a') as Tenant;
        for (const kind of ['requests', 'items', 'bytes'] as const)
          tenant[kind]?.bucket.giveBack(1e9, performance.now());
        const model = { requests: 10, items: 1000, bytes: 5000 };
        for (const request of requests) {
          const answer = await ask(request.map(({ bucket, hits }) => wants('a', bucket, hits)));
          if (answer.statuses.length !== request.length) return false;
          if (answer.overallCode !== OK) continue;
          for (const { bucket, hits } of request) {
            if (bucket in model) model[bucket as keyof typeof model] -= hits ?? 1;
          }
        }
        return (['requests', 'items', 'bytes'] as const).every(
          (kind) => model[kind] >= 0 && left('a', kind) === model[kind],
        );
      },
    ),
    { numRuns: 60 },
  );
});

t.test('in a panic a hit costs more, and what is over that is over the limit', async (t) => {
  const { ask, left, enforcer, refusals } = await serve(t);
  enforcer.setAdmitted({ critical: 1, normal: 0.25, low: 1 });
  const answer = await ask([wants('a', 'items', 200), wants('a', 'requests', 0)]);
  t.equal(answer.overallCode, OK);
  t.equal(answer.statuses[0]?.limitRemaining, 50, 'what may still come');
  t.strictSame([left('a', 'items'), left('a', 'requests')], [200, 10], 'a look costs nothing');
  const refused = await ask([wants('a', 'items', 100)]);
  t.equal(refused.overallCode, OVER_LIMIT);
  t.match(String(refused.rawBody), /err-edge-panic/);
  t.match(refusals, [{ tenant: 'a', refusal: { reason: 'edge_panic' } }]);
  t.equal(left('a', 'items'), 200);
  enforcer.setAdmitted({ critical: 1, normal: 0, low: 1 });
  t.equal((await ask([wants('a', 'items', 1)])).overallCode, OVER_LIMIT);
  t.equal((await ask([wants('shadow', 'items', 1)])).overallCode, OK);
  t.equal((await ask([wants('off', 'items', 1)])).overallCode, OK);
});

t.test(
  'what a call took in a panic comes back at that price when another descriptor is refused',
  async (t) => {
    const { ask, left, enforcer } = await serve(t);
    enforcer.setAdmitted({ critical: 1, normal: 0.5, low: 1 });
    t.equal((await ask([wants('a', 'items', 100), wants('a', 'bytes', 4000)])).overallCode, OVER_LIMIT);
    t.strictSame([left('a', 'items'), left('a', 'bytes')], [1000, 5000]);
  },
);
