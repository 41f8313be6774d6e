/** When Mimir is slow, or somebody makes it so: who waits, for how long, and who does not. */
import { connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import {
  edge,
  eventually,
  type GivenEdge,
  listen,
  rawExchange,
  send,
  sendFrom,
  upstream,
} from './fixtures.js';

const get = (path: string, tenant: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\nConnection: close\r\n\r\n`;

/** A client that has asked and waits. */
function asking(t: Test, proxy: GivenEdge, request: string): Socket {
  const socket = connect(proxy.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(request);
  return socket;
}

t.test('the time that a push waits for a connection is part of the time for its answer', async (t) => {
  const mimir = await upstream(() => {});
  const proxy = await edge(mimir.url, {
    push: { upstreamHeadersTimeoutMs: 400 },
    upstream: { connections: 1 },
  });
  const statuses = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const response = await send(proxy.url);
      t.match(response.headers.get('retry-after'), /^\d+$/);
      return [response.status, await response.text()] as const;
    }),
  );
  statuses.sort();
  t.strictSame(
    statuses.map(([status]) => status),
    [503, 503, 503, 503, 504],
  );
  t.match(statuses[0]?.[1], /all connections to Mimir were taken for too long.*\(err-edge-upstream-busy\)/);
  t.equal(mimir.arrived.length, 1, 'the others were never sent');
  t.strictSame(proxy.failures.sort(), ['busy', 'busy', 'busy', 'busy', 'timeout']);
  await proxy.stop();
  await mimir.close();
});

t.test('a request that waits too long for a connection leaves the queue, whatever it is', async (t) => {
  const mimir = await upstream(() => {});
  const proxy = await edge(mimir.url, { upstream: { connections: 1, queueTimeoutMs: 200 } });
  asking(t, proxy, get('/slow', 'a'));
  t.ok(await eventually(() => mimir.arrived.length === 1));
  const answer = await rawExchange(proxy.port, get('/waits', 'a'));
  t.match(answer, /^HTTP\/1\.1 503 .*X-Mimir-Edge-Reason: upstream_busy\r\n/s);
  t.equal(mimir.arrived.length, 1);
  await proxy.stop();
  await mimir.close();
});

t.test('nobody connects for a client that left while it waited', async (t) => {
  let connections = 0;
  let answer = (): void => {};
  const mimir = await upstream((_req, res) => {
    answer = () => void res.end();
  });
  mimir.server.on('connection', () => connections++);
  const proxy = await edge(mimir.url, { upstream: { connections: 1 } });
  const first = rawExchange(proxy.port, get('/first', 'a'));
  t.ok(await eventually(() => mimir.arrived.length === 1));
  const leaving = Array.from({ length: 10 }, (_, n) => asking(t, proxy, get(`/${n}`, 'a')));
  t.ok(await eventually(() => proxy.proxy.activeRequests === 11));
  for (const socket of leaving) socket.destroy();
  t.ok(await eventually(() => proxy.proxy.activeRequests === 1));
  const last = rawExchange(proxy.port, get('/last', 'a'));
  t.ok(await eventually(() => proxy.proxy.activeRequests === 2));
  answer();
  t.match(await first, /^HTTP\/1\.1 200 /);
  t.ok(await eventually(() => mimir.arrived.length === 2));
  answer();
  t.match(await last, /^HTTP\/1\.1 200 /);
  t.strictSame(
    mimir.arrived.map(({ url }) => url),
    ['/first', '/last'],
  );
  t.equal(connections, 1);
  await proxy.stop();
  await mimir.close();
});

t.test('a tenant whose requests hang keeps no other from Mimir, nor its own pushes', async (t) => {
  const mimir = await upstream((req, res) => {
    if (req.url !== '/hangs') res.end();
  });
  const proxy = await edge(mimir.url, { upstream: { connections: 4, tenantShare: 0.5 } });
  for (let n = 0; n < 20; n++) asking(t, proxy, get('/hangs', 'a'));
  t.ok(await eventually(() => mimir.arrived.length === 2 && proxy.proxy.activeRequests === 20));
  for (let n = 0; n < 5; n++) t.match(await rawExchange(proxy.port, get('/quick', 'b')), /^HTTP\/1\.1 200 /);
  t.equal((await send(proxy.url)).status, 200);
  t.equal(mimir.arrived.filter(({ url }) => url === '/hangs').length, 2, 'half of the connections');
  await proxy.stop();
  await mimir.close();
});

t.test('an address whose requests hang keeps no other from Mimir, whatever tenants it names', async (t) => {
  const mimir = await upstream((req, res) => {
    if (req.url !== '/hangs') res.end();
  });
  const proxy = await edge(mimir.url, { upstream: { connections: 4, addressShare: 0.5 } });
  await sendFrom('127.0.0.2', proxy.port, get('/quick', 'b'));
  for (let n = 0; n < 20; n++) asking(t, proxy, get('/hangs', `made-up-${n}`));
  const hanging = () => mimir.arrived.filter(({ url }) => url === '/hangs').length;
  t.ok(await eventually(() => hanging() === 2 && proxy.proxy.activeRequests === 20));
  for (let n = 0; n < 5; n++) {
    t.match(await sendFrom('127.0.0.2', proxy.port, get('/quick', 'b')), /^HTTP\/1\.1 200 /);
  }
  t.equal(hanging(), 2, 'half of the connections');
  await proxy.stop();
  await mimir.close();
});

t.test('bodies that never end hold no more than the share of their tenant', async (t) => {
  const begun: string[] = [];
  const sockets: Socket[] = [];
  const mimir = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.on('data', (data) => {
      const [, method, path] = /^(\w+) (\S+) /.exec(data.toString('latin1')) ?? [];
      if (path === undefined) return;
      begun.push(`${method} ${path}`);
      if (method === 'GET') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const proxy = await edge(await listen(mimir), { upstream: { connections: 4, tenantShare: 0.5 } });
  const endless = (n: number) =>
    n % 2 === 0
      ? `POST /${n} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\nContent-Length: 1000\r\n\r\nabc`
      : `POST /${n} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`;
  for (let n = 0; n < 12; n++) asking(t, proxy, endless(n));
  t.ok(await eventually(() => begun.length === 2 && proxy.proxy.activeRequests === 12));
  t.match(await rawExchange(proxy.port, get('/quick', 'b')), /^HTTP\/1\.1 200 /);
  t.equal(begun.length, 3);
  await proxy.stop();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => mimir.close(resolve));
});

t.test('bodies that stop, or come by the byte, are cut off, and what they held is free', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, {
    push: { bodyTimeoutMs: 100 },
    upstream: { connections: 2, tenantShare: 1 },
  });
  const head = 'POST /x HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\n';
  const clients = [
    asking(t, proxy, `${head}Content-Length: 100000\r\n\r\nabc`),
    asking(t, proxy, `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`),
  ];
  let gone = 0;
  for (const client of clients) client.resume().on('close', () => gone++);
  const byTheByte = setInterval(() => clients[1]?.write('1\r\nx\r\n'), 10);
  t.ok(await eventually(() => gone === 2));
  clearInterval(byTheByte);
  t.match(await rawExchange(proxy.port, get('/quick', 'a')), /^HTTP\/1\.1 200 /);
  t.strictSame(
    mimir.arrived.map(({ url }) => url),
    ['/quick'],
  );
  await proxy.stop();
  await mimir.close();
});
