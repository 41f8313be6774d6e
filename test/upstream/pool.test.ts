/** Upstreams that answer in every way that HTTP/1.1 allows, and in some that it does not. */
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import type { UpstreamFailure } from '#src/upstream/call.js';
import { Pool } from '#src/upstream/pool.js';
import { eventually, listen } from '../doors/http/fixtures.js';

const ATTEMPT = { isProbe: false, trial: 0, refused: () => false };

interface Outcome {
  status?: number;
  headers?: readonly string[];
  body: string;
  end?: 'whole' | UpstreamFailure;
  /** As they were given. */
  readonly chunks: Buffer[];
}

interface GivenPool {
  readonly sockets: Socket[];
  readonly seen: string[];
  readonly pool: Pool;
  send(
    body?: string,
    timeoutMs?: number,
    headRoom?: number,
    chunks?: 1 | 2,
  ): Outcome & { abort(): void; done: Promise<Outcome> };
  close(): void;
}

/** An upstream that answers each request (a whole body of three bytes) with what `answer` writes. */
async function given(
  t: Test,
  answer: (socket: Socket, request: number) => void,
  connections = 4,
): Promise<GivenPool> {
  const sockets: Socket[] = [];
  const seen: string[] = [];
  let requests = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0 || received.length < end + 7) return;
      seen.push(received.slice(0, end + 7));
      received = received.slice(end + 7);
      answer(socket, ++requests);
    });
  });
  const { hostname, port, host } = new URL(await listen(server));
  const now = () => performance.now();
  const pool = new Pool({
    host: hostname,
    port: Number(port),
    authority: host,
    tls: undefined,
    connections,
    shares: undefined,
    connectTimeoutMs: 2000,
    queueTimeoutMs: 20_000,
    serverName: hostname,
    outcomes: { answered: () => {}, failed: () => {}, aborted: () => {}, tick: () => {} },
    maxConnectionAgeMs: 0,
    aged: () => {},
    now,
  });
  const close = (): void => {
    pool.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  t.teardown(close);
  return {
    sockets,
    seen,
    pool,
    close,
    /** The body goes out in so many chunks, with so much room before the first. */
    send(body = 'abc', timeoutMs = 5000, headRoom = 0, chunks: 1 | 2 = 2) {
      const whole = Buffer.from('.'.repeat(headRoom) + body).subarray(headRoom);
      const outcome: Outcome = { body: '', chunks: [] };
      let abort = () => {};
      const done = new Promise<Outcome>((resolve) => {
        const end = (how: NonNullable<Outcome['end']>) => {
          if (outcome.end !== undefined) t.fail('ends once');
          outcome.end = how;
          resolve(outcome);
        };
        pool.send(
          {
            tenant: 'a',
            place: 'a',
            address: '10.0.0.1',
            method: 'POST',
            path: '/push',
            headers: new MessageHeaders(['X-A', 'b']),
            requestId: 'r1',
            body: chunks === 1 ? [whole] : [whole.subarray(0, 1), Buffer.from(body.slice(1))],
            headRoom,
            headersTimeoutMs: timeoutMs,
            bodyTimeoutMs: timeoutMs,
          },
          '/push',
          {
            started: (stop) => {
              abort = stop;
            },
            response: ({ status, headers }) => Object.assign(outcome, { status, headers: headers.list }),
            data: (chunk) => {
              outcome.body += chunk.toString('latin1');
              outcome.chunks.push(chunk);
            },
            end: () => end('whole'),
            failed: (failure) => end(failure),
          },
          { ...ATTEMPT, unreachable: () => end('unreachable') },
          now(),
          now(),
        );
      });
      return Object.assign(outcome, { done, abort: () => abort() });
    },
  };
}

t.test('a request is written whole, with its own length and the upstream as host', async (t) => {
  const { send, seen, pool } = await given(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  );
  const written = `POST /push HTTP/1.1\r\nHost: ${pool.options.authority}\r\nX-A: b\r\nX-Request-Id: r1\r\nContent-Length: 3\r\n\r\nabc`;
  const headLength = written.length - 'abc'.length;
  for (const headRoom of [0, headLength - 1, headLength, headLength + 100]) {
    for (const chunks of [1, 2] as const) {
      t.match(await send('abc', 5000, headRoom, chunks).done, { status: 200, body: '', end: 'whole' });
      t.equal(seen.pop(), written, `${chunks} chunks with ${headRoom} bytes of room`);
    }
  }
});

t.test('what came of an answer stays as it was while others are read', async (t) => {
  for (const framing of ['Content-Length: 4\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n4\r\n']) {
    const rest = framing.startsWith('T') ? '\r\n0\r\n\r\n' : '';
    const { send, close } = await given(t, (socket, request) =>
      socket.write(`HTTP/1.1 200 OK\r\n${framing}${String(request).repeat(4)}${rest}`),
    );
    const outcomes = [await send().done, await send().done, await send().done];
    const kept = outcomes.map(({ chunks }) => Buffer.concat(chunks).toString());
    t.strictSame(kept, ['1111', '2222', '3333'], framing);
    close();
  }
});

t.test('answers framed in every way arrive whole, and the connection is kept where it can be', async (t) => {
  const answers: [bytes: string, body: string, kept: boolean][] = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n', 'hello', true],
    ['HTTP/1.1 204 No Content\r\n\r\n', '', true],
    [
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
      'x',
      true,
    ],
    ['HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx', 'x', true],
    [
      'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx',
      'x',
      true,
    ],
    ['HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', 'x', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx', 'x', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nKeep-Alive: timeout=1\r\n\r\nx', 'x', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n', 'x', false],
  ];
  for (const [bytes, body, kept] of answers) {
    for (const pieces of [[bytes], [...bytes]]) {
      const { send, sockets, close } = await given(t, async (socket) => {
        for (const piece of pieces) {
          socket.write(piece);
          if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const name = JSON.stringify(bytes);
      t.match(await send().done, { body, end: 'whole' }, name);
      if (!kept) t.ok(await eventually(() => sockets[0]?.closed === true), `${name}: is closed`);
      t.match(await send().done, { body, end: 'whole' }, `${name}, again`);
      t.equal(sockets.length, kept ? 1 : 2, `${name}: connections`);
      close();
    }
  }
});

t.test('heads that repeat, or nearly, each say what they say', async (t) => {
  const heads: [head: string, status: number, body: string][] = [
    ['HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 1\r\n\r\n', 200, 'x'],
    ['HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n', 200, 'xy'],
    ['HTTP/1.1 500 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n', 500, 'xy'],
    ['HTTP/1.1 500 OK\r\nX-A: 2\r\nContent-Length: 2\r\n\r\n', 500, 'xy'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 200, '1\r\nx\r\n0\r\n\r\n'],
    ['HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ];
  let next: (typeof heads)[number] | undefined;
  let cut = 0;
  const { send, sockets } = await given(t, (socket) => {
    const bytes = next?.[0] + (next?.[2] ?? '');
    socket.write(bytes.slice(0, cut));
    setImmediate(() => socket.write(bytes.slice(cut)));
  });
  for (const head of heads) {
    for (const from of [head, ...heads]) {
      for (cut of [0, 12, head[0].length]) {
        next = from;
        await send().done;
        next = head;
        const [bytes, status, body] = head;
        const headers = bytes.includes('X-A') ? ['X-A', /X-A: (.)/.exec(bytes)?.[1]] : [];
        const outcome = await send().done;
        t.match(outcome, { status, body: body.includes('0\r\n') ? 'x' : body, end: 'whole' }, bytes);
        t.strictSame(outcome.headers?.slice(0, headers.length), headers);
      }
    }
  }
  t.equal(sockets.length, 1);
});

t.test('an answer without a length ends with its connection', async (t) => {
  const { send } = await given(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
  t.match(await send().done, { status: 200, body: 'all of it', end: 'whole' });
});

t.test('what is no answer, or half of one, is broken', async (t) => {
  for (const bytes of [
    'no answer\r\n\r\n',
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.1 2x0 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
    '',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe',
  ]) {
    const { send, close } = await given(t, (socket) => socket.end(bytes));
    t.match(await send().done, { end: 'broken' }, JSON.stringify(bytes.slice(0, 90)));
    close();
  }
});

t.test('silence is a timeout, before the answer and within it', async (t) => {
  const silent = await given(t, () => {});
  t.match(await silent.send('abc', 50).done, { end: 'timeout' });
  const stuck = await given(t, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'));
  t.match(await stuck.send('abc', 50).done, { body: 'he', end: 'timeout' });
});

t.test('no connection is unreachable, for those that wait for one, too', async (t) => {
  const gone = await given(t, () => {}, 1);
  gone.close();
  const pool = new Pool({ ...gone.pool.options });
  let unreachable = 0;
  const receiver = { started() {}, response() {}, data() {}, end() {}, failed() {} };
  const request = {
    tenant: 'a',
    place: 'a',
    address: '10.0.0.1',
    method: 'POST',
    path: '/',
    headers: new MessageHeaders([]),
    requestId: 'r1',
    body: [],
    headRoom: 0,
    headersTimeoutMs: 1000,
    bodyTimeoutMs: 1000,
  };
  for (let i = 0; i < 3; i++)
    pool.send(request, '/', receiver, { ...ATTEMPT, unreachable: () => unreachable++ }, 0, 0);
  t.ok(await eventually(() => unreachable === 3));
  pool.destroy();
});

t.test('calls past the number of connections wait their turn, and none is lost', async (t) => {
  const { send, sockets } = await given(
    t,
    (socket, request) =>
      setTimeout(
        () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${String(request).padStart(2, '0')}`),
        1,
      ),
    3,
  );
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => send().done));
  t.ok(outcomes.every(({ end }) => end === 'whole'));
  t.equal(new Set(outcomes.map(({ body }) => body)).size, 30, 'each has its own answer');
  t.equal(sockets.length, 3);
});

t.test('a call that is aborted ends its connection, and the next has another', async (t) => {
  const { send, sockets, seen } = await given(t, (socket, request) => {
    if (request > 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
  const first = send();
  t.ok(await eventually(() => seen.length === 1));
  first.abort();
  t.match(await first.done, { end: 'aborted' });
  t.match(await send().done, { status: 200, end: 'whole' });
  t.equal(sockets.length, 2);
});

t.test('an idle connection that the upstream closes, or talks on, is not used again', async (t) => {
  const { send, sockets } = await given(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  );
  await send().done;
  sockets[0]?.end();
  t.ok(await eventually(() => sockets[0]?.closed === true));
  t.match(await send().done, { end: 'whole' });
  sockets[1]?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  t.ok(await eventually(() => sockets[1]?.closed === true));
  t.match(await send().done, { end: 'whole' });
  t.equal(sockets.length, 3);
});

t.test(
  'an upstream that answers before it has read the body gets no other request on that connection',
  async (t) => {
    const { send, sockets } = await given(t, (socket) => {
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
      socket.pause();
    });
    t.match(await send('x'.repeat(8 << 20)).done, { status: 413, end: 'whole' });
    t.match(await send().done, { status: 413 });
    t.equal(sockets.length, 2);
  },
);
