import fc from 'fast-check';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { compressPatchable, type Mark } from '#src/loadtest/patchable-snappy.js';

/** Repetitive bytes, so that there is something to copy, and marks within them. */
const marked = fc
  .record({
    pieces: fc.array(
      fc.record({
        text: fc.oneof(
          fc.constantFrom('container_memory_rss', 'namespace', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', ''),
          fc.string({ maxLength: 90 }),
        ),
        mark: fc.integer({ min: 0, max: 20 }),
      }),
      { maxLength: 60 },
    ),
    times: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ pieces, times }) => {
    const marks: Mark[] = [];
    const parts: Buffer[] = [];
    let at = 0;
    for (const { text, mark } of Array.from({ length: times }, () => pieces).flat()) {
      parts.push(Buffer.from(text), Buffer.alloc(mark, 0x20));
      at += Buffer.byteLength(text);
      if (mark > 0) marks.push({ at, length: mark });
      at += mark;
    }
    return { input: Buffer.concat(parts), marks };
  });

t.test('what is compressed comes back, marks or not', async () => {
  fc.assert(
    fc.property(marked, ({ input, marks }) => {
      const { body } = compressPatchable(input, marks);
      return input.equals(Buffer.from(SnappyJS.uncompress(body)));
    }),
  );
});

t.test('bytes written over a mark in the compressed body change that mark and nothing else', async () => {
  fc.assert(
    fc.property(marked, fc.nat(), ({ input, marks }, which) => {
      if (marks.length === 0) return true;
      const { body, positions } = compressPatchable(input, marks);
      const index = which % marks.length;
      const { at, length } = marks[index]!;
      body.fill(0xee, positions[index]!, positions[index]! + length);
      const expected = Buffer.from(input).fill(0xee, at, at + length);
      return expected.equals(Buffer.from(SnappyJS.uncompress(body)));
    }),
  );
});

t.test('long inputs are compressed, in copies that reach back no further than two bytes say', async (t) => {
  const input = Buffer.from('a line of some length that repeats itself over and over again\n'.repeat(4000));
  const random = Buffer.from(Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24));
  const all = Buffer.concat([input, random, input]);
  const { body } = compressPatchable(all, []);
  t.ok(all.equals(Buffer.from(SnappyJS.uncompress(body))));
  t.ok(body.length < all.length / 3, `${body.length} of ${all.length}`);
});
