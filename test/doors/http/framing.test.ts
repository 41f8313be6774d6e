/** Where a request ends is clear, or it is refused and with it all that stands behind it. */
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { edge, type GivenEdge, rawExchange, upstream } from './fixtures.js';
import { NEXT, ROWS, type Row } from './framing-rows.js';

/** Writes pieces one after the other; answers what came back once the connection ended, or all is answered. */
function talk(port: number, pieces: readonly string[], answers: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    const done = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (statusesOf(received).length >= answers && received.endsWith('\r\n\r\n')) done();
    });
    socket.on('end', done).on('error', done).on('close', done);
    const [first, ...rest] = pieces;
    socket.write(first ?? '', 'latin1', function next() {
      const piece = rest.shift();
      if (piece !== undefined && !socket.destroyed) socket.write(piece, 'latin1', () => setImmediate(next));
    });
  });
}

const statusesOf = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => String(status));

/** Rows go side by side; what arrives is told apart by a header of its own. */
async function check(t: Test, proxy: GivenEdge, piecesOf: (row: Row) => readonly string[]): Promise<void> {
  const left = [...ROWS];
  const wrong: string[] = [];
  const worker = async (): Promise<void> => {
    for (let row = left.pop(); row !== undefined; row = left.pop()) {
      const isLast = !row.bytes.endsWith(NEXT);
      const text = await talk(proxy.port, piecesOf(row), isLast ? 1 : 2);
      const statuses = statusesOf(text);
      const expected = row.body === undefined ? /^(4\d\d|501)$/ : isLast ? /^200$/ : /^200,200$/;
      if (!expected.test(statuses.join(',')))
        wrong.push(`${row.name} is answered ${JSON.stringify(text.slice(0, 300))}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  t.strictSame(wrong, []);
}

t.test(`requests in ${ROWS.length} writings, whole`, async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  await check(t, proxy, (row) => [row.bytes]);
  arrivedAll(t, mimir.arrived, 1);
  await proxy.stop();
  await mimir.close();
});

t.test('the same in two pieces, in many, and after a plain request', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  await check(t, proxy, ({ bytes }) => {
    const cut = 1 + random(bytes.length - 1);
    return [bytes.slice(0, cut), bytes.slice(cut)];
  });
  await check(t, proxy, ({ bytes }) => {
    const start = random(Math.max(1, bytes.length - 40));
    return [bytes.slice(0, start), ...bytes.slice(start, start + 40), bytes.slice(start + 40)];
  });
  arrivedAll(t, mimir.arrived, 2);
  await proxy.stop();
  await mimir.close();
});

/** Each that is taken arrives so many times, with its body, and nothing else does. */
function arrivedAll(t: Test, arrived: readonly { url: string; body: Buffer }[], times: number): void {
  const bodies = arrived.filter(({ url }) => url === '/x').map(({ body }) => body.toString('latin1'));
  const expected = ROWS.flatMap(({ body }) =>
    body === undefined ? [] : Array.from({ length: times }, () => body),
  );
  t.strictSame(bodies.sort(), expected.sort());
  const followed =
    ROWS.filter(({ body, bytes }) => body !== undefined && bytes.endsWith(NEXT)).length * times;
  t.equal(arrived.filter(({ url }) => url === '/next').length, followed);
  t.equal(arrived.length, expected.length + followed, 'and nothing else');
}

t.test('what is refused is told what is wrong, and its connection ends', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  for (const [bytes, status, sentence] of [
    ['GET * HTTP/1.1\r\nHost: h\r\n\r\n', '400 Bad Request', /target/],
    ['GET / HTTP/1.2\r\nHost: h\r\n\r\n', '400 Bad Request', /version/],
    ['GET / HTTP/1.1\r\n\r\n', '400 Bad Request', /Host/],
    ['GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n', '400 Bad Request', /header/],
    ['GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n', '400 Bad Request', /Content-Length/],
    ['GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n', '400 Bad Request', /Transfer-Encoding/],
    ['POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', '400 Bad Request', /chunk/],
    ['BREW / HTTP/1.1\r\nHost: h\r\n\r\n', '501 Not Implemented', /method/],
    ['GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n', '417 Expectation Failed', /Expect/],
    [
      `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(100)}\r\n`,
      '431 Request Header Fields Too Large',
      /100 headers/,
    ],
    [
      `GET / HTTP/1.1\r\nHost: h\r\nA: ${'b'.repeat(17_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      /16 KiB/,
    ],
  ] as const) {
    const answer = await rawExchange(proxy.port, bytes);
    t.ok(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer.slice(0, 60));
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    t.match(body, sentence);
    t.match(body, /\(err-edge-bad-request\)\n$/);
    t.match(head, /\r\nConnection: close/);
    t.match(head, /\r\nX-Mimir-Edge-Reason: bad_request/);
    t.match(head, new RegExp(`\r\nContent-Length: ${body.length}`));
  }
  await proxy.stop();
  await mimir.close();
});

t.test('a push in chunks without a byte in them is no push', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  for (const framing of [
    'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'Content-Length: 0\r\n\r\n',
    '\r\n',
  ]) {
    const answer = await rawExchange(
      proxy.port,
      `POST /api/v1/push HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\nConnection: close\r\n${framing}`,
    );
    t.match(answer, /^HTTP\/1\.1 400 .*err-edge-malformed-body/s, framing);
  }
  t.equal(mimir.arrived.length, 0);
  await proxy.stop();
  await mimir.close();
});

t.test('empty lines before a request are none of it', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  const answers = await talk(
    proxy.port,
    ['\r\n\r\n', '\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n\r', `\n${NEXT}`],
    2,
  );
  t.strictSame(statusesOf(answers), ['200', '200']);
  await proxy.stop();
  await mimir.close();
});
