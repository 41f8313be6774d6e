import fc from 'fast-check';
import t from 'tap';
import { ChunkedBody } from '#src/base/http1/chunked.js';

/** Feeds pieces; answers content and what is left over, or undefined where the framing is broken. */
function read(pieces: readonly string[]): { content: string; rest: string; done: boolean } | undefined {
  const body = new ChunkedBody();
  let content = '';
  let rest = '';
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    const used = body.take(bytes, 0, (part) => {
      content += part.toString('latin1');
    });
    if (used < 0) return undefined;
    rest += bytes.toString('latin1', used);
  }
  return { content, rest, done: body.done };
}

t.test('content comes out whole however the bytes are cut', async (t) => {
  const chunk = fc.record({
    content: fc.stringMatching(/^[ -~\r\n]{1,50}$/),
    extension: fc.constantFrom('', ';a=b', ' ', '\t', ' ;', ' ; a="b;c"'),
  });
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 5 }),
      fc.constantFrom('', 'Trailer: x\r\n'),
      fc.array(fc.nat(300), { maxLength: 8 }),
      (chunks, trailer, cuts) => {
        const framed = chunks.map(
          ({ content, extension }) => `${content.length.toString(16)}${extension}\r\n${content}\r\n`,
        );
        const bytes = `${framed.join('')}0\r\n${trailer}\r\nNEXT`;
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((end, i) => bytes.slice(edges[i], end));
        const expected = { content: chunks.map(({ content }) => content).join(''), rest: 'NEXT', done: true };
        return JSON.stringify(read(pieces)) === JSON.stringify(expected);
      },
    ),
  );
  t.pass();
});

t.test('a body is done with the empty line after its last chunk, and not before', async (t) => {
  const body = new ChunkedBody();
  const pieces: string[] = [];
  const take = (text: string, from = 0) =>
    body.take(Buffer.from(text), from, (piece) => pieces.push(piece.toString()));
  for (const [text, used, done] of [
    ['5', 1, false],
    ['\r\nab', 4, false],
    ['cde', 3, false],
    ['\r', 1, false],
    ['\n0010 ; name="value"\r\n0123456789', 32, false],
    ['abcdef\r\n', 8, false],
    ['0\r\nTrailer: 5\r\n', 15, false],
    ['Another: x\r\n', 12, false],
    ['\r\nNEXT', 2, true],
    ['NEXT', 0, true],
  ] as const) {
    t.equal(take(text), used, JSON.stringify(text));
    t.equal(body.done, done, JSON.stringify(text));
  }
  t.strictSame(pieces, ['ab', 'cde', '0123456789', 'abcdef']);
});

t.test('bytes before the place that it begins at are not looked at', async (t) => {
  const body = new ChunkedBody();
  const pieces: string[] = [];
  const bytes = Buffer.from('HTTP\r\n\r\n3\r\nabc\r\n0\r\n\r\nNEXT');
  t.equal(
    body.take(bytes, 8, (piece) => pieces.push(piece.toString())),
    13,
  );
  t.strictSame(pieces, ['abc']);
});

t.test('a line may be 8 KiB long, whether it comes at once or in pieces', async (t) => {
  const line = (length: number) => `3;${'x'.repeat(length - 4)}\r\n`;
  for (const cut of [0, 5000]) {
    const pieces = (length: number) => [
      line(length).slice(0, cut),
      `${line(length).slice(cut)}abc\r\n0\r\n\r\n`,
    ];
    t.equal(read(pieces(8192))?.content, 'abc', `at ${cut}`);
    t.equal(read(pieces(8193)), undefined, `at ${cut}`);
  }
  t.equal(read(['x'.repeat(8193)]), undefined, 'though it goes on');
});

t.test('a size has twelve digits at most', async (t) => {
  t.equal(read(['000000000003\r\nabc\r\n0\r\n\r\n'])?.content, 'abc');
  t.equal(read(['0000000000003\r\nabc\r\n0\r\n\r\n']), undefined);
});

t.test('what is not chunked framing is refused', async (t) => {
  for (const bytes of [
    'x\r\nabc\r\n',
    '3x\r\nabc\r\n',
    ' 3\r\nabc\r\n',
    ';3\r\nabc\r\n',
    ' \r\nabc\r\n',
    '3\r\nabcx\r\n',
    '3\r\nabc3\r\n',
    '0\r\n\n',
    '0\r\n Trailer: x\r\n\r\n',
    '0\r\nno name: x\r\n\r\n',
    '0\r\nTrailer: x\x00\r\n\r\n',
    '0\r\nTrailer: x\n\r\n',
    '-3\r\nabc\r\n',
    '0x3\r\nabc\r\n',
    '\r\nabc',
    '3\nabc\r\n',
    ' 3\r\nabc\r\n',
    '3\v\r\nabc\r\n',
    '3\f\r\nabc\r\n',
    '3\r\r\nabc\r\n',
    '3\xa0\r\nabc\r\n',
    '3\0\r\nabc\r\n',
    '3 x\r\nabc\r\n',
    '3;a\0b\r\nabc\r\n',
    '3;a\rb\r\nabc\r\n',
    '3,3\r\nabc\r\n',
    '+3\r\nabc\r\n',
    '1_0\r\nabc\r\n',
    '0\r\nno header\r\n\r\n',
    '0\r\n: x\r\n\r\n',
    '0\r\nA : x\r\n\r\n',
    '0\r\nA: \0\r\n\r\n',
    '0\r\n folded\r\n\r\n',
    `0\r\n${'A: 12345\r\n'.repeat(1100)}\r\n`,
    '3\r\nabcd\r\n',
    '3\r\nabc\n0\r\n\r\n',
    'fffffffffffff\r\n',
    '1'.repeat(10_000),
  ]) {
    t.equal(read([bytes]), undefined, JSON.stringify(bytes.slice(0, 20)));
  }
});
