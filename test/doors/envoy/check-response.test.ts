import t from 'tap';
import {
  encodeDenied,
  encodeDuplicate,
  encodeOk,
  type Found,
} from '#src/doors/envoy/authz/check-response.js';
import { PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';
import type { Push } from '#src/payload/push.js';

const type = PROTO_ROOT.lookupType('envoy.service.auth.v3.CheckResponse');
const read = (bytes: Uint8Array) => type.toObject(type.decode(bytes));
const VERSION_2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';

const push = { samples: 5, histograms: 2, exemplars: 3, series: 4, compressedBytes: 99 } as Push;
const found = { verdict: 'accept', tenant: 'a', items: 10, push } as const satisfies Found;
/** On the wire false, 0 and empty texts are left out. */
const NO = {};
const texts = (facts: Record<string, string>) =>
  Object.fromEntries(Object.entries(facts).map(([name, stringValue]) => [name, { stringValue }]));
const options = (headers: Record<string, string>) =>
  Object.entries(headers).map(([key, value]) => ({ header: { key, value }, append: NO }));
const FACTS = { verdict: 'accept', tenant: 'a', items: '10', samples: '7', series: '4', bytes: '99' };
const NONE = { items: '0', samples: '0', series: '0', bytes: '0' };

t.test('who passes is told on with what was found, in headers and as metadata', async (t) => {
  const named = Object.fromEntries(
    Object.entries(FACTS).map(([name, value]) => [`x-mimir-edge-${name}`, value]),
  );
  t.strictSame(read(encodeOk(found, [])), {
    status: NO,
    okResponse: { headers: options(named) },
    dynamicMetadata: { fields: texts(FACTS) },
  });
  const unread = read(encodeOk({ verdict: 'unjudged', tenant: '', items: 0, push: undefined }, []));
  t.strictSame(unread['dynamicMetadata'].fields, {
    ...texts({ verdict: 'unjudged', tenant: '', ...NONE }),
  });
});

t.test("what a client sent of the edge's own headers is removed, unless it is set anew", async (t) => {
  const claimed = ['x-mimir-edge-reason', 'x-mimir-edge-verdict', 'x-mimir-edge-bytes', 'x-mimir-edge-'];
  t.strictSame(read(encodeOk(found, claimed))['okResponse'].headersToRemove, [
    'x-mimir-edge-reason',
    'x-mimir-edge-',
  ]);
});

const WRITTEN = { samples: 5, histograms: 2, exemplars: 3 };

t.test('a refusal is a denial in the words of the proxy', async (t) => {
  const refusal = {
    kind: 'refuse',
    reason: 'rate_limited',
    status: 429,
    message: 'too much',
    observed: 2,
    allowed: 1,
    isSoft: false,
  } as const;
  const refused = { ...found, verdict: 'refuse' } as const;
  const facts = texts({ ...FACTS, verdict: 'refuse', reason: 'rate_limited' });
  t.strictSame(read(encodeDenied(refused, { ...refusal, retryAfterSeconds: 7 }, undefined, WRITTEN)), {
    status: { code: 8, message: 'rate_limited' },
    deniedResponse: {
      status: { code: 429 },
      headers: options({ 'x-mimir-edge-reason': 'rate_limited', 'retry-after': '7' }),
      body: 'too much\n',
    },
    dynamicMetadata: { fields: facts },
  });
  const other = read(
    encodeDenied(refused, { ...refusal, status: 400, retryAfterSeconds: undefined }, VERSION_2, WRITTEN),
  );
  t.strictSame(other['status'], { code: 7, message: 'rate_limited' });
  t.strictSame(
    other['deniedResponse'].headers,
    options({
      'x-mimir-edge-reason': 'rate_limited',
      'x-prometheus-remote-write-samples-written': '5',
      'x-prometheus-remote-write-histograms-written': '2',
      'x-prometheus-remote-write-exemplars-written': '3',
    }),
    'a sender of version 2 reads what was written',
  );
});

t.test('a duplicate is taken, to its sender, and goes no further', async (t) => {
  const duplicate = { ...found, verdict: 'duplicate', items: 0 } as const;
  t.strictSame(read(encodeDuplicate(duplicate, 'not elected', undefined, WRITTEN)), {
    status: { code: 7, message: 'duplicate' },
    deniedResponse: { status: { code: 202 }, body: 'not elected\n' },
    dynamicMetadata: { fields: texts({ ...FACTS, verdict: 'duplicate', items: '0' }) },
  });
  t.strictSame(
    read(encodeDuplicate(duplicate, '', VERSION_2, WRITTEN))['deniedResponse'].headers,
    options({
      'x-prometheus-remote-write-samples-written': '5',
      'x-prometheus-remote-write-histograms-written': '2',
      'x-prometheus-remote-write-exemplars-written': '3',
    }),
  );
});

t.test('a sender of OTLP is answered with a message in the type of its request', async (t) => {
  const refusal = {
    kind: 'refuse',
    reason: 'edge_busy',
    status: 500,
    message: 'come again',
    observed: 2,
    allowed: 1,
    isSoft: false,
    retryAfterSeconds: undefined,
  } as const;
  const refused = { ...found, verdict: 'refuse' } as const;
  const denied = read(encodeDenied(refused, refusal, undefined, WRITTEN, 'otlp_json'))['deniedResponse'];
  t.strictSame(denied, {
    status: { code: 503 },
    headers: options({ 'x-mimir-edge-reason': 'edge_busy', 'content-type': 'application/json' }),
    body: '{"code":14,"message":"come again"}',
  });
  const duplicate = { ...found, verdict: 'duplicate', items: 0 } as const;
  const taken = read(encodeDuplicate(duplicate, 'not elected', undefined, WRITTEN, 'otlp_protobuf'));
  t.strictSame(taken['deniedResponse'].headers, options({ 'content-type': 'application/x-protobuf' }));
  t.equal(taken['deniedResponse'].status.code, 202);
});
