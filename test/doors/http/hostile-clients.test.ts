/** Clients that want the process dead, or all of its memory and connections for themselves. */
import { type AddressInfo, connect, createServer, Server, type Socket } from 'node:net';
import SnappyJS from 'snappyjs';
import t, { type Test } from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import { ByteBudget } from '#src/doors/body.js';
import type { Caller } from '#src/doors/http/caller.js';
import { ClientConnections } from '#src/doors/http/client-connections.js';
import { SharedBudget } from '#src/doors/shared-budget.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { compress, WriteRequestV1 } from '../../payload/encode.js';
import {
  edge,
  eventually,
  type GivenEdge,
  listen,
  PUSH_500,
  rawExchange,
  send,
  sendFrom,
  upstream,
} from './fixtures.js';

/** The server's side of every connection that is made to a port of this process from now on. */
function acceptedSockets(t: Test): (port: number) => Socket[] {
  const sockets: { readonly port: number; readonly socket: Socket }[] = [];
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]) {
    if (event === 'connection') {
      sockets.push({ port: (this.address() as AddressInfo).port, socket: args[0] as Socket });
    }
    return (emit as (...all: unknown[]) => boolean).call(this, event, ...args);
  } as typeof emit;
  t.teardown(() => {
    Server.prototype.emit = emit;
  });
  return (port) => sockets.flatMap((accepted) => (accepted.port === port ? [accepted.socket] : []));
}

/** A client that never reads. */
function deaf(t: Test, proxy: GivenEdge): Socket & { gone: boolean } {
  const socket = Object.assign(connect(proxy.port, '127.0.0.1'), { gone: false });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', () => {
    socket.gone = true;
  });
  return socket;
}

/** Writes until the other side takes no more for a while, or so many bytes are out. */
async function flood(socket: Socket, piece: string, most: number): Promise<void> {
  let quiet = 0;
  while (quiet < 40 && !socket.destroyed && socket.bytesWritten < most) {
    const before = socket.bytesWritten - socket.writableLength;
    if (socket.writableLength < 1 << 20) socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
    quiet = socket.bytesWritten - socket.writableLength > before ? 0 : quiet + 1;
  }
}

const UNREADABLE = 'POST /api/v1/push HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'.repeat(4000);
const CHUNKED = 'POST /api/v1/push HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'.repeat(
  3000,
);

for (const [framing, requests] of [
  ['with a length', UNREADABLE],
  ['in chunks', CHUNKED],
] as const) {
  t.test(`a client that does not read its answers gets no more of them, ${framing}`, async (t) => {
    const sockets = acceptedSockets(t);
    const mimir = await upstream();
    const proxy = await edge(mimir.url);
    const client = deaf(t, proxy);
    await flood(client, requests, 256 << 20);
    const answered = proxy.refusals.length;
    t.ok(answered > 100, 'some are answered');
    for (const socket of sockets(proxy.port)) {
      t.ok(socket.writableLength <= 128 * 1024, `${socket.writableLength} bytes wait to be read`);
    }
    t.ok(proxy.budget.used <= 256 * 1024 + 1024, `${proxy.budget.used} bytes of requests wait`);
    client.on('data', () => {});
    t.ok(await eventually(() => proxy.refusals.length > answered), 'and more once it reads');
    await proxy.stop();
    await mimir.close();
  });
}

t.test('a client that takes nothing for too long is cut off, whoever answers', async (t) => {
  const sockets = acceptedSockets(t);
  const mimir = await upstream((_req, res) => {
    res.write(Buffer.alloc(32 << 20));
  });
  const proxy = await edge(mimir.url, {
    server: { writeTimeoutMs: 200 },
    upstream: { connections: 4, tenantShare: 1 },
  });
  const refused = deaf(t, proxy);
  await flood(refused, UNREADABLE, 256 << 20);
  t.ok(await eventually(() => refused.gone), 'answers of the edge');
  const clients = Array.from({ length: 4 }, () => deaf(t, proxy));
  for (const client of clients) client.write('GET /big HTTP/1.1\r\nHost: h\r\n\r\n');
  t.ok(await eventually(() => mimir.arrived.length === 4));
  const next = rawExchange(proxy.port, 'GET /next HTTP/1.1\r\nHost: h\r\n\r\n', '200 OK');
  t.ok(
    await eventually(() =>
      sockets(proxy.port)
        .slice(1, 5)
        .every(({ destroyed }) => destroyed),
    ),
    'answers of Mimir',
  );
  t.match(await next, /^HTTP\/1\.1 200 /, 'and what it held is free');
  await proxy.stop();
  await mimir.close();
});

const WAITS = 'POST /waits HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n';

t.test('what a client sends behind a request that waits counts as memory', async (t) => {
  const sockets = acceptedSockets(t);
  const mimir = await upstream(() => {});
  const proxy = await edge(mimir.url, { bytesInFlight: 600 * 1024 });
  const clients = Array.from({ length: 40 }, () => deaf(t, proxy));
  let most = 0;
  for (const client of clients) {
    client.write(WAITS + 'x'.repeat(200 * 1024));
    await eventually(() => client.gone || client.writableLength === 0);
    most = Math.max(most, proxy.budget.used);
  }
  t.ok(await eventually(() => proxy.budget.used > 0), 'it is counted');
  t.ok(most <= 600 * 1024, `${most} bytes`);
  const held = () => sockets(proxy.port).filter(({ destroyed }) => !destroyed).length;
  t.ok(await eventually(() => held() < 40), 'who brings more than there is room for is cut off');
  t.ok(held() > 0);
  for (const client of clients) client.destroy();
  await mimir.close();
  t.ok(await eventually(() => proxy.budget.used === 0), 'and all of it comes back');
  await proxy.stop();
});

t.test('half a head is held for so long, and counts as memory', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { server: { headerTimeoutMs: 200 } });
  const clients = Array.from({ length: 20 }, () => deaf(t, proxy));
  for (const client of clients) client.write(`GET / HTTP/1.1\r\nHost: h\r\nA: ${'b'.repeat(9000)}`);
  t.ok(await eventually(() => proxy.budget.used >= 20 * 9000));
  t.ok(await eventually(() => proxy.budget.used === 0));
  for (const client of clients) client.resume();
  t.ok(await eventually(() => clients.every(({ gone }) => gone)));
  await proxy.stop();
  await mimir.close();
});

t.test('one request at a time: a client that does not wait has no more of them under way', async (t) => {
  const mimir = await upstream(() => {});
  const proxy = await edge(mimir.url);
  const client = deaf(t, proxy);
  client.write('POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'.repeat(500));
  t.ok(await eventually(() => mimir.arrived.length > 0));
  await rawExchange(proxy.port, 'BREW / HTTP/1.1\r\nHost: h\r\n\r\n');
  t.equal(proxy.proxy.activeRequests, 1);
  t.equal(mimir.arrived.length, 1);
  await proxy.stop();
  await mimir.close();
});

t.test('a client that takes some of its answer, however little, keeps its connection', async (t) => {
  let nowMs = 0;
  const callers: Caller[] = [];
  const connections = new ClientConnections({
    maxConnections: 1,
    headerTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
    writeTimeoutMs: 10_000,
    budget: new SharedBudget(new ByteBudget(1 << 20), 1, 1, () => 0),
    now: () => nowMs,
    serve: (caller) => callers.push(caller),
  });
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    connections.take(socket);
  });
  const client = connect(Number(new URL(await listen(server)).port), '127.0.0.1').on('error', () => {});
  client.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  t.ok(await eventually(() => callers.length === 1));
  const [caller, socket] = [callers[0] as Caller, accepted[0] as Socket];
  caller.writeHead(200, 'OK', new MessageHeaders([]));
  caller.write(Buffer.alloc(64 << 20));
  const pass = (ms: number) => {
    nowMs += ms;
    connections.sweep(nowMs);
  };
  client.on('data', () => {}).pause();
  pass(0);
  for (let i = 0; i < 5; i++) {
    pass(9000);
    const left = (socket as unknown as { _handle: { writeQueueSize: number } })._handle;
    const before = left.writeQueueSize;
    client.resume();
    t.ok(await eventually(() => left.writeQueueSize < before));
    client.pause();
    pass(2000);
    t.notOk(socket.destroyed);
  }
  // What the kernel still takes is done with before the last look.
  const { _handle: queue } = socket as unknown as { _handle: { writeQueueSize: number } };
  let seen = -1;
  await eventually(async () => {
    const same = queue.writeQueueSize === seen;
    seen = queue.writeQueueSize;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return same;
  });
  pass(1);
  pass(1);
  pass(9998);
  t.notOk(socket.destroyed);
  pass(1000);
  t.ok(socket.destroyed);
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const declares = (tenant: string, bytes: number) =>
  `POST /api/v1/push HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\nContent-Length: ${bytes}\r\n\r\n`;

t.test('bodies that are promised and do not come take no room from others', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { push: { maxBodyBytes: 100 << 20 }, bytesInFlight: 512 << 20 });
  const clients = Array.from({ length: 6 }, () => deaf(t, proxy));
  for (const client of clients) client.write(declares('a', 100 << 20));
  t.ok(await eventually(() => proxy.proxy.activeRequests === 6));
  t.equal(proxy.budget.used, 0, 'nothing has come');
  t.equal((await send(proxy.url)).status, 200);
  for (const client of clients) client.write('x');
  t.ok(await eventually(() => proxy.budget.used >= 6));
  t.ok(proxy.budget.used <= 6 * 128 * 1024, `${proxy.budget.used} bytes for one that came of each`);
  for (const client of clients) client.destroy();
  t.ok(await eventually(() => proxy.budget.used === 0));
  await proxy.stop();
  await mimir.close();
});

t.test('memory is counted as it is taken, and is no more than twice what has come', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { push: { maxBodyBytes: 100 << 20 }, bytesInFlight: 512 << 20 });
  const client = deaf(t, proxy);
  client.write(declares('a', 100 << 20));
  client.write(Buffer.alloc(5_000_000));
  t.ok(await eventually(() => proxy.budget.used >= 5_000_000));
  t.ok(proxy.budget.used <= 10_000_000 + 128 * 1024, `${proxy.budget.used} bytes`);
  client.destroy();
  t.ok(await eventually(() => proxy.budget.used === 0));
  await proxy.stop();
  await mimir.close();
});

for (const [share, whose, reason] of [
  [{ tenantShare: 0.5 }, 'a tenant', /for this tenant.*push\.tenant_share/],
  [{ addressShare: 0.5 }, 'an address', /for this address.*push\.address_share/],
] as const) {
  t.test(`${whose} that holds its share is refused more, before its body and within it`, async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, {
      push: { maxBodyBytes: 4 << 20 },
      bytesInFlight: 4 << 20,
      ...share,
    });
    if ('addressShare' in share) await sendFrom('127.0.0.2', proxy.port);
    const client = deaf(t, proxy);
    client.write(declares('a', 2_000_000));
    client.write(Buffer.alloc(1_900_000));
    t.ok(await eventually(() => proxy.budget.used >= 1_900_000));
    t.match(await rawExchange(proxy.port, declares('a', 500_000), 'body-share'), reason);
    const inChunks = declares('a', 0).replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    const chunk = `30d40\r\n${'x'.repeat(200_000)}\r\n`;
    t.match(await rawExchange(proxy.port, inChunks + chunk, 'body-share'), reason);
    if ('tenantShare' in share) {
      t.equal(
        (await send(proxy.url, PUSH_500, { 'X-Scope-OrgID': 'b' })).status,
        200,
        'the rest is for others',
      );
    } else {
      t.match(await rawExchange(proxy.port, declares('b', 500_000), 'body-share'), reason);
    }
    t.ok(proxy.budget.used <= 2 << 20);
    client.destroy();
    t.ok(await eventually(() => proxy.budget.used === 0));
    await proxy.stop();
    await mimir.close();
  });
}

t.test('the share of one tenant is not what another has, nor is an address a tenant', async (t) => {
  const budget = new SharedBudget(new ByteBudget(100), 0.5, 0.8, () => 0);
  const of = (tenant: string | undefined, address: string) => ({ tenant, address });
  t.equal(budget.reserve(of('a', '::1'), 50), undefined);
  t.equal(budget.reserve(of('a', '::2'), 1), 'tenant');
  t.equal(budget.reserve(of('b', '::1'), 31), 'address');
  t.equal(budget.reserve(of(undefined, '::1'), 30), undefined, 'a head has no tenant');
  t.equal(budget.reserve(of('b', '::2'), 21), 'all');
  t.equal(budget.reserve(of('b', '::2'), 20), undefined);
  t.equal(budget.all.used, 100);
  budget.release(of('a', '::1'), 50);
  t.equal(budget.ofTenant('a'), 0);
  t.equal(budget.ofAddress('::1'), 30);
  t.equal(budget.reserve(of('a', '::3'), 50), undefined, 'what is given back is there again');
});

t.test('an address has its share while others send, and all of it where there are none', async (t) => {
  let nowMs = 0;
  const budget = new SharedBudget(new ByteBudget(100), 1, 0.8, () => nowMs);
  const from = (address: string) => ({ tenant: 'a', address });
  t.equal(budget.reserve(from('proxy'), 100), undefined, 'nobody is kept out by it');
  t.equal(budget.reserve(from('other'), 1), 'all', 'but the first one who comes');
  budget.release(from('proxy'), 30);
  t.equal(budget.reserve(from('proxy'), 11), 'address', 'from then on there is room for others');
  t.equal(budget.reserve(from('proxy'), 10), undefined);
  t.equal(budget.reserve(from('other'), 20), undefined);
  budget.release(from('other'), 20);
  nowMs = 119_999;
  t.equal(budget.reserve(from('proxy'), 1), 'address');
  nowMs = 120_000;
  t.equal(budget.reserve(from('proxy'), 20), undefined, 'it has been alone for two minutes');
});

t.test('a body counts as what it expands to, while it does', async (t) => {
  const mimir = await upstream();
  const bomb = Buffer.from(SnappyJS.compress(Buffer.alloc(6 << 20)));
  for (const [bytesInFlight, reason] of [
    [4 << 20, 'edge_overloaded'],
    [16 << 20, 'edge_malformed_body'],
  ] as const) {
    const proxy = await edge(mimir.url, { bytesInFlight });
    const response = await send(proxy.url, bomb);
    t.equal(response.headers.get('x-mimir-edge-reason'), reason, `${bomb.length} bytes are 6 MiB`);
    t.equal((await send(proxy.url)).status, 200);
    t.equal(proxy.budget.used, 0);
    await proxy.stop();
  }
  await mimir.close();
});

t.test('a body counts as what its series take, however small they are', async (t) => {
  const mimir = await upstream();
  const empty = Buffer.from(SnappyJS.compress(Buffer.alloc(600_000, Buffer.from([0x0a, 0]))));
  for (const [bytesInFlight, isOver] of [
    [16 << 20, true],
    [32 << 20, false],
  ] as const) {
    const proxy = await edge(mimir.url, { bytesInFlight, push: { maxSeries: 1_000_000 } });
    const response = await send(proxy.url, empty);
    const reason = response.headers.get('x-mimir-edge-reason');
    t.equal(reason === 'edge_overloaded', isOver, `${empty.length} bytes are 300,000 series: ${reason}`);
    t.equal(proxy.budget.used, 0);
    await proxy.stop();
  }
  await mimir.close();
});

t.test('a push of empty series costs its series', async (t) => {
  const mimir = await upstream();
  const series = { labels: [{ name: '__name__', value: 'a' }] };
  const empty = WriteRequestV1.encode({ timeseries: Array.from({ length: 1000 }, () => series) }).finish();
  const proxy = await edge(mimir.url, {
    enforcer: { snapshot: snapshot({ a: limits({ ingestion_rate: 1, ingestion_burst_size: 1000 }) }) },
  });
  t.equal((await send(proxy.url, compress(empty))).status, 200);
  t.equal((await send(proxy.url, compress(empty))).status, 429);
  await proxy.stop();
  await mimir.close();
});
