import fc from 'fast-check';
import t from 'tap';
import { readCheckRequest } from '#src/doors/envoy/authz/check-request.js';
import { PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';
import { damage, damaged } from '../../payload/pushes.js';

const type = PROTO_ROOT.lookupType('envoy.service.auth.v3.CheckRequest');
const name = fc.oneof(
  fc.constantFrom('x-scope-orgid', 'content-type', 'content-encoding', 'x-request-id', '__proto__', ''),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const text = fc.string({ unit: 'grapheme', maxLength: 200 });
const http = fc.record({
  id: text,
  method: fc.constantFrom('POST', 'GET', ''),
  path: fc.oneof(fc.constantFrom('/api/v1/push', '/api/v1/push?a=b'), text),
  rawBody: fc.uint8Array({ maxLength: 400 }),
  headers: fc.array(fc.tuple(name, text), { maxLength: 12 }),
  asList: fc.boolean(),
});

interface Http {
  readonly asList: boolean;
  readonly headers: [string, string][];
}

function encode({ asList, headers, ...rest }: Http): Buffer {
  const list = headers.map(([key, value]) => ({ key, value }));
  const map = Object.fromEntries(headers.filter(([key]) => key !== '__proto__'));
  const described = asList ? { ...rest, headerMap: { headers: list } } : { ...rest, headers: map };
  return Buffer.from(type.encode({ attributes: { request: { http: described } } }).finish());
}

/** As the header reads that protobufjs has decoded. */
function expected({ asList, headers }: Http, wanted: string): string | undefined {
  const values = headers
    .filter(([key]) => (asList ? key.toLowerCase() : key) === wanted)
    .map(([, value]) => value);
  return asList ? (values.length === 0 ? undefined : values.join(', ')) : values.at(-1);
}

t.test('the walk finds what a decoder finds', async () => {
  fc.assert(
    fc.property(http, (one) => {
      const message = encode(one);
      const found = readCheckRequest(message, 'x-scope-orgid');
      if (found === undefined || found === 'too_large') return false;
      const decoded = (type.decode(message) as unknown as { attributes: { request: { http: typeof one } } })
        .attributes.request.http;
      return (
        found.method === decoded.method &&
        found.target === decoded.path &&
        found.body.equals(Buffer.from(decoded.rawBody)) &&
        found.tenant === expected(one, 'x-scope-orgid') &&
        found.contentType === expected(one, 'content-type') &&
        found.contentEncoding === expected(one, 'content-encoding') &&
        found.requestId === (expected(one, 'x-request-id') ?? one.id)
      );
    }),
    { numRuns: 500 },
  );
});

t.test('whatever the bytes are, the walk ends, and nothing is thrown', async () => {
  fc.assert(
    fc.property(http, damage, (one, how) => {
      readCheckRequest(Buffer.from(damaged(encode(one), how)), 'x-scope-orgid');
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      readCheckRequest(Buffer.from(bytes), 'x-scope-orgid');
    }),
    { numRuns: 2000 },
  );
});

t.test('a message that breaks off is none, wherever it does', async (t) => {
  const message = encode({
    asList: false,
    headers: [['x-scope-orgid', 'a']],
    path: '/api/v1/push',
    rawBody: Buffer.alloc(300),
  } as unknown as Http);
  for (let end = 1; end < message.length; end++) {
    if (readCheckRequest(message.subarray(0, end), 'x-scope-orgid') !== undefined) t.fail(`at ${end}`);
  }
  t.match(readCheckRequest(message, 'x-scope-orgid'), { tenant: 'a' });
});
