/** What is read of a CheckRequest, field by field: the walk over any message is in check-request. */
import t from 'tap';
import {
  type CheckedRequest,
  MAX_BESIDE_BODY_BYTES,
  MAX_HEADERS,
  readCheckRequest,
} from '#src/doors/envoy/authz/check-request.js';
import { PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';

const type = PROTO_ROOT.lookupType('envoy.service.auth.v3.CheckRequest');

function read(http: object, tenantHeader = 'x-scope-orgid', source?: object) {
  return readCheckRequest(
    Buffer.from(type.encode({ attributes: { source, request: { http } } }).finish()),
    tenantHeader,
  );
}

const whole = (http: object, tenantHeader?: string) => read(http, tenantHeader) as CheckedRequest;

t.test('each field is read from where it is', async (t) => {
  const { body, claimed, ...rest } = whole({
    id: 'the id',
    method: 'POST',
    path: '/api/v1/push?x',
    rawBody: Buffer.from('body'),
    headers: {
      'x-scope-orgid': 'a',
      'content-type': 'type',
      'content-encoding': 'encoding',
      'content-length': '4',
      'x-request-id': 'request',
      'retry-attempt': '2',
      'user-agent': 'Prometheus/3.0.0',
      'x-forwarded-for': '10.1.2.3',
      'x-mimir-edge-x': '1',
      other: 'other',
    },
  });
  t.strictSame(rest, {
    method: 'POST',
    target: '/api/v1/push?x',
    tenant: 'a',
    contentType: 'type',
    contentEncoding: 'encoding',
    requestId: 'request',
    retryAttempt: '2',
    userAgent: 'Prometheus/3.0.0',
    forwardedFor: '10.1.2.3',
    remoteAddress: '',
    bodyState: 'whole',
  });
  t.equal(String(body), 'body');
  t.strictSame([...claimed], ['x-mimir-edge-x']);
});

t.test('what is not there is empty, and an id stands in for a request id', async (t) => {
  const { body, claimed, ...rest } = whole({ id: 'the id' });
  t.strictSame(rest, {
    method: '',
    target: '',
    tenant: undefined,
    contentType: undefined,
    contentEncoding: undefined,
    requestId: 'the id',
    retryAttempt: undefined,
    userAgent: undefined,
    forwardedFor: undefined,
    remoteAddress: '',
    bodyState: 'missing',
  });
  t.equal(body.length, 0);
  t.equal(claimed.size, 0);
  t.equal(whole({}).requestId, '');
  t.match(readCheckRequest(Buffer.alloc(0), 'x'), { method: '', bodyState: 'missing' });
});

t.test('the address is that of the source, and none is read where there is none that could be', async (t) => {
  const from = (source: object) =>
    (read({ path: '/api/v1/push' }, undefined, source) as CheckedRequest).remoteAddress;
  t.equal(from({ address: { socketAddress: { address: '10.1.2.3' } } }), '10.1.2.3');
  t.equal(from({ address: { socketAddress: { address: 'x'.repeat(65) } } }), '');
  for (const source of [{}, { address: {} }, { address: { socketAddress: {} } }]) t.equal(from(source), '');
  // A source that is nothing but the tag of a field; then the request.
  const message = Buffer.from('0a0a0a010a22051203220178', 'hex');
  t.match(readCheckRequest(message, 'x'), { target: 'x', remoteAddress: '' }, 'what is broken costs no push');
});

t.test('the tenant is in the header that is named', async (t) => {
  const headers = { 'x-scope-orgid': 'a', tenant: 'b' };
  t.equal(whole({ headers }).tenant, 'a');
  t.equal(whole({ headers }, 'tenant').tenant, 'b');
});

t.test(
  'headers in a list are read in any case, joined where they come again, as text or bytes',
  async (t) => {
    const headers = [
      { key: 'X-Scope-OrgID', value: 'a' },
      { key: 'x-scope-orgid', rawValue: Buffer.from('b') },
      { key: 'X-Mimir-Edge-Y', value: '1' },
      { key: 'Content-Type', rawValue: Buffer.from('type') },
    ];
    const request = whole({ headerMap: { headers } });
    t.match(request, { tenant: 'a, b', contentType: 'type' });
    t.strictSame([...request.claimed], ['x-mimir-edge-y']);
    const both = whole({
      headerMap: { headers },
      headers: { 'x-scope-orgid': 'map', 'content-encoding': 'map' },
    });
    t.match(both, { tenant: 'a, b', contentEncoding: undefined }, 'with a list there is no map');
    t.equal(whole({ headers: { 'X-Scope-OrgID': 'a' } }).tenant, undefined, 'a map has them in lower case');
  },
);

t.test('how much of the body is there', async (t) => {
  const rawBody = Buffer.from('body');
  const mark = 'x-envoy-auth-partial-body';
  for (const [state, http] of [
    ['whole', { rawBody }],
    ['whole', { rawBody, headers: { 'content-length': '4' } }],
    ['whole', { rawBody, headers: { 'content-length': '3' } }],
    ['whole', { rawBody, headers: { 'content-length': 'x' } }],
    ['whole', { rawBody, headers: { [mark]: 'false' } }],
    ['whole', { rawBody, body: 'text' }],
    ['partial', { rawBody, headers: { 'content-length': '5' } }],
    ['partial', { rawBody, headers: { [mark]: 'true' } }],
    ['text', { body: 'text' }],
    ['text', { body: 'text', headers: { 'content-length': '0' } }],
    ['missing', { body: '' }],
    ['whole', { headers: { 'content-length': '0' } }],
    ['whole', { headers: { [mark]: 'false' } }],
    ['missing', { headers: { [mark]: 'true' } }],
    ['missing', { headers: { 'content-length': '4', [mark]: 'false' } }],
    ['missing', {}],
  ] as const) {
    t.equal(whole(http).bodyState, state, JSON.stringify(http));
  }
});

t.test('a message has so many headers, and so much beside its body, and no more', async (t) => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, '']));
  const list = (count: number) => ({ headers: Array.from({ length: count }, () => ({ key: 'h' })) });
  t.type(read({ headers: many(MAX_HEADERS) }), 'object');
  t.equal(read({ headers: many(MAX_HEADERS + 1) }), 'too_large');
  t.type(read({ headerMap: list(MAX_HEADERS) }), 'object');
  t.equal(read({ headerMap: list(MAX_HEADERS + 1) }), 'too_large');
  t.equal(read({ headers: many(600), headerMap: list(600) }), 'too_large', 'together');
  const rawBody = Buffer.alloc(2 * MAX_BESIDE_BODY_BYTES);
  const beside =
    type.encode({ attributes: { request: { http: { rawBody, path: '' } } } }).finish().length -
    rawBody.length;
  // The length of the path and those around it take some bytes themselves.
  const room = MAX_BESIDE_BODY_BYTES - beside;
  const lengthOf = (path: number) =>
    type.encode({ attributes: { request: { http: { rawBody, path: 'x'.repeat(path) } } } }).finish().length -
    rawBody.length;
  let fits = room;
  while (lengthOf(fits) > MAX_BESIDE_BODY_BYTES) fits--;
  t.type(read({ rawBody, path: 'x'.repeat(fits) }), 'object');
  t.equal(read({ rawBody, path: 'x'.repeat(fits + 1) }), 'too_large');
});

t.test('names of any length are no others', async (t) => {
  const long = 'x'.repeat(256);
  t.equal(whole({ headers: { [long]: 'a' } }, long).tenant, 'a');
  t.equal(whole({ headers: { [`${long}x`]: 'a', '': 'b' } }, long).tenant, undefined);
  t.equal(whole({ headers: { [`x-mimir-edge-${long}`]: 'a' } }).claimed.size, 0, 'Envoy sends none so long');
});

t.test('what is broken anywhere is no message', async (t) => {
  const http = (bytes: number[]) =>
    Buffer.from([0x0a, bytes.length + 4, 0x22, bytes.length + 2, 0x12, bytes.length, ...bytes]);
  t.type(readCheckRequest(http([]), 'x'), 'object');
  for (const bytes of [
    [0x0b],
    [0x1a, 1, 0x0b],
    [0x6a, 1, 0x0b],
    [0x6a, 3, 0x0a, 1, 0x0b],
    [0x1a, 2, 0x0a, 5],
  ]) {
    t.equal(readCheckRequest(http(bytes), 'x'), undefined, bytes.join(' '));
  }
  t.type(readCheckRequest(http([0x6a, 3, 0x12, 1, 0x0b]), 'x'), 'object', 'another field of a list');
  for (const bytes of [[0x0a, 1, 0x0b], [0x0a, 3, 0x22, 1, 0x0b], [0x0a]]) {
    t.equal(readCheckRequest(Buffer.from(bytes), 'x'), undefined, bytes.join(' '));
  }
  for (const bytes of [
    [0x12, 1, 0x0b],
    [0x0a, 3, 0x12, 1, 0x0b],
    [0x0a, 5, 0x22, 3, 0x0a, 1, 0x0b],
  ]) {
    t.type(readCheckRequest(Buffer.from(bytes), 'x'), 'object', 'other fields are not looked into');
  }
  t.match(readCheckRequest(http([0x5a, 0]), 'x'), { bodyState: 'missing' }, 'an empty text is none');
});

t.test('a value is text or bytes, whichever of the two is not empty, and nothing else', async (t) => {
  const field = (number: number, bytes: Iterable<number>) => {
    const content = [...bytes];
    return [number * 8 + 2, content.length, ...content];
  };
  const key = field(1, Buffer.from('x'));
  const [text, none, other] = [field(2, Buffer.from('a')), field(3, []), field(4, Buffer.from('b'))];
  for (const header of [
    [...key, ...text],
    [...key, ...text, ...none],
    [...none, ...key, ...text],
    [...key, ...text, ...other],
    [...key, ...field(2, []), ...field(3, Buffer.from('a'))],
    [...key, ...field(3, Buffer.from('a')), ...field(2, [])],
  ]) {
    const http = field(13, field(1, header));
    const message = field(1, field(4, field(2, http)));
    t.match(readCheckRequest(Buffer.from(message), 'x'), { tenant: 'a' }, header.join(' '));
  }
});
