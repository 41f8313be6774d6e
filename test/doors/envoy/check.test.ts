import { gzipSync } from 'node:zlib';
import SnappyJS from 'snappyjs';
import t, { type Test } from 'tap';
import type { Bucket, BucketKind, Ledger } from '#src/enforce/ledger.js';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import type { Decoder } from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { compress, encodeVersion1, type SeriesToSend } from '../../payload/encode.js';
import { edge, eventually, PUSH_500, send, upstream } from '../http/fixtures.js';
import {
  check,
  checkHeaders,
  checkOf,
  client,
  denialHeader,
  door,
  framedCheck,
  type GivenDoor,
  type GivenDoorOptions,
  RawCall,
  rawSession,
} from './fixtures.js';

const once500 = { snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 500 }) }) };

async function serve(
  t: Test,
  options: GivenDoorOptions = {},
): Promise<GivenDoor & { caller: ReturnType<typeof client> }> {
  const served = await door(options);
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
    if (served.bugs.length > 0 || !(await eventually(() => served.budget.used === 0))) {
      throw new Error(`${served.budget.used} bytes are held; bugs: ${served.bugs}`);
    }
  });
  return Object.assign(served, { caller });
}

t.test('a push within the limits passes, and what was found goes along', async (t) => {
  const { caller, outcomes, bodies } = await serve(t);
  const answer = await check(caller).response;
  t.equal(answer.status.code, 0);
  const found = {
    verdict: 'accept',
    tenant: 'a',
    items: '500',
    samples: '500',
    series: '500',
    bytes: '11432',
  };
  for (const [name, value] of Object.entries(found)) {
    t.equal(answer.dynamicMetadata.fields[name]?.stringValue, value);
    const header = answer.okResponse?.headers.find((one) => one.header.key === `x-mimir-edge-${name}`);
    t.equal(header?.header.value, value);
    t.match(header, { append: { value: false } }, 'in place of what the client sent');
  }
  t.strictSame([outcomes, bodies], [['accept'], ['whole']]);
});

t.test("headers of the edge's own go no further when a client sends them", async (t) => {
  const { caller } = await serve(t);
  const forged = {
    'x-mimir-edge-verdict': 'accept',
    'x-mimir-edge-reason': 'none',
    'x-mimir-edge-own': '1',
    'x-mimir-edge-': '1',
    'x-mimir-edged': '1',
  };
  const list = [...Object.entries(checkHeaders(forged)), ['X-Mimir-Edge-Upper', '1'] as const].map(
    ([key, value]) => ({ key, rawValue: Buffer.from(value) }),
  );
  for (const http of [
    { headers: checkHeaders({ ...forged, 'x-mimir-edge-upper': '1' }) },
    { headers: {}, headerMap: { headers: list } },
    { headers: checkHeaders({ ...forged, 'x-mimir-edge-upper': '1' }), path: '/api/v1/query' },
  ]) {
    const { okResponse } = await check(caller, checkOf(PUSH_500, {}, http)).response;
    t.strictSame(
      okResponse?.headersToRemove.toSorted(),
      ['x-mimir-edge-', 'x-mimir-edge-own', 'x-mimir-edge-reason', 'x-mimir-edge-upper'],
      'those that the edge sets itself are replaced',
    );
  }
  t.strictSame((await check(caller).response).okResponse?.headersToRemove, []);
});

t.test('headers that come as a list are read as well', async (t) => {
  const { caller } = await serve(t);
  const list = (headers: [string, string][]) => ({
    headers: {},
    headerMap: {
      headers: headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
    },
  });
  const plain: [string, string][] = [
    ['content-type', 'application/x-protobuf'],
    ['content-encoding', 'snappy'],
  ];
  const passed = await check(caller, checkOf(PUSH_500, {}, list([...plain, ['X-Scope-OrgID', 'raw']])))
    .response;
  t.equal(passed.dynamicMetadata.fields['tenant']?.stringValue, 'raw');
  const twice: [string, string][] = [...plain, ['x-scope-orgid', 'a'], ['x-scope-orgid', 'b']];
  const denied = await check(caller, checkOf(PUSH_500, {}, list(twice))).response;
  t.equal(denied.deniedResponse?.status.code, 400, 'two tenants are not one');
});

t.test('a refusal is a denial with status, Retry-After and message, and no error of gRPC', async (t) => {
  const { caller, refusals, outcomes } = await serve(t, { enforcer: once500 });
  t.equal((await check(caller).response).status.code, 0);
  const answer = await check(caller).response;
  t.equal(answer.status.code, 8);
  t.equal(answer.deniedResponse?.status.code, 429);
  t.match(denialHeader(answer, 'retry-after'), /^\d+$/);
  t.equal(denialHeader(answer, 'x-mimir-edge-reason'), 'rate_limited');
  t.match(
    answer.deniedResponse?.body,
    /tenant a was refused: .* left of the ingestion rate .*\(err-mimir-tenant-max-ingestion-rate\)/,
  );
  t.equal(answer.dynamicMetadata.fields['verdict']?.stringValue, 'refuse');
  t.equal(answer.dynamicMetadata.fields['reason']?.stringValue, 'rate_limited');
  t.equal(answer.dynamicMetadata.fields['samples']?.stringValue, '500');
  t.match(refusals, [{ tenant: 'a', refusal: { reason: 'rate_limited' }, shadow: false }]);
  t.strictSame(outcomes, ['accept', 'refuse']);
});

t.test('metadata of a tenant id selects limits; Envoy is told the tenant without it', async (t) => {
  const { caller, enforcer } = await serve(t, {
    enforcer: {
      snapshot: snapshot({
        a: limits({ ingestion_rate: 0, ingestion_burst_size: 100 }),
        'a:source=test': limits({ ingestion_rate: 0, ingestion_burst_size: 500 }),
      }),
    },
  });
  const asked = async (tenant: string) => {
    const { status, dynamicMetadata } = await check(caller, checkOf(PUSH_500, { 'x-scope-orgid': tenant }))
      .response;
    return [status.code, dynamicMetadata.fields['tenant']?.stringValue];
  };
  t.strictSame(await asked('a:source=test'), [0, 'a']);
  t.strictSame(await asked('a:source=test'), [8, 'a']);
  t.strictSame(await asked('a:source=prod'), [8, 'a']);
  t.equal(enforcer.tenants.get('a:source=test')?.tally.accepted, 1);
});

t.test('whatever the proxy refuses is refused here, with the same words', async (t) => {
  const enforcer = {
    snapshot: snapshot({
      over: limits({ ingestion_rate: 0, ingestion_burst_size: 400 }),
      drained: limits({ ingestion_rate: 0, ingestion_burst_size: 0 }),
      few: limits({ request_rate: 0.001, request_burst_size: 0 }),
      labels: limits({ max_label_name_length: 1 }),
      small: limits({}, { max_series_per_request: 10 }),
      light: limits({}, { bytes_per_second: 0.001, bytes_burst_size: 10 }),
      busy: limits({ ingestion_burst_size: 400, service_overload_status_code_on_rate_limit_enabled: true }),
    }),
    unknownTenants: 'refuse' as const,
    random: () => 0,
  };
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: { ...enforcer }, push: { maxUncompressedBytes: 90_000 } });
  const served = await serve(t, {
    enforcer: { ...enforcer },
    check: { maxUncompressedBytes: 90_000 },
  });
  const { caller } = served;
  const tenants = ['over', 'drained', 'labels', 'small', 'light', 'busy', 'unknown', 'a|b', '..', ''];
  const cases: [Buffer, Record<string, string>][] = [
    ...tenants.map((id): [Buffer, Record<string, string>] => [PUSH_500, { 'X-Scope-OrgID': id }]),
    [Buffer.from('no snappy at all'), { 'X-Scope-OrgID': 'over' }],
    [PUSH_500, { 'X-Scope-OrgID': 'over', 'Content-Type': 'text/plain' }],
    [PUSH_500, { 'X-Scope-OrgID': 'over', 'Content-Encoding': 'zstd' }],
    [PUSH_500, { 'X-Scope-OrgID': 'over', 'Content-Encoding': 'gzip' }],
    [PUSH_500, { 'X-Scope-OrgID': 'over', 'Content-Encoding': 'identity' }],
    [Buffer.from(SnappyJS.compress(Buffer.alloc(100_000))), { 'X-Scope-OrgID': 'over' }],
    [
      PUSH_500,
      {
        'X-Scope-OrgID': 'over',
        'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      },
    ],
    [Buffer.alloc((1 << 20) + 1), { 'X-Scope-OrgID': 'over' }],
  ];
  for (const [body, headers] of cases) {
    const refused = await send(proxy.url, body, headers);
    const { deniedResponse, status } = await check(caller, checkOf(body, lowerCase(headers))).response;
    const label = JSON.stringify(headers);
    t.ok(refused.status >= 400, label);
    t.not(status.code, 0, label);
    t.equal(deniedResponse?.status.code, refused.status, label);
    t.equal(deniedResponse?.body, await refused.text(), label);
    for (const { header } of deniedResponse?.headers ?? []) {
      t.equal(header.value, refused.headers.get(header.key), `${label} ${header.key}`);
    }
    for (const name of ['retry-after', 'x-mimir-edge-reason', 'x-prometheus-remote-write-samples-written']) {
      t.equal(
        refused.headers.has(name),
        deniedResponse?.headers.some(({ header }) => header.key === name),
        label,
      );
    }
  }
  t.equal(served.ownParts, proxy.own.length, 'and the time of the same pushes is told');
  t.ok(proxy.own.length > 5);
  await proxy.stop();
  await mimir.close();
});

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

t.test('a body is judged as Mimir reads it: snappy, or not at all', async (t) => {
  const { caller, enforcer } = await serve(t);
  const plain = Buffer.from(SnappyJS.uncompress(PUSH_500));
  const listed = ['snappy', 'gzip'].map((value) => ({ key: 'content-encoding', value }));
  for (const [encoding, body, http] of [
    ['identity', plain, {}],
    ['identity', PUSH_500, {}],
    ['gzip', gzipSync(plain), {}],
    ['gzip', PUSH_500, {}],
    ['snappy,gzip', PUSH_500, {}],
    ['Snappy', PUSH_500, {}],
    ['', PUSH_500, {}],
    ['twice in a list', PUSH_500, { headers: {}, headerMap: { headers: [TENANT, ...listed] } }],
  ] as const) {
    const answer = await check(caller, checkOf(body, { 'content-encoding': encoding }, http)).response;
    t.equal(answer.deniedResponse?.status.code, 415, encoding);
  }
  t.equal(enforcer.tenants.get('a')?.tally.samples, 0, 'nothing is decoded');
  const { 'content-encoding': _, ...headers } = checkHeaders({ 'content-length': String(PUSH_500.length) });
  t.equal(
    (await check(caller, checkOf(PUSH_500, {}, { headers })).response).status.code,
    0,
    'none is snappy',
  );
});

const TENANT = { key: 'x-scope-orgid', value: 'a' };

t.test('a body that is not there as it came is refused, or passes by setting', async (t) => {
  const states: ['partial' | 'missing' | 'text', object, number, RegExp][] = [
    ['partial', checkOf(PUSH_500, { 'x-envoy-auth-partial-body': 'true' }), 413, /max_request_bytes/],
    ['partial', checkOf(PUSH_500.subarray(0, 5000), { 'content-length': '11432' }), 413, /max_request_bytes/],
    [
      'missing',
      checkOf(Buffer.alloc(0), { 'content-length': '11432' }),
      503,
      /did not send the body \(err-edge-body-not-sent\)\. Set with_request_body/,
    ],
    ['text', checkOf(Buffer.alloc(0), { 'content-length': '11432' }, { body: '!!' }), 503, /pack_as_bytes/],
  ];
  const strict = await serve(t);
  const lenient = await serve(t, { check: { onBody: { partial: 'pass', missing: 'pass', text: 'pass' } } });
  for (const [state, request, status, sentence] of states) {
    const denied = await check(strict.caller, request).response;
    t.equal(denied.deniedResponse?.status.code, status, state);
    t.match(denied.deniedResponse?.body, sentence);
    t.equal(denialHeader(denied, 'retry-after') !== undefined, status === 503, 'a setting may be mended');
    const passed = await check(lenient.caller, request).response;
    t.equal(passed.status.code, 0);
    t.equal(passed.dynamicMetadata.fields['verdict']?.stringValue, 'unjudged');
  }
  t.strictSame(strict.bodies, ['partial', 'partial', 'missing', 'text']);
  t.strictSame(lenient.bodies, strict.bodies);
  const empty = await check(strict.caller, checkOf(Buffer.alloc(0))).response;
  t.match(empty.deniedResponse?.body, /err-edge-malformed-body/, 'an empty body is one');
});

t.test(
  'a chunked push that is empty is refused as Mimir refuses it: Envoy marks what it has buffered',
  async (t) => {
    const { caller, bodies } = await serve(t);
    const { 'content-length': _, ...headers } = checkHeaders({ 'x-envoy-auth-partial-body': 'false' });
    const answer = await check(caller, checkOf(Buffer.alloc(0), {}, { headers })).response;
    t.equal(answer.deniedResponse?.status.code, 400);
    t.match(answer.deniedResponse?.body, /err-edge-malformed-body/);
    t.strictSame(bodies, ['whole']);
  },
);

t.test('headers beyond any that Envoy sends are refused unread', async (t) => {
  const { caller, refusals } = await serve(t);
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`h${i}`, '']));
  const list = Array.from({ length: 20_000 }, () => ({ key: 'h', value: '' }));
  for (const [name, request] of [
    ['many', checkOf(PUSH_500, many)],
    ['many in a list', checkOf(PUSH_500, {}, { headers: {}, headerMap: { headers: list } })],
    ['large', checkOf(PUSH_500, { large: 'x'.repeat(1 << 20) })],
  ] as const) {
    const answer = await check(caller, request).response;
    t.equal(answer.deniedResponse?.status.code, 431, name);
    t.match(answer.deniedResponse?.body, /err-edge-request-too-large/, name);
  }
  t.equal(refusals.length, 3);
  const few = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`h${i}`, 'x'.repeat(100)]));
  t.equal((await check(caller, checkOf(PUSH_500, few)).response).status.code, 0);
});

t.test('a push that can not pass whole is refused, or passes whole, by setting', async (t) => {
  const named = (name: string): SeriesToSend => ({ labels: [['__name__', name]], value: 1, timestampMs: 1 });
  const body = Buffer.from(compress(encodeVersion1([named('fits'), named('x'.repeat(100))])));
  const enforcer = { snapshot: snapshot({ a: limits({ max_label_value_length: 20 }) }) };
  const strict = await serve(t, { enforcer });
  const refused = await check(strict.caller, checkOf(body)).response;
  t.equal(refused.deniedResponse?.status.code, 400);
  t.match(refused.deniedResponse?.body, /refused whole .* 1 of its 2 series may not pass/);
  const lenient = await serve(t, { enforcer, check: { onFilter: 'pass' } });
  const passed = await check(lenient.caller, checkOf(body)).response;
  t.equal(passed.status.code, 0);
  t.equal(passed.dynamicMetadata.fields['verdict']?.stringValue, 'unfiltered');
  t.equal(
    passed.dynamicMetadata.fields['items']?.stringValue,
    '1',
    'what Mimir will leave out is not charged',
  );
  t.match(lenient.refusals, [{ tenant: 'a', refusal: { reason: 'label_value_too_long' }, shadow: true }]);
  t.strictSame([strict.outcomes, lenient.outcomes], [['refuse'], ['unfiltered']]);
});

t.test(
  'a push from a replica that is not elected is answered as Mimir does, and not forwarded',
  async (t) => {
    const from = (replica: string): Buffer => {
      const labels = [
        ['__name__', 'up'],
        ['__replica__', replica],
        ['cluster', 'c'],
      ] as const;
      return Buffer.from(compress(encodeVersion1([{ labels, value: 1, timestampMs: 1 }])));
    };
    const { caller, outcomes } = await serve(t, {
      enforcer: { snapshot: snapshot({ a: limits({ accept_ha_samples: true }) }) },
    });
    t.equal((await check(caller, checkOf(from('one'))).response).status.code, 0);
    const duplicate = await check(caller, checkOf(from('two'))).response;
    t.not(duplicate.status.code, 0, 'Envoy must not forward it');
    t.equal(duplicate.deniedResponse?.status.code, 202);
    t.match(duplicate.deniedResponse?.body, /replica two of HA cluster c is not elected/);
    t.strictSame(outcomes, ['accept', 'duplicate']);
  },
);

t.test('a message over the cap, or over the budget, is denied, not failed', async (t) => {
  const capped = await serve(t, { check: { maxBodyBytes: 1000 } });
  const large = await check(capped.caller, checkOf(Buffer.alloc(3 << 20))).response;
  t.equal(large.deniedResponse?.status.code, 400);
  const crowded = await serve(t, { bytesInFlight: 1000 });
  const denied = await check(crowded.caller).response;
  t.equal(denied.deniedResponse?.status.code, 503);
  t.match(denialHeader(denied, 'retry-after'), /^\d+$/);
  t.match(denied.deniedResponse?.body, /err-edge-max-bytes-in-flight/);
  const shadow = await serve(t, { bytesInFlight: 1000, enforcer: { mode: 'shadow' } });
  t.equal((await check(shadow.caller).response).status.code, 0, 'but for shadow mode');
});

t.test('what is no push passes, and nothing is counted', async (t) => {
  const { caller, enforcer } = await serve(t);
  for (const http of [{ path: '/prometheus/api/v1/query' }, { method: 'GET' }, { path: '/api/v1/push/x' }]) {
    const answer = await check(caller, checkOf(PUSH_500, {}, http)).response;
    t.equal(answer.dynamicMetadata.fields['verdict']?.stringValue, 'unjudged');
    t.equal(answer.status.code, 0);
  }
  t.equal((await check(caller, {}).response).status.code, 0, 'not even a request');
  t.equal(enforcer.tenants.size, 0);
  await check(caller, checkOf(PUSH_500, {}, { path: '/api/v1/push?x=1' })).response;
  t.equal(enforcer.tenants.size, 1, 'a query does not make it another path');
});

t.test('in shadow mode all passes and is counted; in mode off nothing is looked at', async (t) => {
  const mimir = { ingestion_rate: 0, ingestion_burst_size: 0 };
  const { caller, enforcer, refusals, bodies } = await serve(t, {
    enforcer: {
      snapshot: snapshot({ seen: limits(mimir, { mode: 'shadow' }), off: limits(mimir, { mode: 'off' }) }),
    },
  });
  const seen = { 'x-scope-orgid': 'seen' };
  const shadowed = await check(caller, checkOf(PUSH_500, seen)).response;
  t.equal(shadowed.status.code, 0);
  t.equal(shadowed.dynamicMetadata.fields['verdict']?.stringValue, 'shadow');
  t.equal((await check(caller, checkOf(Buffer.from('broken'), seen)).response).status.code, 0);
  t.match(refusals, [{ shadow: true }, { shadow: true }]);
  const off = await check(caller, checkOf(Buffer.from('broken'), { 'x-scope-orgid': 'off' })).response;
  t.equal(off.dynamicMetadata.fields['verdict']?.stringValue, 'unjudged');
  t.equal(bodies.length, 2);
  t.equal(enforcer.tenants.use('seen', 0)?.tally.accepted, 1);
});

/** A decoder that answers when it is told to. */
function heldDecoder(): { decoder: Decoder; waiting: () => number; release: () => void } {
  const inner = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 64 << 20 });
  let releases: (() => void)[] = [];
  return {
    waiting: () => releases.length,
    release: () => {
      for (const release of releases) release();
      releases = [];
    },
    decoder: {
      decode: async (...args) => {
        await new Promise<void>((resolve) => releases.push(resolve));
        return inner.decode(...args);
      },
      filter: (...args) => inner.filter(...args),
      close: () => inner.close(),
    },
  };
}

const once1 = {
  snapshot: snapshot({
    a: limits({ ingestion_rate: 0, ingestion_burst_size: 500, request_rate: 1e-9, request_burst_size: 1 }),
  }),
};

t.test(
  'a push over the request rate is put down to its tenant, and has the mode of its tenant',
  async (t) => {
    const drained = limits({ request_rate: 1e-9, request_burst_size: 1 }, { mode: 'enforce' });
    const enforcer = { snapshot: snapshot({ a: drained }), mode: 'shadow' as const };
    const { caller, outcomes, refusals } = await serve(t, { enforcer });
    await check(caller).response;
    await check(caller).response;
    t.match(refusals, [{ tenant: 'a', refusal: { reason: 'request_rate_limited' }, shadow: false }]);
    t.strictSame(outcomes, ['accept', 'refuse']);
  },
);

t.test('a call that is cancelled before it is judged is charged nothing', async (t) => {
  const held = heldDecoder();
  const { caller, outcomes } = await serve(t, { enforcer: once1, decoder: held.decoder });
  const cancelled = check(caller);
  t.ok(await eventually(() => held.waiting() === 1));
  cancelled.cancel();
  await t.rejects(cancelled.response, { code: 1 });
  // The reset reaches the door before what comes next on the same connection.
  const second = check(caller, checkOf(PUSH_500, { 'x-scope-orgid': 'b' }));
  t.ok(await eventually(() => held.waiting() === 2));
  held.release();
  await second.response;
  t.ok(await eventually(() => outcomes.includes('cancelled')));
  const passed = check(caller);
  t.ok(await eventually(() => held.waiting() === 1));
  held.release();
  t.equal((await passed.response).status.code, 0, 'neither its request nor its samples');
});

/** A ledger of which the buckets of one kind answer when they are told to. */
function heldLedger(kind: BucketKind): { ledger: Ledger; waiting: () => number; release: () => void } {
  const waiting: (() => void)[] = [];
  class HeldLedger extends MemoryLedger {
    override bucket(...args: Parameters<MemoryLedger['bucket']>): Bucket {
      const bucket = super.bucket(...args);
      if (args[1] !== kind) return bucket;
      return {
        take: () => false,
        ask: (n, atMs) =>
          new Promise((resolve) => {
            waiting.push(() => resolve(bucket.ask(n, atMs)));
          }),
        left: (atMs) => bucket.left(atMs),
        giveBack: (n, atMs) => bucket.giveBack(n, atMs),
        reshape: (to, atMs) => bucket.reshape(to, atMs),
        release: (atMs) => bucket.release(atMs),
      };
    }
  }
  return {
    ledger: new HeldLedger(),
    waiting: () => waiting.length,
    release: () => {
      for (const release of waiting.splice(0)) release();
    },
  };
}

t.test('a push that is not judged before Envoy gives up is denied, and charged nothing', async (t) => {
  for (const step of ['decode', 'requests', 'items'] as const) {
    const decoder = heldDecoder();
    const ledger = heldLedger(step === 'decode' ? 'bytes' : step);
    const held = step === 'decode' ? decoder : ledger;
    const { port, errors, outcomes, enforcer, refusals, budget } = await serve(t, {
      enforcer: { ...once1, ledger: ledger.ledger },
      ...(step === 'decode' ? { decoder: decoder.decoder } : {}),
    });
    const session = rawSession(port);
    const call = new RawCall(session, { 'grpc-timeout': '200m' });
    call.stream.end(framedCheck());
    t.ok(await eventually(() => held.waiting() === 1));
    const { grpcStatus, bytes } = await call.answer;
    t.equal(grpcStatus, '0', `${step}: an answer, or Envoy might let it pass`);
    t.match(bytes.toString(), /err-edge-busy/, step);
    t.strictSame(errors, [], step);
    t.match(refusals, [{ refusal: { reason: 'edge_busy', status: 503 } }], step);
    held.release();
    t.ok(await eventually(() => outcomes.length === 1 && budget.used === 0), 'and nothing is held');
    t.strictSame(outcomes, ['late'], step);
    const { requests, items } = enforcer.tenants.get('a')!;
    t.equal(requests?.bucket.left(performance.now()), 1, step);
    t.equal(items?.bucket.left(performance.now()), 500, step);
    session.destroy();
  }
});

t.test('a push is waited for as long as Envoy says, if it says so: no timeout is too long', async (t) => {
  const held = heldDecoder();
  const { port, outcomes } = await serve(t, { decoder: held.decoder });
  const session = rawSession(port);
  const calls = ['99999999H', undefined].map((timeout) => {
    const call = new RawCall(session, timeout === undefined ? {} : { 'grpc-timeout': timeout });
    call.stream.end(framedCheck());
    return call;
  });
  t.ok(await eventually(() => held.waiting() === 2));
  // A timer that is set to too long a time ends in a millisecond.
  const impatient = new RawCall(session, { 'grpc-timeout': '300m' });
  impatient.stream.end(framedCheck());
  t.match((await impatient.answer).bytes.toString(), /err-edge-busy/);
  held.release();
  for (const { answer } of calls) t.equal((await answer).grpcStatus, '0');
  t.ok(await eventually(() => outcomes.length === 3));
  t.strictSame(outcomes.toSorted(), ['accept', 'accept', 'late']);
  session.destroy();
});

t.test('in shadow mode a push that is not judged in time passes', async (t) => {
  const held = heldDecoder();
  const { port } = await serve(t, { enforcer: { ...once1, mode: 'shadow' }, decoder: held.decoder });
  const session = rawSession(port);
  const call = new RawCall(session, { 'grpc-timeout': '200m' });
  call.stream.end(framedCheck());
  t.ok(await eventually(() => held.waiting() === 1));
  const { grpcStatus, bytes } = await call.answer;
  held.release();
  t.equal(grpcStatus, '0');
  t.notMatch(bytes.toString(), /err-edge-busy/);
  session.destroy();
});

t.test('a call that is cancelled while it is judged gets its charge back', async (t) => {
  const held = heldLedger('items');
  const { caller, outcomes, enforcer } = await serve(t, { enforcer: { ...once1, ledger: held.ledger } });
  const cancelled = check(caller);
  t.ok(await eventually(() => held.waiting() === 1));
  cancelled.cancel();
  await t.rejects(cancelled.response, { code: 1 });
  await check(caller, checkOf(PUSH_500, {}, { method: 'GET' })).response;
  held.release();
  t.ok(await eventually(() => outcomes.includes('cancelled')));
  const tenant = enforcer.tenants.use('a', 0);
  t.equal(tenant?.items?.bucket.left(performance.now()), 500);
  t.ok((tenant?.requests?.bucket.left(performance.now()) ?? 0) >= 1);
});

t.test('with charge: false a push is judged by what is left, and nothing is taken', async (t) => {
  const { caller, enforcer } = await serve(t, { enforcer: once1, check: { charge: false } });
  for (let i = 0; i < 3; i++) {
    const answer = await check(caller).response;
    t.equal(answer.status.code, 0);
    t.equal(answer.dynamicMetadata.fields['items']?.stringValue, '500', 'to be charged by another');
  }
  enforcer.tenants.use('a', 0)?.items?.bucket.take(1, performance.now());
  t.equal((await check(caller).response).deniedResponse?.status.code, 429);
});

t.test('bytes that are no CheckRequest are the fault of the caller', async (t) => {
  const { port, outcomes, errors } = await serve(t);
  const session = rawSession(port);
  const call = new RawCall(session);
  call.stream.end(Buffer.from('0000000003ffffff', 'hex'));
  t.equal((await call.answer).grpcStatus, '3');
  t.strictSame([outcomes, errors], [['invalid'], [3]]);
  session.close();
});
