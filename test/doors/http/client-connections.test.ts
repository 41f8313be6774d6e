/** A connection is read as node:http reads it, or refused: never otherwise. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import { originForm } from '#src/base/http1/target.js';
import { canShareReads, SHARED_BYTES } from '#src/base/shared-reads.js';
import { ByteBudget } from '#src/doors/body.js';
import type { Caller } from '#src/doors/http/caller.js';
import { ClientConnections, MAX_AHEAD_BYTES } from '#src/doors/http/client-connections.js';
import { SharedBudget } from '#src/doors/shared-budget.js';
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
  close(): Promise<void>;
}

type Reads = Pick<Caller, 'method' | 'url' | 'rawHeaders' | 'contentLength' | 'readBody'> & {
  header(name: string): string | undefined;
  answer(): void;
};

/** Records what is read. */
function record(read: Read[], request: Reads): void {
  const { method, url, rawHeaders, contentLength } = request;
  const others = rawHeaders.filter((_, i) => !/^content-length$/i.test(rawHeaders[i - (i % 2)] ?? ''));
  const names = others.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const headers = names.map((name) => [name, request.header(name)]);
  const chunks: Buffer[] = [];
  request.readBody({
    data: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
    end() {
      const body = Buffer.concat(chunks).toString('latin1');
      read.push({ method, url, rawHeaders: others, headers, contentLength, body });
      request.answer();
    },
    aborted() {},
  });
}

/** node:http records what it reads and answers 200. */
async function httpReader(): Promise<Reader> {
  const read: Read[] = [];
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const length = req.headers['content-length'];
    record(read, {
      method: req.method ?? '',
      url: originForm(req.url ?? '') ?? '',
      rawHeaders: req.rawHeaders,
      contentLength: length === undefined ? undefined : Number(length),
      header: (name) => req.headersDistinct[name]?.join(', '),
      readBody: (sink) => req.on('data', (chunk) => sink.data(chunk)).on('end', () => sink.end()),
      answer: () => res.writeHead(200, { 'Content-Length': '2' }).end('ok'),
    });
  };
  const server = createServer(serve);
  server.on('checkContinue', (req, res) => {
    res.writeContinue();
    serve(req, res);
  });
  return { port: Number(new URL(await listen(server)).port), read, close: () => closeServer(server) };
}

/** The edge's own connections record what they read and answer 200. */
async function edgeReader(): Promise<Reader> {
  const read: Read[] = [];
  const connections = new ClientConnections({
    ...OPTIONS,
    serve(caller) {
      caller.continue();
      record(read, {
        method: caller.method,
        url: caller.url,
        rawHeaders: caller.rawHeaders,
        contentLength: caller.contentLength,
        header: (name) => caller.header(name),
        readBody: (sink) => caller.readBody(sink),
        answer() {
          caller.writeHead(200, 'OK', new MessageHeaders(['Content-Length', '2']));
          caller.end(Buffer.from('ok'));
        },
      });
    },
  });
  const server = createNetServer({ allowHalfOpen: true }, (socket) => connections.take(socket));
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    connections.closeAll();
    await closed;
  };
  return { port: Number(new URL(await listen(server)).port), read, close };
}

const OPTIONS = {
  maxConnections: 1000,
  headerTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  budget: new SharedBudget(new ByteBudget(1 << 30), 1, 1, () => 0),
  now: () => performance.now(),
};

/** Writes pieces, a moment apart, and resolves with all that came back once the server has nothing more to say. */
function talk(port: number, pieces: readonly string[], quietMs = 40): Promise<string> {
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
      quiet = setTimeout(done, quietMs);
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

/**
 * Whether these pieces are read in the same way by both, and how many requests the edge takes. What it refuses is a connection's
 * last: of all that node:http reads, the first are read then, and the same.
 */
async function compared(
  plain: Reader,
  ours: Reader,
  pieces: readonly string[],
  isAlone: boolean,
): Promise<{ same: boolean; read: number }> {
  let read = 0;
  // A busy machine may have something to say later.
  for (const quietMs of [40, 1000]) {
    plain.read.length = 0;
    ours.read.length = 0;
    const [expected, actual] = await Promise.all([
      talk(plain.port, pieces, quietMs),
      talk(ours.port, pieces, quietMs),
    ]);
    read = ours.read.length;
    const isRefused = /HTTP\/1\.1 (4\d\d|501) /.test(actual);
    // With several, node:http may say what is wrong with a later one before it has answered an earlier.
    const sameAnswer = !isAlone || isRefused || isDeepStrictEqual(finalOf(actual), finalOf(expected));
    const sameNumber = isRefused || read === plain.read.length;
    if (sameAnswer && sameNumber && isDeepStrictEqual(ours.read, plain.read.slice(0, read))) {
      return { same: true, read };
    }
  }
  return { same: false, read };
}

/** node:http tells clients without a body to send it, too. */
const finalOf = (answers: string): string[] => statusesOf(answers).filter((status) => status !== '100');

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

t.test('any bytes are read as node:http reads them, or refused, however they are cut', async (t) => {
  const plain = await httpReader();
  const ours = await edgeReader();
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 3 }),
      fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: 3 })),
      fc.boolean(),
      async (requests, cuts, closes) => {
        // Bytes after the last request that a client announced are an error for node:http; the edge never reads them.
        if (closes) requests.push('GET /last HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n');
        const bytes = requests.join('');
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((end, i) => bytes.slice(edges[i], end));
        const { same, read } = await compared(plain, ours, pieces, requests.length === 1);
        taken += read;
        if (!same) t.fail(JSON.stringify(pieces));
      },
    ),
    { numRuns: 250 },
  );
  t.ok(taken > 50, `${taken} were taken`);
  await plain.close();
  await ours.close();
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

t.test('heads that repeat, or nearly, are read as node:http reads them, or refused', async (t) => {
  const plain = await httpReader();
  const ours = await edgeReader();
  let taken = 0;
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
        const others = headers.map(([key, colon, text]) => `${key}${colon}${text}\r\n`).join('');
        const pieces = requests.map(([length, changed]) => {
          const line = `${name}${length}\r\n`;
          const head = `${PUSH}${isLast ? others + line : line + others}\r\n`;
          const { at = 0, bytes = '', removed = 0 } = changed ?? {};
          return `${head.slice(0, at)}${bytes}${head.slice(at + removed)}${'x'.repeat(length)}`;
        });
        const { same, read } = await compared(plain, ours, pieces, false);
        taken += read;
        if (!same) t.fail(JSON.stringify(pieces));
      },
    ),
    { numRuns: 250 },
  );
  t.ok(taken > 400, `${taken} were taken`);
  await plain.close();
  await ours.close();
});

t.test('this version of Node reads connections into shared memory', async (t) => {
  t.ok(canShareReads);
});

t.test('requests that a client sends without waiting are answered one by one, in order', async (t) => {
  const ours = await edgeReader();
  const bytes = Array.from(
    { length: 50 },
    (_, i) => `${PUSH}${i === 49 ? 'Connection: close\r\n' : ''}Content-Length: ${i}\r\n\r\n${'x'.repeat(i)}`,
  ).join('');
  // Until the connection is closed.
  const answers = await talk(ours.port, [bytes], 60_000);
  t.equal(statusesOf(answers).length, 50);
  t.strictSame(
    ours.read.map(({ body }) => body.length),
    Array.from({ length: 50 }, (_, i) => i),
  );
  await ours.close();
});

t.test('a client that sends far more than it is answered is not read ahead of', async (t) => {
  let served = 0;
  let ahead = 0;
  const request = `${PUSH}Content-Length: 1\r\n\r\nx`;
  const sockets: Socket[] = [];
  const connections = new ClientConnections({
    ...OPTIONS,
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
  const server = createNetServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    connections.take(socket);
    t.equal(socket.listenerCount('data'), 0, 'the shared way is taken');
  });
  const client = connect({ port: Number(new URL(await listen(server)).port), host: '127.0.0.1' });
  client.on('error', () => {});
  client.resume().write(request.repeat(Math.ceil((4 << 20) / request.length)));
  await eventually(() => served >= 60);
  client.destroy();
  connections.closeAll();
  t.ok(served >= 60);
  t.ok(ahead <= SHARED_BYTES + MAX_AHEAD_BYTES, `${ahead} bytes were read ahead`);
  await new Promise((resolve) => server.close(resolve));
});

t.test('a connection serves requests of every framing, in order', async (t) => {
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
    mimir.arrived.map(({ method, url, body }) => `${method} ${url} ${body}`),
    ['POST /query abc', 'POST /query abc', 'HEAD /ready ', 'POST /query abc', 'GET /last '],
  );
  await proxy.stop();
  await mimir.close();
});

t.test('an answer without a length comes in chunks, or with its length when it is empty', async (t) => {
  let more = () => {};
  const mimir = await upstream((req, res) => {
    if (req.url === '/empty') res.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end();
    else if (req.url === '/none') res.writeHead(204).end();
    else {
      res.write('one');
      more = () => res.end('two');
    }
  });
  const proxy = await edge(mimir.url);
  const get = (path: string, heard?: (received: string) => void) =>
    rawExchange(
      proxy.port,
      `GET ${path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n`,
      undefined,
      heard,
    );
  const parts = await get('/parts', (received) => {
    if (received.endsWith('one\r\n')) more();
  });
  t.match(parts, /Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/s);
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
  let late = () => {};
  const mimir = await upstream((req, res) => {
    if (req.url === '/slow') late = () => res.end('late');
    else res.end('soon');
  });
  const proxy = await edge(mimir.url, { server: { idleTimeoutMs: 100 } });
  const slow = rawExchange(proxy.port, 'GET /slow HTTP/1.1\r\nHost: edge\r\n\r\n');
  t.ok(await eventually(() => mimir.arrived.length === 1));
  // Begins to be idle when the other one has been waiting for a while, and ends.
  t.match(await rawExchange(proxy.port, 'GET /quick HTTP/1.1\r\nHost: edge\r\n\r\n'), /soon$/);
  late();
  const answer = await slow;
  t.match(answer, /^HTTP\/1.1 200 .*late$/s, 'answered, and closed by the edge afterwards');
  await proxy.stop();
  await mimir.close();
});

t.test('a client that leaves in the middle of a body, or of its answer, leaves nothing behind', async (t) => {
  const mimir = await upstream((_req, res) => res.write('x'));
  const proxy = await edge(mimir.url);
  const half = connect(proxy.port, '127.0.0.1');
  half.write(`${PUSH}Content-Length: 1000\r\n\r\nabc`);
  t.ok(await eventually(() => proxy.budget.used >= 1000));
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
  const held: (() => void)[] = [];
  const mimir = await upstream((_req, res) => held.push(() => res.end()));
  const proxy = await edge(mimir.url);
  const idle = connect(proxy.port, '127.0.0.1');
  const idleClosed = new Promise((resolve) => idle.on('close', resolve));
  idle.on('data', () => {}).write('GET /a HTTP/1.1\r\nHost: edge\r\n\r\n');
  const busy = rawExchange(proxy.port, 'GET /b HTTP/1.1\r\nHost: edge\r\n\r\n');
  t.ok(await eventually(() => mimir.arrived.length === 2));
  proxy.proxy.drain();
  for (const answer of held) answer();
  t.match(await busy, /^HTTP\/1.1 200 .*Connection: close/s);
  await Promise.all([proxy.proxy.stop(5000), idleClosed]);
  t.equal(proxy.proxy.activeRequests, 0);
  await proxy.stop();
  await mimir.close();
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

t.test(
  'who asks whether to send a body is told so once it is wanted, and never when it is refused',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url);
    const asks = (length: number) => `${PUSH}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    const socket = connect(proxy.port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => {
      received += data.toString('latin1');
    });
    socket.write(asks(3));
    t.ok(await eventually(() => received === 'HTTP/1.1 100 Continue\r\n\r\n'));
    socket.write(`abc${asks(2_000_000)}`);
    t.ok(await eventually(() => statusesOf(received).length === 3));
    t.strictSame(statusesOf(received), ['100', '400', '400'], 'broken bytes, and a body that is too large');
    t.match(
      received,
      /edge_body_too_large.*\r\nConnection: close\r\n/s,
      'or its next request could be taken for the body',
    );
    socket.destroy();
    await proxy.stop();
    await mimir.close();
  },
);
