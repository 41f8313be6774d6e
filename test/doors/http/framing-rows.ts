/**
 * Requests that servers have read in different ways, and that proxies were fooled with: how each is written, and whether the
 * edge takes it. Made by combination: every length with every encoding, every host, every version.
 */

export interface Row {
  readonly name: string;
  /** Characters are bytes. A request for /next stands behind each, on the same connection. */
  readonly bytes: string;
  /** The body that Mimir gets; undefined: the request is refused, and its connection ends. */
  readonly body: string | undefined;
}

export const NEXT = 'GET /next HTTP/1.1\r\nHost: h\r\n\r\n';

interface Part {
  readonly text: string;
  readonly good: boolean;
}

const good = (text: string): Part => ({ text, good: true });
const bad = (text: string): Part => ({ text, good: false });

const LINES: readonly Part[] = [
  good('POST /x HTTP/1.1'),
  good('PUT /x HTTP/1.1'),
  ...[
    'POST /x HTTP/1.2',
    'POST /x HTTP/2.0',
    'POST /x HTTP/0.9',
    'POST /x HTTP/1.10',
    'POST /x HTTP/01.1',
    'POST /x HTTP/1.1.1',
    'POST /x HTTP/1',
    'POST /x HTTP/',
    'POST /x ICE/1.0',
    'POST /x RTSP/1.0',
    'POST /x http/1.1',
    'POST /x HTTP 1.1',
    'POST /x HTTP/1,1',
    'POST /x HTTP/1.1 ',
    'POST /x HTTP/1.1\t',
    'POST /x HTTP/1.1 x',
    'POST /x  HTTP/1.1',
    'POST /x\tHTTP/1.1',
    'POST /x\x0bHTTP/1.1',
    'POST\t/x HTTP/1.1',
    'POST  /x HTTP/1.1',
    ' POST /x HTTP/1.1',
    'POST /x',
    'POST',
    '/x HTTP/1.1',
    'POST HTTP/1.1',
    'POST /a b HTTP/1.1',
    'POST /x\0 HTTP/1.1',
    'POST /\x80 HTTP/1.1',
    'POST /x\x7f HTTP/1.1',
    'POST /x\r HTTP/1.1',
    'P\0ST /x HTTP/1.1',
    'P(ST /x HTTP/1.1',
    'P\xd6ST /x HTTP/1.1',
    'post /x HTTP/1.1',
    'TRACE /x HTTP/1.1',
    'CONNECT /x HTTP/1.1',
    'PRI * HTTP/2.0',
    'HTTP/1.1 200 OK',
  ].map(bad),
];

const HOSTS: readonly Part[] = [
  good('Host: h\r\n'),
  good('HOST:h:80\r\n'),
  good('Host:  [::1]:80 \r\n'),
  good('Host:\r\n'),
  ...[
    '',
    'Host: h\r\nHost: h\r\n',
    'Host: h\r\nhost: i\r\n',
    'Host: h, i\r\n',
    'Host: h i\r\n',
    'Host: h/x\r\n',
    'Host: h@i\r\n',
    'Host : h\r\n',
    'Host\t: h\r\n',
    'Host: h\\i\r\n',
    'Host: h\xe9\r\n',
  ].map(bad),
];

/** Of a body of three bytes. */
const LENGTHS: readonly Part[] = [
  good('Content-Length: 3\r\n'),
  good('content-length:3\r\n'),
  good('CONTENT-LENGTH: \t3 \t\r\n'),
  good('Content-Length: 003\r\n'),
  ...[
    '',
    '+3',
    '-3',
    '3,3',
    '3, 3',
    '3 3',
    '3;',
    '3.0',
    '3e0',
    '0x3',
    '3a',
    'a',
    '"3"',
    '\x0b3',
    '\x0c3',
    '3\0',
    '3\x0b',
    '\xa03',
    '0000000000000003',
    '1000000000000000',
    '18446744073709551619',
    '3\r\nContent-Length: 3',
    '3\r\nContent-Length: 4',
    '3\r\ncontent-length: 3',
    '\r\n 3',
    '3\r\n 3',
    '3\r\n\t',
  ].map((value) => bad(`Content-Length: ${value}\r\n`)),
  ...[
    'Content-Length : 3\r\n',
    'Content-Length\t: 3\r\n',
    ' Content-Length: 3\r\n',
    'Content-Length\0: 3\r\n',
  ].map(bad),
];

/** Of the same body, in chunks. */
const ENCODINGS: readonly Part[] = [
  good('Transfer-Encoding: chunked\r\n'),
  good('transfer-encoding:chunked\r\n'),
  good('Transfer-Encoding: \t Chunked \t\r\n'),
  good('TRANSFER-ENCODING: CHUNKED\r\n'),
  ...[
    '',
    'identity',
    'gzip',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked,chunked',
    'chunked,',
    ', chunked',
    'chunked, identity',
    'identity, chunked',
    'chunked;q=1',
    'chunked ;',
    '"chunked"',
    "'chunked'",
    'xchunked',
    'chunkedx',
    'chun ked',
    'chunked\x0b',
    '\x0bchunked',
    '\x0cchunked',
    'chunked\0',
    '\xa0chunked',
    'cow',
    'chunked\r\nTransfer-Encoding: chunked',
    'chunked\r\nTransfer-Encoding: identity',
    'identity\r\nTransfer-Encoding: chunked',
    'chunked\r\nTransfer-Encoding:',
    '\r\n chunked',
    'chunked\r\n x',
    '\x85chunked',
  ].map((value) => bad(`Transfer-Encoding: ${value}\r\n`)),
  ...[
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding\t: chunked\r\n',
    ' Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding\0: chunked\r\n',
    'Transfer-Encoding\x0b: chunked\r\n',
  ].map(bad),
];

/** Whatever else a head may have. */
const HEADERS: readonly Part[] = [
  good('X-A: b\r\n'),
  good('X-A:\r\n'),
  good('X-A: "(b)", c;d=\xe9\r\n'),
  good("!#$%&'*+-.^_`|~0aZ: b\r\n"),
  good('Connection: keep-alive, X-A\r\n'),
  good('Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'),
  good('Content_Length: 5\r\n'),
  good('Transfer_Encoding: chunked\r\n'),
  good('X-Content-Length: 5\r\n'),
  good('A: b\r\n'.repeat(97)),
  ...[
    'X-A\r\n',
    ': b\r\n',
    'X A: b\r\n',
    'X-A : b\r\n',
    '(X): b\r\n',
    'X-\xe9: b\r\n',
    'X-A: b\0\r\n',
    'X-\0A: b\r\n',
    'X-A: b\x07\r\n',
    'X-A: b\x7f\r\n',
    'X-A: b\r\n c\r\n',
    'X-A: b\r\n\tc\r\n',
    ' X-A: b\r\n',
    'X-A: b\rX-B: c\r\n',
    'X-A: b\r\r\n',
    'X-A: b\n',
    'X-A: b\nX-B: c\r\n',
    '\nX-A: b\r\n',
    '\rX-A: b\r\n',
    'Expect: 200-ok\r\n',
    'A: b\r\n'.repeat(101),
    `X-A: ${'b'.repeat(20_000)}\r\n`,
  ].map(bad),
];

const CHUNKED = '3\r\nabc\r\n0\r\n\r\n';
const BODIES: readonly (readonly [text: string, body: string | undefined])[] = [
  [CHUNKED, 'abc'],
  ['0\r\n\r\n', ''],
  ['1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
  ['003\r\nabc\r\n000\r\n\r\n', 'abc'],
  ['a\r\nabcdefghij\r\n0\r\n\r\n', 'abcdefghij'],
  ['A\r\nabcdefghij\r\n0\r\n\r\n', 'abcdefghij'],
  ['3;x\r\nabc\r\n0;y=z\r\n\r\n', 'abc'],
  ['3 ; x="y"\r\nabc\r\n0\r\n\r\n', 'abc'],
  ['3\r\nabc\r\n0\r\nX-T: u\r\n\r\n', 'abc'],
  ['3\r\nabc\r\n0\r\nContent-Length: 9\r\nX-T: u\r\n\r\n', 'abc'],
  ...[
    'x\r\nabc\r\n0\r\n\r\n',
    '-3\r\nabc\r\n0\r\n\r\n',
    '+3\r\nabc\r\n0\r\n\r\n',
    '0x3\r\nabc\r\n0\r\n\r\n',
    '3h\r\nabc\r\n0\r\n\r\n',
    ' 3\r\nabc\r\n0\r\n\r\n',
    '3 3\r\nabc\r\n0\r\n\r\n',
    '3,\r\nabc\r\n0\r\n\r\n',
    '3\x0b\r\nabc\r\n0\r\n\r\n',
    '3\x0c\r\nabc\r\n0\r\n\r\n',
    '3\0\r\nabc\r\n0\r\n\r\n',
    '3\xa0\r\nabc\r\n0\r\n\r\n',
    '3;\0\r\nabc\r\n0\r\n\r\n',
    '3;x\ny\r\nabc\r\n0\r\n\r\n',
    '3;x\ry\r\nabc\r\n0\r\n\r\n',
    '\r\n3\r\nabc\r\n0\r\n\r\n',
    '3\nabc\r\n0\r\n\r\n',
    '3\r\nabc\n0\r\n\r\n',
    '3\r\nabc0\r\n\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
    '3\r\nabc\r\n0\n\n',
    '3\r\nabc\r\n0\r\n\n',
    '3\r\nabc\r\n0\r\nno colon\r\n\r\n',
    '3\r\nabc\r\n0\r\n X: folded\r\n\r\n',
    '3\r\nabc\r\n0\r\nX-T\0: u\r\n\r\n',
    '10000000000000003\r\nabc\r\n0\r\n\r\n',
    'fffffffffffffffd\r\nabc\r\n0\r\n\r\n',
  ].map((text) => [text, undefined] as const),
];

const [LINE, HOST, LENGTH, ENCODING] = [LINES[0], HOSTS[0], LENGTHS[0], ENCODINGS[0]].map(
  (part) => part?.text ?? '',
) as [string, string, string, string];

export const ROWS: readonly Row[] = [
  ...LINES.map(({ text, good }) => row(text, HOST, LENGTH, 'abc', good)),
  ...LINES.map(({ text, good }) => row(text, HOST, ENCODING, CHUNKED, good)),
  ...HOSTS.map(({ text, good }) => row(LINE, text, LENGTH, 'abc', good)),
  ...HOSTS.map(({ text, good }) => row(LINE, text, ENCODING, CHUNKED, good)),
  ...LENGTHS.map(({ text, good }) => row(LINE, HOST, text, 'abc', good)),
  ...LENGTHS.map(({ text, good }) => row('POST /x HTTP/1.0', '', text, 'abc', good, true)),
  ...ENCODINGS.map(({ text, good }) => row(LINE, HOST, text, CHUNKED, good)),
  ...ENCODINGS.map(({ text }) => row('POST /x HTTP/1.0', HOST, text, CHUNKED, false)),
  // A length beside an encoding is two ways to read one body, whichever comes first and whatever each says.
  ...LENGTHS.flatMap(({ text }) =>
    ENCODINGS.flatMap(({ text: other }) => [
      row(LINE, HOST, text + other, CHUNKED, false),
      row(LINE, HOST, other + text, CHUNKED, false),
    ]),
  ),
  ...HEADERS.flatMap(({ text, good }) => [
    row(LINE, HOST, text + LENGTH, 'abc', good),
    row(LINE, HOST, LENGTH + text, 'abc', good),
    row(LINE, HOST, text + ENCODING, CHUNKED, good),
    row(LINE, HOST, ENCODING + text, CHUNKED, good),
  ]),
  ...BODIES.map(([text, body]) => ({
    name: `${JSON.stringify(text)} in chunks`,
    bytes: `${LINE}\r\n${HOST}${ENCODING}\r\n${text}${NEXT}`,
    body,
  })),
];

/** `isLast`: nobody reads what stands behind it. */
function row(line: string, host: string, headers: string, body: string, good: boolean, isLast = false): Row {
  const head = `${line}\r\n${host}${headers}\r\n`;
  const shown = head.length > 300 ? `${head.slice(0, 300)}...` : head;
  return {
    name: JSON.stringify(shown),
    bytes: `${head}${body}${isLast ? '' : NEXT}`,
    body: good ? 'abc' : undefined,
  };
}
