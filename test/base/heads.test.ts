/** Heads as bytes, one that is plain and one that is not for each rule. */
import t from 'tap';
import { endOfHead, MAX_HEAD_BYTES, parseLength, parseResponseHead } from '#src/base/http1/heads.js';

t.test('a head ends with its empty line, within what a head may hold', async (t) => {
  const head = 'GET / HTTP/1.1\r\nA: b\r\n\r\n';
  t.equal(endOfHead(Buffer.from(head), 0), head.length);
  t.equal(endOfHead(Buffer.from(`${head}body\r\n\r\n`), 0), head.length, 'the first one');
  t.equal(endOfHead(Buffer.from(`x\r\n\r\n${head}`), 1), 5, 'from a place on');
  t.equal(endOfHead(Buffer.from(`x\r\n\r\n${head}`), 5), 5 + head.length);
  t.equal(endOfHead(Buffer.from('\r\n\r\n'), 0), 4, 'of nothing');
  for (const text of ['', head.slice(0, -1), 'GET / HTTP/1.1\n\n', 'A: b\r\n\n'])
    t.equal(endOfHead(Buffer.from(text), 0), -1, JSON.stringify(text));
  const long = (length: number) => Buffer.from(`12${'x'.repeat(length)}\r\n\r\n`);
  t.equal(endOfHead(long(MAX_HEAD_BYTES), 2), MAX_HEAD_BYTES + 6);
  t.equal(endOfHead(long(MAX_HEAD_BYTES + 1), 2), -1);
});

t.test('a response is taken apart', async (t) => {
  for (const [line, status, statusText, persistent] of [
    ['HTTP/1.1 200 OK', 200, 'OK', true],
    ['HTTP/1.0 200 OK', 200, 'OK', false],
    ['HTTP/1.1 429 Too many \xe9\t', 429, 'Too many \xe9\t', true],
    ['HTTP/1.1 204 ', 204, '', true],
    ['HTTP/1.1 204', 204, '', true],
    ['HTTP/1.1 100 Continue', 100, 'Continue', true],
    ['HTTP/1.1 999 x', 999, 'x', true],
  ] as const) {
    t.strictSame(
      parseResponseHead(`${line}\r\nA: b\r\nA: c\r\n\r\n`),
      { status, statusText, rawHeaders: ['A', 'b', 'A', 'c'], persistent },
      line,
    );
  }
  t.strictSame(parseResponseHead('HTTP/1.1 200 OK\r\n\r\n')?.rawHeaders, []);
});

t.test('a response that is not plain is none', async (t) => {
  for (const line of [
    '',
    'HTTP/1.1',
    'HTTP/1.1 ',
    'HTTP/1.2 200 OK',
    'HTTP/2 200 OK',
    'http/1.1 200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 099 x',
    'HTTP/1.1 99 x',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 2x0 OK',
    'HTTP/1.1 2e2 OK',
    'HTTP/1.1 1e3 OK',
    'HTTP/1.1 +99 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 O\x00K',
    'HTTP/1.1 200 O\x7fK',
    'HTTP/1.1 200 O\nK',
    'HTTP/1.1 200 O\rK',
  ]) {
    t.equal(parseResponseHead(`${line}\r\nA: b\r\n\r\n`), undefined, JSON.stringify(line));
  }
  t.equal(parseResponseHead('HTTP/1.1 200 OK\r\nA\r\n\r\n'), undefined);
});

t.test('a header is a token, a colon, and a value without the blanks around it', async (t) => {
  const headersOf = (line: string) => parseResponseHead(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`)?.rawHeaders;
  for (const [line, headers] of [
    ['A: b', ['A', 'b']],
    ['A:b', ['A', 'b']],
    ['A:\t b \t', ['A', 'b']],
    ['A: b \tc', ['A', 'b \tc']],
    ['A:', ['A', '']],
    ['A: \t', ['A', '']],
    ['A: \xe9', ['A', '\xe9']],
    ['A: b\r\nC: d ', ['A', 'b', 'C', 'd']],
  ] as const) {
    t.strictSame(headersOf(line), headers, JSON.stringify(line));
  }
  for (const line of [
    ': b',
    'A : b',
    'A b',
    'A',
    ' A: b',
    'A: b\r\n c',
    'A: b\nC: d',
    'A: b\rC: d',
    'A: \x00',
    'A: \x7f',
  ])
    t.equal(headersOf(line), undefined, JSON.stringify(line));
});

t.test('a length is digits alone, and no more than a number can hold', async (t) => {
  for (const [text, length] of [
    ['0', 0],
    ['9', 9],
    ['007', 7],
    ['1234567890', 1_234_567_890],
    ['999999999999999', 999_999_999_999_999],
  ] as const) {
    t.equal(parseLength(text), length, text);
  }
  for (const text of [
    '',
    '1000000000000000',
    '+1',
    '-1',
    '1.5',
    '1e3',
    '0x1',
    ' 1',
    '1 ',
    '1,1',
    '/',
    ':',
    '5/',
    '5:',
  ])
    t.ok(Number.isNaN(parseLength(text)), text);
});
