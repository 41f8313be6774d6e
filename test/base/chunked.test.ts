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
    extension: fc.constantFrom('', ';a=b', ' '),
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

t.test('what is not chunked framing is refused', async (t) => {
  for (const bytes of [
    'x\r\nabc\r\n',
    '-3\r\nabc\r\n',
    '0x3\r\nabc\r\n',
    '\r\nabc',
    '3\nabc\r\n',
    '3\r\nabcd\r\n',
    '3\r\nabc\n0\r\n\r\n',
    'fffffffffffff\r\n',
    '1'.repeat(10_000),
  ]) {
    t.equal(read([bytes]), undefined, JSON.stringify(bytes.slice(0, 20)));
  }
});
