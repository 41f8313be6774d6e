/** The lane must read a connection exactly as node:http does: what it is unsure of, node:http reads. */
import { createServer, type Server } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import type { Caller } from '#src/doors/http/caller.js';
import { HttpCaller } from '#src/doors/http/http-caller.js';
import { Lane, takeReader } from '#src/doors/http/lane.js';
import { canShareReads, SHARED_BYTES } from '#src/doors/http/shared-reads.js';
import { closeServer, edge, eventually, listen, rawExchange, upstream } from './fixtures.js';

const PUSH = 'POST /api/v1/push HTTP/1.1\r\nHost: edge\r\nX-Scope-OrgID: a\r\n';

interface Read {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: unknown;
  readonly contentLength: number | undefined;
  readonly body: string;
}

interface Reader {
  readonly port: number;
  readonly read: Read[];
  readonly inLane: () => number;
  close(): Promise<void>;
}

/** A server that records what it reads and answers 200, with the lane before node:http or without. */
async function reader(withLane: boolean): Promise<Reader> {
  const read: Read[] = [];
  let inLane = 0;
  const serve = (caller: Caller): void => {
    const { method, url, rawHeaders, contentLength } = caller;
    const names = caller.lowerNames.filter((name) => name !== 'content-length');
    const headers = names.map((name) => [name, caller.header(name)]);
    const chunks: Buffer[] = [];
    caller.continue();
    caller.readBody({
      data: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
      end() {
        read.push({
          method,
          url,
          rawHeaders: rawHeaders.filter((_, i) => !/^content-length$/i.test(rawHeaders[i - (i % 2)] ?? '')),
          headers,
          contentLength,
          body: Buffer.concat(chunks).toString('latin1'),
        });
        caller.writeHead(200, 'OK', new MessageHeaders(['Content-Length', '2']));
        caller.end(Buffer.from('ok'));
      },
      aborted() {},
    });
  };
  const server: Server = createServer((req, res) => serve(new HttpCaller(req, res, false, req.url ?? '')));
  server.on('checkContinue', (req, res) => serve(new HttpCaller(req, res, true, req.url ?? '')));
  if (withLane) {
    const lane = new Lane({
      idleTimeoutMs: 60_000,
      serve(caller) {
        inLane++;
        serve(caller);
      },
      handOver: takeReader(server),
    });
    server.on('connection', (socket) => lane.take(socket));
  }
  const url = await listen(server);
  return {
    port: Number(new URL(url).port),
    read,
    inLane: () => inLane,
    close: () => closeServer(server),
  };
}

/** Writes pieces, a moment apart, and resolves with all that came back once the server has nothing more to say. */
function talk(port: number, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let quiet: NodeJS.Timeout | undefined;
    const done = (): void => {
      clearTimeout(quiet);
      socket.destroy();
      resolve(received);
    };
    const wait = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(done, 40);
    };
    socket.on('error', done).on('close', done);
    socket.on('data', (data) => {
      received += data.toString('latin1');
      wait();
    });
    let next = 0;
    const write = (): void => {
      if (next < pieces.length) socket.write(pieces[next++] as string, 'latin1', () => setImmediate(write));
      else wait();
    };
    socket.on('connect', write);
  });
}

const statusesOf = (answers: string): string[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => String(status));

const word = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,12}$/);
const value = fc.stringMatching(/^[ -~\t]{0,30}$/);
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    ...others.map((other) => ({ weight: 1, arbitrary: fc.constant(other) })),
  );
const header = fc.tuple(word, mostly(': ', ':', ':  \t', ' : '), value);
const request = fc
  .record({
    method: mostly('POST', 'GET', 'PUT', 'HEAD', 'get', 'P OST'),
    url: mostly('/api/v1/push', '/a?b=c&d', '*', 'http://x/y', '/ä', '/a b'),
    version: mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/2'),
    headers: fc.array(header, { maxLength: 5 }),
    body: fc.stringMatching(/^[ -~\r\n]{0,40}$/),
    framing: fc.constantFrom(
      'length',
      'length',
      'length',
      'none',
      'chunked',
      'both',
      'twice',
      'signed',
      'short',
    ),
    special: fc.constantFrom(
      '',
      '',
      '',
      'Connection: close\r\n',
      'Connection: x\r\n',
      'Expect: 100-continue\r\n',
    ),
    eol: mostly('\r\n', '\n'),
  })
  .map(({ method, url, version, headers, body, framing, special, eol }) => {
    const lines = [`${method} ${url} ${version}`, 'Host: edge'];
    for (const [name, colon, text] of headers) lines.push(`${name}${colon}${text}`);
    const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const framed: Record<string, [string, string]> = {
      length: [`Content-Length: ${body.length}\r\n`, body],
      none: ['', ''],
      chunked: ['Transfer-Encoding: chunked\r\n', body.length > 0 ? chunked : '0\r\n\r\n'],
      both: [`Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n`, chunked],
      twice: [`Content-Length: ${body.length}\r\nContent-Length: ${body.length + 1}\r\n`, body],
      signed: [`Content-Length: +${body.length}\r\n`, body],
      short: [`Content-Length: ${body.length + 7}\r\n`, body],
    };
    const [length, payload] = framed[framing] as [string, string];
    return `${lines.join(eol)}${eol}${special}${length}\r\n${payload}`;
  });

t.test('any bytes are read as node:http reads them, however they are cut', async (t) => {
  const plain = await reader(false);
  const laned = await reader(true);
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: 3 })),
      fc.boolean(),
      async (requests, cuts, closes) => {
        plain.read.length = 0;
        laned.read.length = 0;
        // Bytes after the last request that a client announced are an error for node:http; the lane never reads them.
        if (closes) requests.push('GET /last HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n');
        const bytes = requests.join('');
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((end, i) => bytes.slice(edges[i], end));
        const [expected, actual] = await Promise.all([talk(plain.port, pieces), talk(laned.port, pieces)]);
        t.strictSame(laned.read, plain.read, JSON.stringify(pieces));
        // With several, node:http may say what is wrong with a later one before it has answered an earlier.
        if (requests.length > 1) return;
        t.strictSame(statusesOf(actual), statusesOf(expected), JSON.stringify(pieces));
      },
    ),
    { numRuns: 250 },
  );
  t.ok(laned.inLane() > 20, 'many of them in the lane');
  await plain.close();
  await laned.close();
});

const lengthHeader = fc.constantFrom('Content-Length: ', 'content-length:', 'CONTENT-LENGTH:  ');
/** What happens to a head that a sender repeats: nothing, mostly; else a byte of it is another, comes twice or is missing. */
const change = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.nat(120),
      bytes: fc.stringMatching(/^[ -~\r\n]{0,2}$/),
      removed: fc.nat(1),
    }),
  },
);

t.test('heads that repeat, or nearly, are read as node:http reads them', async (t) => {
  const plain = await reader(false);
  const laned = await reader(true);
  await fc.assert(
    fc.asyncProperty(
      lengthHeader,
      fc.array(header, { maxLength: 2 }),
      fc.boolean(),
      fc.array(fc.tuple(fc.constantFrom(0, 1, 3, 9, 10, 99, 100, 1234), change), {
        minLength: 2,
        maxLength: 6,
      }),
      async (name, headers, isLast, requests) => {
        plain.read.length = 0;
        laned.read.length = 0;
        const others = headers.map(([key, colon, text]) => `${key}${colon}${text}\r\n`).join('');
        const pieces = requests.map(([length, changed]) => {
          const line = `${name}${length}\r\n`;
          const head = `${PUSH}${isLast ? others + line : line + others}\r\n`;
          const { at = 0, bytes = '', removed = 0 } = changed ?? {};
          return `${head.slice(0, at)}${bytes}${head.slice(at + removed)}${'x'.repeat(length)}`;
        });
        await Promise.all([talk(plain.port, pieces), talk(laned.port, pieces)]);
        t.strictSame(laned.read, plain.read, JSON.stringify(pieces));
      },
    ),
    { numRuns: 250 },
  );
  t.ok(laned.inLane() > 400, 'most of them in the lane');
  await plain.close();
  await laned.close();
});

t.test('this version of Node reads connections into shared memory', async (t) => {
  t.ok(canShareReads);
});

t.test('requests that a client sends without waiting are answered one by one, in order', async (t) => {
  const laned = await reader(true);
  const bytes = Array.from(
    { length: 50 },
    (_, i) => `${PUSH}Content-Length: ${i}\r\n\r\n${'x'.repeat(i)}`,
  ).join('');
  const answers = await talk(laned.port, [bytes]);
  t.equal(statusesOf(answers).length, 50);
  t.strictSame(
    laned.read.map(({ body }) => body.length),
    Array.from({ length: 50 }, (_, i) => i),
  );
  t.equal(laned.inLane(), 50);
  await laned.close();
});

t.test('a client that sends far more than it is answered is not read ahead of', async (t) => {
  const server = createServer();
  let served = 0;
  let ahead = 0;
  const request = `${PUSH}Content-Length: 1\r\n\r\nx`;
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    lane.take(socket);
    t.equal(socket.listenerCount('data'), 0, 'the shared way is taken');
  });
  const sockets: Socket[] = [];
  const lane = new Lane({
    idleTimeoutMs: 60_000,
    handOver: (socket) => socket.destroy(),
    serve(caller) {
      caller.readBody({
        data: () => true,
        end() {
          served++;
          ahead = Math.max(ahead, ...sockets.map(({ bytesRead }) => bytesRead - served * request.length));
          setTimeout(() => {
            caller.writeHead(200, 'OK', new MessageHeaders(['Content-Length', '0']));
            caller.end();
          }, 1);
        },
        aborted() {},
      });
    },
  });
  server.on('connection', (socket: Socket) => sockets.push(socket));
  const client = connect({ port: Number(new URL(await listen(server)).port), host: '127.0.0.1' });
  client.on('error', () => {});
  client.resume().write(request.repeat(Math.ceil((4 << 20) / request.length)));
  await eventually(() => served >= 60);
  client.destroy();
  lane.closeAll();
  t.ok(served >= 60);
  t.ok(ahead <= SHARED_BYTES, `${ahead} bytes were read ahead`);
  await closeServer(server);
});

t.test('a connection with plain and other requests serves them all', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const chunked = `POST /query HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
  const plain = 'POST /query HTTP/1.1\r\nHost: edge\r\nContent-Length: 3\r\n\r\nabc';
  const head = 'HEAD /ready HTTP/1.1\r\nHost: edge\r\n\r\n';
  const answers = await rawExchange(
    proxy.port,
    `${plain}${chunked}${head}${plain}GET /last HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n`,
  );
  t.strictSame(statusesOf(answers), ['200', '200', '200', '200', '200']);
  t.strictSame(
    // node:http hands over what was sent without waiting all at once.
    mimir.arrived.map(({ method, url, body }) => `${method} ${url} ${body}`).sort(),
    ['GET /last ', 'HEAD /ready ', 'POST /query abc', 'POST /query abc', 'POST /query abc'],
  );
  await proxy.stop();
  await mimir.close();
});

t.test('an answer without a length comes in chunks, or with its length when it is empty', async (t) => {
  const mimir = await upstream((req, res) => {
    if (req.url === '/empty') res.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end();
    else if (req.url === '/none') res.writeHead(204).end();
    else {
      res.write('one');
      setTimeout(() => res.end('two'), 10);
    }
  });
  const proxy = await edge(mimir.url);
  const get = (path: string) =>
    rawExchange(proxy.port, `GET ${path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n`);
  t.match(await get('/parts'), /Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/s);
  t.match(await get('/empty'), /Content-Length: 0\r\n\r\n$/);
  const none = await get('/none');
  t.match(none, /^HTTP\/1.1 204 .*\r\n\r\n$/s);
  t.notMatch(none, /content-length|transfer-encoding/i);
  await proxy.stop();
  await mimir.close();
});

t.test('a client that reads slowly slows the upstream down, and loses nothing', async (t) => {
  const size = 32 << 20;
  const mimir = await upstream((_req, res) => res.end(Buffer.alloc(size, 7)));
  const proxy = await edge(mimir.url);
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write('GET /big HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n');
  let received = 0;
  let sevens = 0;
  socket.on('data', (data) => {
    received += data.length;
    for (const byte of data) if (byte === 7) sevens++;
    socket.pause();
    setTimeout(() => socket.resume(), 1);
  });
  await new Promise((resolve) => socket.on('end', resolve));
  t.equal(sevens, size);
  t.ok(received > size);
  await proxy.stop();
  await mimir.close();
});

t.test('an idle connection is closed after its time, one with a request under way is not', async (t) => {
  const mimir = await upstream((_req, res) => setTimeout(() => res.end('late'), 400));
  const proxy = await edge(mimir.url, { server: { idleTimeoutMs: 100 } });
  const answer = await rawExchange(proxy.port, 'GET /slow HTTP/1.1\r\nHost: edge\r\n\r\n');
  t.match(answer, /^HTTP\/1.1 200 .*late$/s, 'answered, and closed by the edge afterwards');
  await proxy.stop();
  await mimir.close();
});

t.test('a client that leaves in the middle of a body, or of its answer, leaves nothing behind', async (t) => {
  const mimir = await upstream((_req, res) => res.write('x'));
  const proxy = await edge(mimir.url);
  const half = connect(proxy.port, '127.0.0.1');
  half.write(`${PUSH}Content-Length: 1000\r\n\r\nabc`);
  t.ok(await eventually(() => proxy.budget.used === 1000));
  half.destroy();
  t.ok(await eventually(() => proxy.budget.used === 0 && proxy.proxy.activeRequests === 0));
  const waiting = connect(proxy.port, '127.0.0.1');
  waiting.write('GET /endless HTTP/1.1\r\nHost: edge\r\n\r\n');
  t.ok(await eventually(() => mimir.arrived.length === 1));
  waiting.destroy();
  t.ok(await eventually(() => proxy.proxy.activeRequests === 0));
  await proxy.stop();
  await mimir.close();
});

t.test('a stop tells connections to close with their next answer, and ends idle ones', async (t) => {
  const mimir = await upstream((_req, res) => setTimeout(() => res.end(), 200));
  const proxy = await edge(mimir.url);
  const idle = connect(proxy.port, '127.0.0.1');
  const idleClosed = new Promise((resolve) => idle.on('close', resolve));
  idle.on('data', () => {}).write('GET /a HTTP/1.1\r\nHost: edge\r\n\r\n');
  const busy = rawExchange(proxy.port, 'GET /b HTTP/1.1\r\nHost: edge\r\n\r\n');
  t.ok(await eventually(() => mimir.arrived.length === 2));
  proxy.proxy.drain();
  t.match(await busy, /^HTTP\/1.1 200 .*Connection: close/s);
  await Promise.all([proxy.proxy.stop(5000), idleClosed]);
  t.equal(proxy.proxy.activeRequests, 0);
  await proxy.stop();
  await mimir.close();
});

// The server's own accept loop is not the lane's: nothing else may read a socket that the lane has.
t.test('a socket that the lane has handed over is no longer its own', async (t) => {
  const handed: string[] = [];
  const lane = new Lane({
    idleTimeoutMs: 50,
    serve: () => t.fail('not plain'),
    handOver(socket) {
      t.equal(socket.listenerCount('data'), 0);
      t.equal(socket.listenerCount('timeout'), 0);
      t.equal(socket.timeout, 0);
      socket.on('data', (data) => handed.push(String(data)));
      socket.on('error', () => {});
    },
  });
  const server = createNetServer((socket) => lane.take(socket));
  const port = Number(new URL(await listen(server)).port);
  const client = connect(port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\n');
  t.ok(await eventually(() => handed.length > 0));
  lane.closeAll();
  client.write('Host: x');
  t.ok(await eventually(() => handed.join('') === 'POST / HTTP/1.1\r\nHost: x'), 'every byte, and no cut');
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

t.test('connections past the cap are closed, and those within it served', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { server: { maxConnections: 2 } });
  const open = [connect(proxy.port, '127.0.0.1'), connect(proxy.port, '127.0.0.1')];
  const get = 'GET / HTTP/1.1\r\nHost: edge\r\n\r\n';
  for (const socket of open) socket.on('data', () => {}).write(get);
  t.ok(await eventually(() => mimir.arrived.length === 2));
  const refused = connect(proxy.port, '127.0.0.1');
  let closed = false;
  refused
    .on('error', () => {})
    .on('close', () => {
      closed = true;
    });
  refused.write(get);
  t.ok(await eventually(() => closed));
  open[0]?.write(get);
  t.ok(await eventually(() => mimir.arrived.length === 3));
  for (const socket of open) socket.destroy();
  await proxy.stop();
  await mimir.close();
});
