import t from 'tap';
import { MAX_HEAD_BYTES } from '#src/base/http1/heads.js';
import { HeadReader } from '#src/doors/http/head-reader.js';

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const push = (length: string | undefined, ...more: string[]) =>
  head(
    'POST /api/v1/push HTTP/1.1',
    'Host: a',
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
    ...more,
  );

/** A reader that has read this text, after whatever it had read before; undefined: it has a fault, or is not whole. */
function readBy(reader: HeadReader, text: string): HeadReader | undefined {
  return reader.read(Buffer.from(text, 'latin1')) ? reader : undefined;
}

const readAlone = (text: string) => readBy(new HeadReader(), text);

t.test('a head says where the body begins and how long it is', async (t) => {
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

t.test('a head that is not whole is waited for, one that has a fault or is too long is not', async (t) => {
  const reader = new HeadReader();
  t.notOk(reader.read(Buffer.from(push('1').slice(0, -1))));
  t.equal(reader.fault, undefined);
  t.notOk(reader.read(Buffer.from(push('x'))));
  t.match(reader.fault, { status: 400, why: /Content-Length/ });
  for (const text of ['GET / HTTP/1.1\n', '\n', 'GET / HTTP/1.1\r\nA: b\n\n']) {
    t.notOk(reader.read(Buffer.from(text)));
    t.match(reader.fault, { status: 400, why: /CR and LF/ }, 'which never ends');
  }
  const long = new HeadReader();
  t.notOk(long.read(Buffer.from(`GET / HTTP/1.1\r\nA: ${'x'.repeat(MAX_HEAD_BYTES - 19)}`)));
  t.equal(long.fault, undefined);
  t.notOk(long.read(Buffer.from(`GET / HTTP/1.1\r\nA: ${'x'.repeat(MAX_HEAD_BYTES)}`)));
  t.match(long.fault, { status: 431, why: /16 KiB/ });
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
