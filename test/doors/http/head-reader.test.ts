import t from 'tap';
import { HeadReader } from '#src/doors/http/head-reader.js';

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const push = (length: string | undefined, ...more: string[]) =>
  head(
    'POST /api/v1/push HTTP/1.1',
    'Host: a',
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
    ...more,
  );

/** A reader that has read this text, after whatever it had read before; undefined: not plain, or not whole. */
function readBy(reader: HeadReader, text: string): HeadReader | undefined {
  return reader.read(Buffer.from(text, 'latin1')) ? reader : undefined;
}

const readAlone = (text: string) => readBy(new HeadReader(), text);

t.test('a plain head says where the body begins and how long it is', async (t) => {
  for (const [text, bodyLength] of [
    [push('12'), 12],
    [push('0'), 0],
    [push('999999999999999'), 999_999_999_999_999],
    [push(undefined), 0],
    [push('12', 'Connection: keep-alive'), 12],
    [push('12', 'Connection: Keep-Alive'), 12],
    [push('12', 'Connection: close'), 12],
    ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map(
      (method) => [head(`${method} / HTTP/1.1`, 'host: a'), 0] as const,
    ),
  ] as const) {
    t.match(readAlone(text), { end: text.length, bodyLength }, text);
    t.match(readAlone(`${text}body`), { end: text.length, bodyLength }, text);
    t.equal(readAlone(text.slice(0, -1)), undefined, 'not whole');
  }
});

t.test('a head that is not plain is left to others', async (t) => {
  for (const text of [
    push('x'),
    push('-1'),
    push('+1'),
    push(''),
    push('1, 1'),
    push('1000000000000000'),
    push('1', 'Transfer-Encoding: chunked'),
    push('1', 'transfer-encoding: identity'),
    push('1', 'Expect: 100-continue'),
    push('1', 'Upgrade: h2c'),
    push('1', 'Connection: upgrade'),
    push('1', 'Connection: close, x-mine'),
    push('1', 'Connection: Close'),
    push('1', 'Connection:'),
    push('1', 'Host: b'),
    head('POST / HTTP/1.1', 'Content-Length: 1'),
    head('HEAD / HTTP/1.1', 'Host: a'),
    head('CONNECT / HTTP/1.1', 'Host: a'),
    head('post / HTTP/1.1', 'Host: a'),
    head('POST / HTTP/1.0', 'Host: a'),
  ]) {
    t.equal(readAlone(text), undefined, text);
  }
});

t.test('a head is read the same whatever the connection has carried before', async (t) => {
  const heads = [
    push('12', 'X-A: b'),
    push('7', 'X-A: b'),
    push('1234567', 'X-A: b'),
    push('0', 'X-A: b'),
    push('999999999999999', 'X-A: b'),
    push('1000000000000000', 'X-A: b'),
    push('', 'X-A: b'),
    push('/', 'X-A: b'),
    push(':', 'X-A: b'),
    push('1 ', 'X-A: b'),
    push('1x', 'X-A: b'),
    push('-1', 'X-A: b'),
    push('12', 'X-A: c'),
    push('12', 'X-A: b', 'X-B: c'),
    push('12'),
    push(undefined, 'X-A: b'),
    push('12', 'Expect: 100-continue'),
    head('GET /api/v1/push HTTP/1.1', 'Host: a', 'Content-Length: 12', 'X-A: b'),
    head('POST /api/v1/pusj HTTP/1.1', 'Host: a', 'Content-Length: 12', 'X-A: b'),
    head('POST /api/v1/push HTTP/1.1', 'Host: a', 'X-A: b', 'Content-Length: 12'),
    head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 12'),
  ];
  const different: string[] = [];
  for (const one of heads) {
    for (const other of heads) {
      const reader = new HeadReader();
      for (const text of [one, other, `${other}body`, other.slice(0, -1), other, one]) {
        if (outline(readBy(reader, text)) !== outline(readAlone(text))) different.push(`${one}${text}`);
      }
    }
  }
  t.strictSame(different, []);
});

/** Without the length as it is in the head: in one that is known those are the digits that came first. */
function outline(seen: HeadReader | undefined): string | undefined {
  if (seen === undefined) return undefined;
  const { end, bodyLength, head } = seen;
  return JSON.stringify([end, bodyLength, head.method, head.url, head.rawHeaders]);
}

t.test('a known head is not taken apart again, however long its body is now', async (t) => {
  const reader = new HeadReader();
  readBy(reader, push('12', 'X-A: b'));
  const { head } = reader;
  for (const length of ['1', '12', '100', '0', '999999999999999']) {
    readBy(reader, push(length, 'X-A: b'));
    t.equal(reader.head, head, length);
  }
  readBy(reader, push('12', 'X-A: c'));
  t.not(reader.head, head);
});

t.test('a head whose length is not known says nothing about the next', async (t) => {
  const reader = new HeadReader();
  const rest = push('12').slice(push('12').indexOf('12') + 2);
  for (const text of [push('12'), push(undefined)]) t.ok(readBy(reader, text));
  t.equal(readBy(reader, `34${rest}`), undefined, 'which begins with digits');
});

t.test("what is remembered is a copy: the connection's bytes are written over", async (t) => {
  const reader = new HeadReader();
  const bytes = Buffer.from(push('12'));
  t.ok(reader.read(bytes));
  const { head } = reader;
  bytes.fill(0);
  t.ok(reader.read(Buffer.from(push('34'))));
  t.equal(reader.head, head);
  t.equal(reader.bodyLength, 34);
});
