/** Answers of an upstream that a client could read otherwise than the edge does: each ends where it ends for both. */

import { readFileSync } from 'node:fs';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';
import { edge, type GivenEdge, listen, PUSH_500, rawExchange } from './fixtures.js';

const data = (name: string) => new URL(`../../../../test/data/tls/${name}`, import.meta.url);

/** An upstream that writes these bytes in answer to every request but the last, which gets `OK`. */
async function given(t: Test, tls: boolean, bytes: () => string): Promise<GivenEdge> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket.on('error', () => {}));
    socket.on('data', (piece) => {
      for (const [, path] of piece.toString('latin1').matchAll(/^(?:GET|HEAD|POST) (\S+) HTTP/gm)) {
        socket.write(path === '/last' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK' : bytes());
      }
    });
  };
  const server = tls
    ? createTlsServer(
        { key: readFileSync(data('server.key')), cert: readFileSync(data('server.crt')) },
        serve,
      )
    : createTcpServer(serve);
  const url = await listen(server);
  const proxy = await edge(tls ? url.replace('http:', 'https:') : url, {
    upstream: { caFile: data('ca.crt').pathname },
  });
  t.teardown(async () => {
    await proxy.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}

const GET = 'GET /x HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\n\r\n';
const HEAD = GET.replace('GET', 'HEAD');
const PUSH = `POST /api/v1/push HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\nContent-Length: ${PUSH_500.length}\r\n\r\n${PUSH_500.toString('latin1')}`;
const LAST = 'GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';

/** The answers that a client reads, by the rules: statuses with bodies. Anything else is `garbage`. */
function answersIn(text: string, isHead: boolean): string[] {
  const answers: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const head = /^HTTP\/1\.1 (\d{3})[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n/.exec(rest);
    if (head === null) return [...answers, `garbage ${JSON.stringify(rest.slice(0, 40))}`];
    const [whole, status, headers] = head as unknown as [string, string, string];
    rest = rest.slice(whole.length);
    if ((isHead && answers.length === 0) || status === '204' || status === '304') {
      answers.push(status);
      continue;
    }
    const length = Number(/^content-length: (\d+)/im.exec(headers)?.[1] ?? Number.NaN);
    if (!Number.isNaN(length)) {
      answers.push(`${status} ${rest.slice(0, length)}`);
      rest = rest.slice(length);
      continue;
    }
    const chunks = /^((?:[1-9a-f][0-9a-f]*\r\n[^\r]*\r\n)*)0\r\n\r\n/.exec(rest);
    if (chunks === null) return [...answers, 'endless'];
    answers.push(
      `${status} ${(chunks[1] ?? '')
        .split('\r\n')
        .filter((_, i) => i % 2 === 1)
        .join('')}`,
    );
    rest = rest.slice(chunks[0].length);
  }
  return answers;
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const SMUGGLED = 'Content-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const REFUSED = /^502 /;
const CASES: readonly (readonly [answer: string, expected: string | RegExp])[] = [
  [`HTTP/1.1 200 OK\r\n${CHUNKED}`, '200 hello'],
  ['HTTP/1.1 204 No Content\r\n\r\n', '204'],
  ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', '204'],
  [`HTTP/1.1 204 No Content\r\n${CHUNKED}`, '204'],
  [`HTTP/1.1 304 Not Modified\r\n${CHUNKED}`, '304'],
  [`HTTP/1.1 204 No Content\r\n${SMUGGLED}`, '204'],
  [`HTTP/1.1 304 Not Modified\r\n${SMUGGLED}`, '304'],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '304'],
  ['HTTP/1.1 1e2 OK\r\nContent-Length: 0\r\n\r\n', REFUSED],
  ['HTTP/1.1  20 OK\r\nContent-Length: 0\r\n\r\n', REFUSED],
  ['HTTP/1.1 0x9 OK\r\nContent-Length: 0\r\n\r\n', REFUSED],
  ['HTTP/1.1 2.0 OK\r\nContent-Length: 0\r\n\r\n', REFUSED],
  ['HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', REFUSED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', REFUSED],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n', REFUSED],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc', REFUSED],
  ['HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab', REFUSED],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', REFUSED],
];

for (const tls of [false, true]) {
  t.test(
    `an answer that has no body has none for the next request to find, ${tls ? 'https' : 'http'}`,
    async (t) => {
      let bytes = '';
      const proxy = await given(t, tls, () => bytes);
      for (const [answer, expected] of CASES) {
        bytes = answer;
        for (const request of [GET, PUSH]) {
          const text = await rawExchange(proxy.port, Buffer.from(request + LAST, 'latin1'));
          const [first = '', second = '', ...more] = answersIn(text, false);
          t.match(first, expected, `${JSON.stringify(answer)} for ${request.slice(0, 4)}`);
          t.match(second, /^(200 OK|2|3|5)/, `then the next has its own`);
          t.strictSame(more, [], 'and nothing is left over');
        }
      }
    },
  );

  t.test(`HEAD has the head alone, ${tls ? 'https' : 'http'}`, async (t) => {
    let bytes = '';
    const proxy = await given(t, tls, () => bytes);
    for (const [head, kept] of [
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\n', 'Content-Length: 5\r\n'],
      ['HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n', ''],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n', ''],
      ['HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-A: b\r\n\r\n', 'Content-Length: 5\r\n'],
    ] as const) {
      for (const body of ['', 'hello']) {
        bytes = head + body;
        const text = await rawExchange(proxy.port, HEAD + LAST);
        const answers = answersIn(text, true);
        t.equal(answers.length, 2, JSON.stringify([bytes, text]));
        t.equal(answers[0], head.slice(9, 12));
        const [first = ''] = text.split('\r\n\r\n');
        t.ok(`${first}\r\n`.includes('X-A: b\r\n'));
        t.equal(/^content-length: .*\r\n/im.exec(`${first}\r\n`)?.[0] ?? '', kept, first);
      }
    }
  });
}
