/** Heads of requests as bytes, one that is taken and one that is not for each rule. */
import t from 'tap';
import { headerOf, MAX_HEADERS, parseRequestHead, type RequestHead } from '#src/base/http1/request-head.js';

/** Fails the test where the head has a fault. */
function parsed(text: string, last?: RequestHead): RequestHead {
  const head = parseRequestHead(text, last);
  if ('why' in head) throw new Error(`${JSON.stringify(text)}: ${head.why}`);
  return head;
}

const head = (...headers: string[]) => ['POST / HTTP/1.1', 'Host: h', ...headers, '', ''].join('\r\n');

t.test('a request is taken apart, its length apart from its other headers', async (t) => {
  const head = parsed(
    'POST /api/v1/push?a=b HTTP/1.1\r\nHost: a\r\ncontent-Length:  12 \r\nX-Empty:\r\nX-Text: \t b \xe9\t~ \r\n\r\n',
  );
  t.strictSame(head, {
    method: 'POST',
    url: '/api/v1/push?a=b',
    rawHeaders: ['Host', 'a', 'X-Empty', '', 'X-Text', 'b \xe9\t~'],
    lowerNames: ['host', 'x-empty', 'x-text'],
    repeats: false,
    contentLength: '12',
    contentLengthAt: 58,
    chunked: false,
    old: false,
    close: false,
    expectsContinue: false,
  });
  t.equal(headerOf(head, 'host'), 'a');
  t.equal(headerOf(head, 'x-empty'), '');
  t.equal(headerOf(head, 'x-text'), 'b \xe9\t~');
  t.equal(headerOf(head, 'X-Text'), undefined, 'names are asked for in lower case');
  t.equal(headerOf(head, 'content-length'), undefined);
  const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  t.match(parsed(`GET /!~ HTTP/1.1\r\nHost: h\r\n${token}: x\r\n\r\n`), {
    url: '/!~',
    rawHeaders: ['Host', 'h', token, 'x'],
    lowerNames: ['host', token.toLowerCase()],
  });
});

t.test('a name that comes more than once has all of its values', async (t) => {
  const several = parsed(head('A: 1', 'B: 2', 'a: 3', 'A: 4'));
  t.ok(several.repeats);
  t.equal(headerOf(several, 'a'), '1, 3, 4');
  t.equal(headerOf(several, 'b'), '2');
  t.equal(headerOf(several, 'c'), undefined);
});

t.test('how a request is framed, and whether another may follow', async (t) => {
  const old = 'POST / HTTP/1.0\r\n';
  for (const [text, expected] of [
    [head(), { chunked: false, old: false, close: false, expectsContinue: false }],
    [head('Transfer-Encoding: Chunked'), { chunked: true, contentLength: undefined }],
    [head('Connection: close'), { close: true }],
    [head('Connection: x, CLOSE '), { close: true }],
    [head('Connection: x', 'Connection: close'), { close: true }],
    [head('Connection: keep-alive'), { close: false }],
    [head('Connection: closed'), { close: false }],
    [head('Expect: 100-Continue'), { expectsContinue: true }],
    [`${old}\r\n`, { old: true, close: true }],
    [`${old}Host: h\r\nConnection: keep-alive\r\n\r\n`, { old: true, close: true }],
    [`${old}Expect: 100-continue\r\n\r\n`, { expectsContinue: false }],
    ['GET http://h/x?y HTTP/1.1\r\nHost: h\r\n\r\n', { url: '/x?y' }],
  ] as const) {
    t.match(parsed(text), expected, JSON.stringify(text));
  }
});

t.test('what is not plain and unambiguous has a fault, which says what it is', async (t) => {
  const line = (text: string) => `${text}\r\nHost: h\r\n\r\n`;
  const faults: [status: number, why: RegExp, texts: string[]][] = [
    [
      400,
      /first line/,
      [
        '',
        ' ',
        'POST',
        ' / HTTP/1.1',
        ' POST / HTTP/1.1',
        'POST  / HTTP/1.1',
        'POST /',
        'P(ST / HTTP/1.1',
        'P\x00ST / HTTP/1.1',
        'P\xe9ST / HTTP/1.1',
        'POST /\t HTTP/1.1',
        'POST /a\x00 HTTP/1.1',
        'POST /a\x1f HTTP/1.1',
        'POST /a\x7f HTTP/1.1',
        'POST /a\xe9 HTTP/1.1',
      ].map(line),
    ],
    [
      400,
      /version/,
      [
        'POST / HTTP/1.2',
        'POST / HTTP/2.0',
        'POST / HTTP/1.1 ',
        'POST /  HTTP/1.1',
        'POST / x HTTP/1.1',
        'POST / http/1.1',
        'POST / ICE/1.0',
        'POST / RTSP/1.0',
      ].map(line),
    ],
    [
      400,
      /target/,
      [
        'POST x HTTP/1.1',
        'POST * HTTP/1.1',
        'POST ws://a/ HTTP/1.1',
        'CONNECT a:1 HTTP/1.1',
        'POST /a#b HTTP/1.1',
      ].map(line),
    ],
    [501, /method/, ['BREW / HTTP/1.1', 'post / HTTP/1.1', 'TRACE / HTTP/1.1'].map(line)],
    [
      400,
      /colon/,
      [
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
      ].map((text) => head(text)),
    ],
    [
      400,
      /Host/,
      [
        'POST / HTTP/1.1\r\n\r\n',
        head('Host: h'),
        head('HOST: i'),
        ...['a, b', 'a b', 'a/b', 'a@b', 'a\\b', 'a\xe9'].map(
          (host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
        ),
      ],
    ],
    [
      400,
      /Content-Length/,
      [
        ...['', '+1', '-1', '1,1', '1 1', '0x1', '1000000000000000', '0000000000000001'].map((length) =>
          head(`Content-Length: ${length}`),
        ),
        head('Content-Length: 1', 'Content-Length: 1'),
        head('Content-Length: 1', 'content-length: 2'),
        head('Content-Length: 1', 'Transfer-Encoding: chunked'),
        head('Transfer-Encoding: chunked', 'Content-Length: 1'),
      ],
    ],
    [
      400,
      /Transfer-Encoding/,
      [
        ...['', 'identity', 'gzip, chunked', 'chunked, chunked', 'chunked;q=1', 'xchunked', '"chunked"'].map(
          (value) => head(`Transfer-Encoding: ${value}`),
        ),
        head('Transfer-Encoding: chunked', 'transfer-encoding: chunked'),
        'POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
      ],
    ],
    [417, /Expect/, [head('Expect: 200-ok'), head('Expect: 100-continue, x')]],
    [431, /100 headers/, [head(...Array.from({ length: MAX_HEADERS }, (_, i) => `A${i}: x`))]],
  ];
  for (const [status, why, texts] of faults)
    for (const text of texts) t.match(parseRequestHead(text), { status, why }, JSON.stringify(text));
  t.ok(parsed(head(...Array.from({ length: MAX_HEADERS - 1 }, (_, i) => `A${i}: x`))));
});

t.test('what is known of the last head never changes what is read of the next', async (t) => {
  const of = (...headers: string[]) => ['POST / HTTP/1.0', ...headers, '', ''].join('\r\n');
  const last = parsed(of('Host: X-Three', 'X-One: 1', 'Content-Length: 5', 'X-Two: 2'));
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
    t.strictSame(parseRequestHead(of(...headers), last), parseRequestHead(of(...headers)), headers.join());
  }
});
