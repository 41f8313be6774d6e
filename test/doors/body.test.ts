import fc from 'fast-check';
import t from 'tap';
import { type Body, type BodySink, HEAD_ROOM, readBody } from '#src/doors/body.js';
import { giveBackSlab, takeSlab } from '#src/doors/slabs.js';

const anything = (): boolean => true;

/** A source that gives its bytes in such pieces, each in the same memory, as a connection does. */
async function read(bytes: Uint8Array, pieces: readonly number[], declared: number): Promise<Body | string> {
  return readBody(
    {
      readBody(sink: BodySink) {
        const shared = Buffer.alloc(bytes.length);
        let at = 0;
        for (const size of [...pieces, bytes.length]) {
          const piece = bytes.subarray(at, at + size);
          shared.set(piece);
          if (piece.length > 0) sink.data(shared.subarray(0, piece.length));
          shared.fill(0xee);
          at += piece.length;
        }
        sink.end();
      },
    },
    1 << 20,
    20_000,
    declared,
    anything,
  );
}

async function whole(bytes: Uint8Array, pieces: readonly number[], declared: number): Promise<Body> {
  const body = await read(bytes, pieces, declared);
  if (typeof body === 'string') throw new Error(body);
  return body;
}

const bytes = fc
  .tuple(fc.oneof(fc.nat({ max: 9000 }), fc.nat({ max: 700_000 })), fc.nat({ max: 255 }))
  .map(([length, seed]) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed + (i >> 8)) & 255));

t.test(
  'a body is what came, whatever the pieces, and takes no more than twice its bytes and a head',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(
        bytes,
        fc.array(fc.integer({ min: 1, max: 80_000 }), { maxLength: 20 }),
        fc.boolean(),
        async (bytes, pieces, isDeclared) => {
          const body = await whole(bytes, pieces, isDeclared ? bytes.length : 0);
          const taken = new Set(body.chunks.map(({ buffer }) => buffer));
          const held = [...taken].reduce((sum, { byteLength }) => sum + byteLength, 0);
          const same = Buffer.concat(body.chunks).equals(bytes);
          body.release();
          return (
            same && body.byteLength === bytes.length && held <= Math.max(8192, 2 * (bytes.length + HEAD_ROOM))
          );
        },
      ),
      { numRuns: 300 },
    );
    t.pass();
  },
);

t.test('memory is used again when a body is released, and not before', async (t) => {
  const one = await whole(Buffer.alloc(5000, 1), [], 5000);
  const two = await whole(Buffer.alloc(5000, 2), [], 5000);
  const memory = one.chunks[0]?.buffer;
  t.not(memory, two.chunks[0]?.buffer);
  one.release();
  t.strictSame(one.chunks, [], 'who reads it after that reads nothing');
  const three = await whole(Buffer.alloc(5000, 3), [], 5000);
  t.equal(three.chunks[0]?.buffer, memory);
  t.ok(Buffer.concat(two.chunks).equals(Buffer.alloc(5000, 2)));
  one.release();
  const four = await whole(Buffer.alloc(5000, 4), [], 5000);
  t.not(four.chunks[0]?.buffer, memory, 'released twice, it is given back once');
});

t.test('what is kept for later is bounded', async (t) => {
  const size = 256 * 1024;
  const slabs = Array.from({ length: 40 }, () => takeSlab(size));
  t.ok(slabs.every(({ length }) => length === size));
  for (const slab of slabs) giveBackSlab(slab);
  const again = new Set(Array.from({ length: 40 }, () => takeSlab(size)));
  t.equal(slabs.filter((slab) => again.has(slab)).length, (4 << 20) / size);
});

t.test('what comes after a fault is not wanted', async (t) => {
  let sink: BodySink | undefined;
  const source = {
    readBody(given: BodySink): void {
      sink = given;
    },
  };
  const reading = readBody(source, 10, 20_000, 0, anything);
  t.equal(sink?.data(Buffer.alloc(11)), false);
  t.equal(await reading, 'too_large');
  t.equal(sink?.data(Buffer.alloc(1)), false);
  sink?.end();
});
