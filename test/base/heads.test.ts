/** Heads as bytes, one that is plain and one that is not for each rule. */
import t from 'tap';
import {
  endOfHead,
  headerOf,
  MAX_HEAD_BYTES,
  parseLength,
  parseRequestHead,
  parseResponseHead,
} from '#src/base/http1/heads.js';

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

t.test('a plain request is taken apart, its length apart from its other headers', async (t) => {
  const head = parseRequestHead(
    'POST /api/v1/push?a=b HTTP/1.1\r\nHost: a\r\ncontent-Length:  12 \r\nX-Empty:\r\nX-Text: \t b \xe9\t~ \r\n\r\n',
  );
  t.strictSame(head, {
    method: 'POST',
    url: '/api/v1/push?a=b',
    rawHeaders: ['Host', 'a', 'X-Empty', '', 'X-Text', 'b \xe9\t~'],
    lowerNames: ['host', 'x-empty', 'x-text'],
    contentLength: '12',
    contentLengthAt: 58,
  });
  t.equal(headerOf(head!, 'host'), 'a');
  t.equal(headerOf(head!, 'x-empty'), '');
  t.equal(headerOf(head!, 'x-text'), 'b \xe9\t~');
  t.equal(headerOf(head!, 'X-Text'), undefined, 'names are asked for in lower case');
  t.equal(headerOf(head!, 'content-length'), undefined);
  t.strictSame(parseRequestHead('GET / HTTP/1.1\r\n\r\n'), {
    method: 'GET',
    url: '/',
    rawHeaders: [],
    lowerNames: [],
    contentLength: undefined,
    contentLengthAt: 0,
  });
  t.match(parseRequestHead('M / HTTP/1.1\r\nFourteen-Chars: 1\r\n\r\n'), {
    method: 'M',
    rawHeaders: ['Fourteen-Chars', '1'],
    contentLength: undefined,
  });
  const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  t.match(parseRequestHead(`${token} /!~ HTTP/1.1\r\n${token}: x\r\n\r\n`), {
    method: token,
    url: '/!~',
    rawHeaders: [token, 'x'],
    lowerNames: [token.toLowerCase()],
  });
});

t.test('a request that is not plain and unambiguous is none', async (t) => {
  const lines = [
    '',
    ' ',
    'POST',
    ' / HTTP/1.1',
    ' POST / HTTP/1.1',
    'POST  / HTTP/1.1',
    'POST /',
    'POST / HTTP/1.0',
    'POST / HTTP/1.1 ',
    'POST /  HTTP/1.1',
    'POST / x HTTP/1.1',
    'POST / http/1.1',
    'POST x HTTP/1.1',
    'POST http://a/ HTTP/1.1',
    'POST * HTTP/1.1',
    'P(ST / HTTP/1.1',
    'P\x00ST / HTTP/1.1',
    'P\xe9ST / HTTP/1.1',
    'POST /\t HTTP/1.1',
    'POST /a\x00 HTTP/1.1',
    'POST /a\x1f HTTP/1.1',
    'POST /a\x7f HTTP/1.1',
    'POST /a\xe9 HTTP/1.1',
    'POST /a#b HTTP/1.1',
  ];
  const headers = [
    'A',
    ': x',
    'A : x',
    'A\t: x',
    ' A: x',
    'A: x\r\n folded',
    'A(: x',
    'A\xe9: x',
    'A: x\ny',
    'A: x\ry',
    'A: x\0',
    'A: x\0\0B: y',
    'A: x\n\nB: y',
    'A: x\x7f\x7fB: y',
    'A: \x1f',
    'A: \x08',
    'A: \x0a',
    'A: \x7f',
    'A: 1\r\na: 2',
    'A: 1\r\nB: 1\r\nA: 2',
    'Content-Length: 1\r\nContent-Length: 1',
    'Content-Length: 1\r\ncontent-length: 1',
  ];
  t.ok(parseRequestHead('POST / HTTP/1.1\r\nA: x\r\n\r\n'));
  for (const line of lines)
    t.equal(parseRequestHead(`${line}\r\nA: x\r\n\r\n`), undefined, JSON.stringify(line));
  for (const header of headers)
    t.equal(parseRequestHead(`POST / HTTP/1.1\r\n${header}\r\n\r\n`), undefined, JSON.stringify(header));
});

t.test('what is known of the last head never changes what is read of the next', async (t) => {
  const head = (...headers: string[]) =>
    `POST / HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
  const last = parseRequestHead(head('Host: X-Three', 'X-One: 1', 'Content-Length: 5', 'X-Two: 2'));
  for (const headers of [
    ['Host: a', 'X-One: 1', 'Content-Length: 5', 'X-Two: 2'],
    ['Host: b', 'X-One: 2', 'X-Two: 3', 'Content-Length: 7'],
    ['HOST: a', 'X-one: 1', 'X-Two: 2'],
    ['X-One: 1', 'Host: a'],
    ['Host: a', 'X-One: 1', 'X-Three: 3'],
    ['Host: a', 'X-Two: 2', 'X-Three: 3', 'X-Four: 4'],
    ['X-Two: 2'],
    [],
    ['Host: a', 'X-One: 1', 'x-one: 2'],
    ['Host: a', 'X-One: 1', 'Host: b'],
  ]) {
    t.strictSame(
      parseRequestHead(head(...headers), last),
      parseRequestHead(head(...headers)),
      headers.join(),
    );
  }
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
