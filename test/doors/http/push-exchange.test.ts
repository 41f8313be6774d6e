import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { HEAD_ROOM } from '#src/doors/body.js';
import { slabBytes } from '#src/doors/slabs.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { encodeVersion1 } from '../../payload/encode.js';
import { closeServer, edge, eventually, listen, PUSH_500, rawExchange, send, upstream } from './fixtures.js';

const HEAD = 'POST /api/v1/push HTTP/1.1\r\nHost: edge\r\nX-Scope-OrgID: a\r\n';
const once500 = { snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 500 }) }) };

t.test('an accepted push arrives byte for byte, and the answer comes back whole', async (t) => {
  const mimir = await upstream((_req, res) => {
    res.writeHead(200, 'Fine', [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Prometheus-Remote-Write-Samples-Written', '500'],
    ]);
    res.end('all of it');
  });
  const proxy = await edge(mimir.url);
  const response = await send(proxy.url, PUSH_500, {
    'X-Custom': 'kept',
    'X-Request-Id': 'id-1',
    'User-Agent': 'Prometheus/2.42',
  });
  t.equal(response.status, 200);
  t.equal(response.statusText, 'Fine');
  t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2']);
  t.equal(response.headers.get('x-prometheus-remote-write-samples-written'), '500');
  t.equal(await response.text(), 'all of it');
  const [arrived] = mimir.arrived;
  t.ok(arrived?.body.equals(PUSH_500));
  t.match(arrived, {
    method: 'POST',
    url: '/api/v1/push',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'content-length': String(PUSH_500.length),
      'x-scope-orgid': 'a',
      'x-custom': 'kept',
      'x-request-id': 'id-1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'user-agent': 'Prometheus/2.42',
    },
  });
  t.equal(proxy.budget.used, 0);
  await proxy.stop();
  await mimir.close();
});

t.test('a push over the limit gets 429 and Retry-After, and Mimir never sees it', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: once500 });
  t.equal((await send(proxy.url)).status, 200);
  const refused = await send(proxy.url);
  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal(refused.headers.get('x-mimir-edge-reason'), 'rate_limited');
  t.match(
    await refused.text(),
    /tenant a was refused: .* left of the ingestion rate .*\(err-mimir-tenant-max-ingestion-rate\)/,
  );
  t.equal(mimir.arrived.length, 1);
  t.match(proxy.refusals, [{ tenant: 'a', refusal: { reason: 'rate_limited' }, shadow: false }]);
  await proxy.stop();
  await mimir.close();
});

t.test(
  'a push over the request rate is put down to its tenant, and has the mode of its tenant',
  async (t) => {
    const mimir = await upstream();
    const drained = limits({ request_rate: 1e-9, request_burst_size: 1 }, { mode: 'enforce' });
    const enforcer = { snapshot: snapshot({ a: drained }), mode: 'shadow' as const };
    const proxy = await edge(mimir.url, { enforcer });
    t.equal((await send(proxy.url)).status, 200);
    t.equal((await send(proxy.url)).status, 429, 'the tenant is in mode enforce, whatever holds for others');
    t.match(proxy.refusals, [{ tenant: 'a', refusal: { reason: 'request_rate_limited' }, shadow: false }]);
    t.equal(mimir.arrived.length, 1);
    await proxy.stop();
    await mimir.close();
  },
);

t.test('a Remote Write 2.0 sender of what is not decoded is told that nothing was written', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const refused = await send(proxy.url, Buffer.from('not snappy'), {
    'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
  });
  t.equal(refused.status, 400);
  t.equal(refused.headers.get('x-prometheus-remote-write-samples-written'), '0');
  await proxy.stop();
  await mimir.close();
});

t.test('broken bytes, unknown messages and missing tenants are refused and not forwarded', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const cases: [number, RegExp, Uint8Array, Record<string, string>][] = [
    [400, /does not decode/, PUSH_500.subarray(0, 5000), {}],
    [400, /does not decode/, SnappyJS.compress(Buffer.from([0x0a, 0x7f])), {}],
    [400, /none|not remote write/, PUSH_500, { 'Content-Type': 'application/x-protobuf;proto=some.Other' }],
    [415, /not remote write/, PUSH_500, { 'Content-Encoding': 'zstd' }],
    [401, /no tenant/, PUSH_500, { 'X-Scope-OrgID': '' }],
    [400, /more than one/, PUSH_500, { 'X-Scope-OrgID': 'a|b' }],
  ];
  for (const [status, message, body, headers] of cases) {
    const response = await send(proxy.url, body, headers);
    t.equal(response.status, status);
    t.match(await response.text(), message);
  }
  t.equal(mimir.arrived.length, 0);
  await proxy.stop();
  await mimir.close();
});

/**
 * A snappy block of 150 series that is one unknown field for whoever reads it as plain protobuf: its length is the field's
 * tag, and its first two bytes after that say how long the field is.
 */
function readTwoWays(): Buffer {
  const total = 15_618;
  const shortest = 34;
  const series = encodeVersion1(
    Array.from({ length: 150 }, (_, n) => ({
      labels: [
        ['__name__', 'smuggled'],
        ['n', String(n)],
      ],
      value: n,
      timestampMs: 1_700_000_000_000,
    })),
  );
  const padding = total - series.length - 3;
  const plain = Buffer.concat([
    Buffer.of(0x7a, (padding & 0x7f) | 0x80, padding >> 7),
    Buffer.alloc(padding),
    series,
  ]);
  const rest = total - shortest - 1;
  return Buffer.concat([
    Buffer.of((total & 0x7f) | 0x80, total >> 7),
    Buffer.of((shortest - 1) << 2),
    plain.subarray(0, shortest),
    Buffer.of(61 << 2, rest & 0xff, rest >> 8),
    plain.subarray(shortest),
  ]);
}

t.test('a body is what Mimir reads in it, whatever its headers say: snappy, or refused', async (t) => {
  const body = readTwoWays();
  t.equal(SnappyJS.uncompress(body).length, 15_618);
  const mimir = await upstream();
  const tight = { snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 149 }) }) };
  const proxy = await edge(mimir.url, { enforcer: tight });
  t.equal((await send(proxy.url, body)).status, 429, '150 samples');
  const gzipped = gzipSync(SnappyJS.uncompress(PUSH_500));
  for (const [encoding, bytes] of [
    ['identity', body],
    ['gzip', body],
    ['gzip', gzipped],
    ['zstd', body],
    ['Snappy', body],
    ['snappy, snappy', body],
    ['snappy, identity', body],
    ['', body],
  ] as const) {
    const response = await send(proxy.url, bytes, { 'Content-Encoding': encoding });
    t.equal(response.status, 415, encoding);
    t.match(await response.text(), /is not remote write/);
  }
  t.equal(mimir.arrived.length, 0);
  await proxy.stop();
  await mimir.close();
});

t.test('a header that says twice what a body is says nothing', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: once500 });
  const v1 = 'Content-Type: application/x-protobuf\r\n';
  const v1Message = 'Content-Type: application/x-protobuf;a=b\r\n';
  const v2 = 'Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n';
  const snappy = 'Content-Encoding: snappy\r\n';
  for (const [headers, status] of [
    [v2 + v1, 400],
    [v2 + v2, 400],
    [`${v1Message}${v2}`, 400],
    [snappy + snappy, 415],
    [`${snappy}Content-Encoding: identity\r\n`, 415],
    ['X-Scope-OrgID: b\r\n', 400],
    ['x-scope-orgid: a\r\n', 400],
  ] as const) {
    const head = `${HEAD}${headers}Connection: close\r\nContent-Length: ${PUSH_500.length}\r\n\r\n`;
    const answer = await rawExchange(proxy.port, Buffer.concat([Buffer.from(head), PUSH_500]));
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `), headers);
  }
  t.equal(mimir.arrived.length, 0);
  for (const [headers, status] of [
    [v1 + v1, 200],
    [v1 + v2, 429],
    [`Content-Type: text/plain\r\n${v2}`, 429],
  ] as const) {
    const head = `${HEAD}${headers}Connection: close\r\nContent-Length: ${PUSH_500.length}\r\n\r\n`;
    const answer = await rawExchange(proxy.port, Buffer.concat([Buffer.from(head), PUSH_500]));
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `), `${headers}: the first counts, and it is version 1`);
  }
  await proxy.stop();
  await mimir.close();
});

t.test('a content type is read as Mimir reads it', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const V2 = 'io.prometheus.write.v2.Request';
  for (const [contentType, status] of [
    ['application/x-protobuf', 200],
    ['application/x-protobuf;proto=prometheus.WriteRequest', 200],
    ['application/x-protobuf;charset=utf-8', 200],
    ['application/x-protobuf; charset=utf-8', 200],
    // Mimir takes parameters as they are written, with their spaces, and a type that it does not know for version 1.
    [`application/x-protobuf; proto=${V2}`, 200],
    [`application/x-protobuf ;proto=${V2}`, 200],
    [`Application/X-Protobuf;proto=${V2}`, 200],
    [`application/x-protobuf;PROTO=${V2}`, 200],
    [`application/x-protobuf;proto=prometheus.WriteRequest;proto=${V2}`, 200],
    [`application/x-protobuf;proto="${V2}"`, 400],
    [`application/x-protobuf;proto=${V2};proto=prometheus.WriteRequest`, 400],
    ['application/x-protobuf;proto=', 400],
    ['application/x-protobuf;proto', 400],
    ['application/x-protobuf;proto=some.Other', 400],
    ['text/plain', 200],
    ['', 200],
  ] as const) {
    const response = await send(proxy.url, PUSH_500, { 'Content-Type': contentType });
    t.equal(response.status, status, contentType);
  }
  await proxy.stop();
  await mimir.close();
});

t.test('a body declared too large is refused before a byte of it is read', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const answer = await rawExchange(
    proxy.port,
    `${HEAD}Content-Length: 209715200\r\n\r\n`,
    'err-mimir-distributor',
  );
  t.match(answer, /^HTTP\/1.1 400 /);
  await proxy.stop();
  await mimir.close();
});

t.test('a body without a length is refused where it passes the cap', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { push: { maxBodyBytes: 1000 } });
  const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
  const answer = await rawExchange(
    proxy.port,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    'err-mimir',
  );
  t.match(answer, /^HTTP\/1.1 400 /);
  t.equal(proxy.budget.used, 0);
  await proxy.stop();
  await mimir.close();
});

t.test('a body that arrives in thousands of one-byte chunks arrives whole', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const chunks = [...PUSH_500].map((byte) =>
    Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]),
  );
  const request = Buffer.concat([
    Buffer.from(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`),
    ...chunks,
    Buffer.from('0\r\n\r\n'),
  ]);
  t.match(await rawExchange(proxy.port, request, '\r\n\r\n'), /^HTTP\/1.1 200 /);
  t.ok(mimir.arrived[0]?.body.equals(PUSH_500));
  await proxy.stop();
  await mimir.close();
});

t.test(
  'bodies that are under way at the same time do not mix, though their memory is used again',
  async (t) => {
    const mimir = await upstream((_req, res) => setTimeout(() => res.end(), Math.random() * 5));
    const shadow = limits({}, { mode: 'shadow' });
    const proxy = await edge(mimir.url, { enforcer: { snapshot: snapshot({ a: shadow }), mode: 'shadow' } });
    const bodies = Array.from({ length: 200 }, (_, n) => Buffer.alloc(((n * 7919) % 150_000) + 1, n));
    // A few at a time, so that each has memory that others had before.
    const left = [...bodies.entries()];
    const sender = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [n, body] = next;
        await send(proxy.url, body, { 'X-Number': String(n) });
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
    t.equal(mimir.arrived.length, bodies.length);
    for (const { headers, body } of mimir.arrived) {
      if (!body.equals(bodies[Number(headers['x-number'])] as Buffer))
        t.fail(`${headers['x-number']} is not as it was sent`);
    }
    await proxy.stop();
    await mimir.close();
  },
);

t.test('a body that an upstream answers before it has read it stays what it was until it has', async (t) => {
  const stalled: { socket: Socket; pieces: Buffer[] }[] = [];
  // Answers at the head, and reads the rest only later.
  const hasty = createNetServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (first) => {
      stalled.push({ socket: socket.pause(), pieces: [first] });
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  const url = await listen(hasty);
  const shadow = limits({}, { mode: 'shadow' });
  const proxy = await edge(url, {
    enforcer: { snapshot: snapshot({ a: shadow }), mode: 'shadow' },
    push: { maxBodyBytes: 64 << 20 },
  });
  const large = Buffer.alloc(32 << 20, 1);
  t.equal((await send(proxy.url, large)).status, 200);
  // Others take what memory is free now.
  for (let n = 0; n < 3; n++) await send(proxy.url, Buffer.alloc(1 << 20, 2));
  const [{ socket, pieces }] = stalled as [{ socket: Socket; pieces: Buffer[] }];
  socket.on('data', (piece) => pieces.push(piece)).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  const arrived = Buffer.concat(pieces);
  const body = arrived.subarray(arrived.indexOf('\r\n\r\n') + 4);
  t.ok(body.length > 0 && body.every((byte) => byte === 1));
  for (const { socket } of stalled) socket.destroy();
  await proxy.stop();
  await new Promise((resolve) => hasty.close(resolve));
});

t.test(
  'when too many body bytes are in flight, a push gets 503 and Retry-After before it is read',
  async (t) => {
    const release: (() => void)[] = [];
    const mimir = await upstream((_req, res) => release.push(() => res.end()));
    const proxy = await edge(mimir.url, {
      bytesInFlight: slabBytes(HEAD_ROOM + PUSH_500.length) + PUSH_500.length - 1,
    });
    const first = send(proxy.url);
    await eventually(() => release.length === 1);
    const answer = await rawExchange(
      proxy.port,
      `${HEAD}Content-Length: ${PUSH_500.length}\r\n\r\n`,
      'in-flight',
    );
    t.match(answer, /^HTTP\/1.1 503 .*Retry-After: \d+/s);
    release[0]?.();
    t.equal((await first).status, 200);
    t.equal(proxy.budget.used, 0);
    mimir.server.removeAllListeners('request');
    await proxy.stop();
    await mimir.close();
  },
);

t.test(
  'Expect: 100-continue is answered for a push that may come, and not for one that is refused',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, {
      enforcer: { snapshot: snapshot({ a: limits({ request_rate: 1e-9, request_burst_size: 1 }) }) },
    });
    const expecting = `${HEAD}Expect: 100-continue\r\nContent-Length: ${PUSH_500.length}\r\n\r\n`;
    const socket = connect(proxy.port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (received === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(PUSH_500);
    });
    socket.write(expecting);
    await eventually(() => received.includes('200 OK'));
    t.match(received, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
    socket.destroy();
    t.match(await rawExchange(proxy.port, expecting, 'err-mimir'), /^HTTP\/1.1 429 /);
    await proxy.stop();
    await mimir.close();
  },
);

t.test('a sender too slow with its body gets 503: it keeps its data and comes again', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { push: { bodyTimeoutMs: 50 } });
  const answer = await rawExchange(
    proxy.port,
    `${HEAD}Content-Length: 1000\r\n\r\nabc`,
    'err-edge-incomplete-body',
  );
  t.match(answer, /^HTTP\/1.1 503 .*Retry-After: 1/s);
  await proxy.stop();
  await mimir.close();
});

t.test(
  'a sender that goes on with a body that was refused is cut off; a small rest is read and the connection kept',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, { push: { maxBodyBytes: 1000 } });
    const small = `${HEAD}Content-Length: 5000\r\n\r\n${'x'.repeat(5000)}`;
    const answers = await rawExchange(
      proxy.port,
      `${small}${HEAD}Content-Length: 3\r\n\r\nabc`,
      '400 Bad Request',
    );
    t.match(answers, /^HTTP\/1.1 400 .*HTTP\/1.1 400 /s, 'the next request on the connection has its answer');
    const socket = connect(proxy.port, '127.0.0.1');
    let received = '';
    let closed = false;
    socket.on('data', (data) => {
      received += data.toString('latin1');
    });
    socket
      .on('error', () => {})
      .on('close', () => {
        closed = true;
      });
    socket.write(`${HEAD}Content-Length: 100000000\r\n\r\n`);
    await eventually(() => received.includes('edge_body_too_large'));
    const flood = setInterval(() => socket.write(Buffer.alloc(65536)), 1);
    t.ok(await eventually(() => closed), 'it is not read to its end');
    clearInterval(flood);
    await proxy.stop();
    await mimir.close();
  },
);

t.test('a sender too slow with its headers gets 408', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { server: { headerTimeoutMs: 100 } });
  t.match(await rawExchange(proxy.port, 'POST /api/v1/push HTTP/1.1\r\nHost: e'), /^HTTP\/1.1 408 /);
  await proxy.stop();
  await mimir.close();
});

t.test('an https upstream is trusted by the CA that is named, and by no other', async (t) => {
  const data = (name: string) => new URL(`../../../../test/data/tls/${name}`, import.meta.url);
  const mimir = createTlsServer(
    { key: readFileSync(data('server.key')), cert: readFileSync(data('server.crt')) },
    (req, res) => {
      req.resume().on('end', () => res.end());
    },
  );
  const url = (await listen(mimir)).replace('http:', 'https:');
  const trusting = await edge(url, { upstream: { caFile: data('ca.crt').pathname } });
  t.equal((await send(trusting.url)).status, 200);
  const doubting = await edge(url);
  t.equal((await send(doubting.url)).status, 502);
  await trusting.stop();
  await doubting.stop();
  await closeServer(mimir);
});

t.test('a client that goes away cancels the call to Mimir', async (t) => {
  let canceled = false;
  const mimir = await upstream((req) => {
    req.socket.on('close', () => {
      canceled = true;
    });
  });
  const proxy = await edge(mimir.url);
  const abort = new AbortController();
  const gone = fetch(`${proxy.url}/api/v1/push`, {
    method: 'POST',
    headers: { 'X-Scope-OrgID': 'a' },
    body: PUSH_500,
    signal: abort.signal,
  });
  await eventually(() => mimir.arrived.length === 1);
  abort.abort();
  await t.rejects(gone);
  t.ok(await eventually(() => canceled));
  t.ok(await eventually(() => proxy.budget.used === 0));
  await proxy.stop();
  await mimir.close();
});

t.test('what Mimir did not take is not charged: 5xx, 429, no answer in time, no connection', async (t) => {
  let status = 503;
  const mimir = await upstream((_req, res) => {
    if (status === 0) return;
    res.writeHead(status).end('from mimir');
  });
  const proxy = await edge(mimir.url, { enforcer: once500, push: { upstreamHeadersTimeoutMs: 300 } });
  for (status of [503, 500, 429]) {
    const response = await send(proxy.url);
    t.equal(response.status, status);
    t.equal(await response.text(), 'from mimir');
  }
  status = 0;
  t.equal((await send(proxy.url)).status, 504);
  await mimir.close();
  const unreachable = await send(proxy.url);
  t.equal(unreachable.status, 502);
  t.match(unreachable.headers.get('retry-after'), /\d/);
  t.strictSame(proxy.failures, ['timeout', 'unreachable']);
  t.equal(
    proxy.enforcer.tenants.use('a', 0)?.items?.bucket.take(500, performance.now()),
    true,
    'all 500 tokens are there',
  );
  await proxy.stop();
});

t.test("a push of which Mimir's check of active series took a part stays charged", async (t) => {
  const text =
    'tenant exceeded the active series limit, set to 5 (err-mimir-max-active-series). To adjust it, ask';
  const cut = text.indexOf('max-active');
  let answer: (res: ServerResponse) => void = (res) => res.end(text);
  let status = 429;
  const mimir = await upstream((_req, res) => answer(res.writeHead(status)));
  for (const [name, part, kept, code] of [
    ['in one piece', (res: ServerResponse) => res.end(text), true, 429],
    [
      'in two pieces',
      (res: ServerResponse) => res.write(text.slice(0, cut), () => res.end(text.slice(cut))),
      true,
      429,
    ],
    ['with a status of the tenant', (res: ServerResponse) => res.end(text), true, 503],
    [
      'another refusal',
      (res: ServerResponse) => res.end('(err-mimir-tenant-max-ingestion-rate)'),
      false,
      429,
    ],
    ['no word', (res: ServerResponse) => res.end(), false, 429],
    ['far behind', (res: ServerResponse) => res.end(`${' '.repeat(5000)}${text}`), false, 429],
    ['cut off', (res: ServerResponse) => res.write(text, () => res.destroy()), true, 429],
  ] as const) {
    [answer, status] = [part, code];
    const proxy = await edge(mimir.url, { enforcer: once500 });
    await send(proxy.url).then(
      (response) => response.text().catch(() => ''),
      () => '',
    );
    const bucket = proxy.enforcer.tenants.use('a', 0)?.items.bucket;
    t.ok(await eventually(() => (bucket?.left(performance.now()) ?? 0) < 500 === kept), name);
    await proxy.stop();
  }
  await mimir.close();
});

t.test('metadata of a tenant id selects limits, and goes on to Mimir as it came', async (t) => {
  const mimir = await upstream();
  const tight = { ingestion_rate: 0, ingestion_burst_size: 500 };
  const proxy = await edge(mimir.url, {
    enforcer: {
      snapshot: snapshot({
        a: limits({ ingestion_rate: 0, ingestion_burst_size: 100 }),
        ':source=test': limits(tight),
      }),
    },
  });
  const names = ['a:source=test', 'a:source=test|a:source=test'];
  const statuses = [];
  for (const name of ['a', ...names, 'a:source=prod']) {
    statuses.push((await send(proxy.url, PUSH_500, { 'X-Scope-OrgID': name })).status);
  }
  t.strictSame(statuses, [429, 200, 429, 429]);
  t.strictSame(
    mimir.arrived.map(({ headers }) => headers['x-scope-orgid']),
    ['a:source=test'],
  );
  await proxy.stop();
  await mimir.close();
});

t.test('a refusal by Mimir that is final stays charged', async (t) => {
  const mimir = await upstream((_req, res) => res.writeHead(400).end('out of order'));
  const proxy = await edge(mimir.url, { enforcer: once500 });
  t.equal((await send(proxy.url)).status, 400);
  t.equal((await send(proxy.url)).status, 429);
  await proxy.stop();
  await mimir.close();
});

t.test('with several upstreams, one that refuses connections costs no push', async (t) => {
  const dead = await upstream();
  await dead.close();
  const [one, two] = [await upstream(), await upstream()];
  const proxy = await edge([dead.url, one.url, two.url]);
  for (let i = 0; i < 60; i++) t.equal((await send(proxy.url)).status, 200);
  t.equal(one.arrived.length + two.arrived.length, 60);
  // Which one is a matter of chance, each time.
  t.ok(one.arrived.length >= 5 && two.arrived.length >= 5, 'both share the load');
  await proxy.stop();
  await Promise.all([one.close(), two.close()]);
});

t.test('an answer that Mimir cuts short is cut for the client, too', async (t) => {
  const mimir = createServer((req, res) => {
    req.resume().on('end', () => {
      res.writeHead(200, { 'Content-Length': 100 });
      res.write('half', () => res.destroy());
    });
  });
  const proxy = await edge(await listen(mimir));
  await t.rejects(send(proxy.url).then((response) => response.text()));
  t.strictSame(proxy.failures, ['broken']);
  await proxy.stop();
  await closeServer(mimir);
});

t.test('in shadow mode everything passes, and what would have been refused is reported', async (t) => {
  const mimir = await upstream();
  const shadow = limits(
    { ingestion_rate: 0, ingestion_burst_size: 500, request_rate: 0 },
    { mode: 'shadow' },
  );
  const proxy = await edge(mimir.url, { enforcer: { snapshot: snapshot({ a: shadow }), mode: 'shadow' } });
  const bodies: [Uint8Array, Record<string, string>][] = [
    [PUSH_500, {}],
    [PUSH_500, {}],
    [Buffer.from('broken'), {}],
    [PUSH_500, { 'Content-Encoding': 'zstd' }],
    [PUSH_500, { 'X-Scope-OrgID': 'not valid' }],
  ];
  for (const [body, headers] of bodies) t.equal((await send(proxy.url, body, headers)).status, 200);
  t.strictSame(
    mimir.arrived.map(({ body }) => body.length),
    bodies.map(([body]) => body.length),
  );
  t.strictSame(
    proxy.refusals.map(({ refusal, shadow }) => [refusal.reason, shadow]),
    [
      ['rate_limited', true],
      ['edge_malformed_body', true],
      ['edge_unsupported_media_type', true],
      ['edge_invalid_tenant', true],
    ],
  );
  await proxy.stop();
  await mimir.close();
});

t.test('in mode off nothing is decoded', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: { mode: 'off' } });
  t.equal((await send(proxy.url, Buffer.from('broken'))).status, 200);
  t.equal(mimir.arrived.length, 1);
  t.strictSame(proxy.refusals, []);
  await proxy.stop();
  await mimir.close();
});
