/** Frames as the lz4 program makes them are read, and what is not sound, or too large, is not. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { lz4Store, lz4Uncompress, xxh32 } from '#src/payload/lz4.js';

const TEXT = Buffer.from(
  Array.from({ length: 9000 }, (_, i) => `metric_${i % 11} ${Math.floor(i / 1000)}\n`).join(''),
);

/** Of TEXT, made by lz4 1.9.4. */
const FRAMES: readonly (readonly [name: string, frame: string])[] = [
  [
    'blocks that refer to those before',
    'BCJNGERAXjECAACzbWV0cmljXzAgMAoLABYxCwAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////nFDFTKwcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////bFDJSKyYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAWNgsAFjcLABY4CwAPegD////////////////////////////////////////////////////////yFDNTKxY5CwAmMTAMAAcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAPegD////////////////////////////////////////////////////////yFDRTKxY4CwAWOQsAJjEwDAAHCwAWMRYAFjILABYzCwAWNAsAFjULABY2CwAPegD////////////////////////////////////////////////////////yFDVTKxY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAPegD//////////////////////////////////////////////////+9QXzEgNQobAQAADxQn////6hQ2UysWNgsAFjcLABY4CwAWOQsAJjEwDAAHCwAWMRYAFjILABYzCwAWNAsAD3oA////////////////////////////////////////////////////////8hQ3UysWNQsAFjYLABY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAWMwsAD3oA////////////////////////////////////////////////////////8hQ4UysWNAsAFjULABY2CwAWNwsAFjgLABY5CwAmMTAMAAcLABYxFgAWMgsAD3oA////////////////////////////////////////////////////////5FBfMSA4CgAAAACH4AzS',
  ],
  [
    'checksums of blocks, and its size',
    'BCJNGHRAvTECAACzbWV0cmljXzAgMAoLABYxCwAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////nFDFTKwcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////bFDJSKyYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAWNgsAFjcLABY4CwAPegD////////////////////////////////////////////////////////yFDNTKxY5CwAmMTAMAAcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAPegD////////////////////////////////////////////////////////yFDRTKxY4CwAWOQsAJjEwDAAHCwAWMRYAFjILABYzCwAWNAsAFjULABY2CwAPegD////////////////////////////////////////////////////////yFDVTKxY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAPegD//////////////////////////////////////////////////+9QXzEgNQrPPskgUQEAALNtZXRyaWNfMiA1CgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLACYxMAwABwsAFjEWAA96AP///2kUNvEDFjYLABY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAWMwsAFjQLAA96AP////////////////////////////////////////////////////////IUN1MrFjULABY2CwAWNwsAFjgLABY5CwAmMTAMAAcLABYxFgAWMgsAFjMLAA96AP////////////////////////////////////////////////////////IUOFMrFjQLABY1CwAWNgsAFjcLABY4CwAWOQsAJjEwDAAHCwAWMRYAFjILAA96AP///////////////////////////////////////////////////////+RQXzEgOApiA8ULAAAAAIfgDNI=',
  ],
  [
    'no checksum of the content',
    'BCJNGGBQ+0MDAACzbWV0cmljXzAgMAoLABYxCwAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////nFDFTKwcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFjkLABcxbwAHCwAPegD////////////////////////////////////////////////////////bFDJSKyYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAWNgsAFjcLABY4CwAPegD////////////////////////////////////////////////////////yFDNTKxY5CwAmMTAMAAcLABYxFgAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAPegD////////////////////////////////////////////////////////yFDRTKxY4CwAWOQsAJjEwDAAHCwAWMRYAFjILABYzCwAWNAsAFjULABY2CwAPegD////////////////////////////////////////////////////////yFDVTKxY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAWMwsAFjQLABY1CwAPegD////////////////////////////////////////////////////////yFDZTKxY2CwAWNwsAFjgLABY5CwAmMTAMAAcLABYxFgAWMgsAFjMLABY0CwAPegD////////////////////////////////////////////////////////yFDdTKxY1CwAWNgsAFjcLABY4CwAWOQsAJjEwDAAHCwAWMRYAFjILABYzCwAPegD////////////////////////////////////////////////////////yFDhTKxY0CwAWNQsAFjYLABY3CwAWOAsAFjkLACYxMAwABwsAFjEWABYyCwAPegD////////////////////////////////////////////////////////kUF8xIDgKAAAAAA==',
  ],
  [
    'high compression',
    'BCJNGGRQCCEDAACzbWV0cmljXzAgMAoLABYxCwAWMgsAFjMLABY0CwAWNQsAFjYLABY3CwAWOAsAFzljAAdvAA96AP////////////////////////////////////////////////////////IWMXoAFjF6ABYxegAWMXoAFjF6ABYxegAWMXoAFjF6ABYxegAWMXoAHzF6AP////////////////////////////////////////////////////////oXMnoABQwABwsAFjELABYyCwAWMwsAFjQLABY1CwAWNgsAFjcLAD84IDJ6AP////////////////////////////////////////////////////////oWM3oAFzN6AAUMAAcLABYxCwAWMgsAFjMLABY0CwAWNQsAFjYLAD83IDN6AP////////////////////////////////////////////////////////oWNHoAFjR6ABc0egAFDAAHCwAWMQsAFjILABYzCwAWNAsAFjULAD82IDR6AP////////////////////////////////////////////////////////oWNXoAFjV6ABY1egAXNXoABQwABwsAFjELABYyCwAWMwsAFjQLAD81IDV6AP////////////////////////////////////////////////////////oWNnoAFjZ6ABY2egAWNnoAFzZ6AAUMAAcLABYxCwAWMgsAFjMLAD80IDZ6AP////////////////////////////////////////////////////////oWN3oAFjd6ABY3egAWN3oAFjd6ABc3egAFDAAHCwAWMQsAFjILAD8zIDd6AP////////////////////////////////////////////////////////oWOHoAFjh6ABY4egAWOHoAFjh6ABY4egAXOHoABQwABwsAFjELAD8yIDh6AP///////////////////////////////////////////////////////+xQXzEgOAoAAAAAh+AM0g==',
  ],
];

/** Of nothing, of one byte, and with a match that repeats itself. */
const SMALL: readonly (readonly [plain: string, frame: string])[] = [
  ['', '04224d186440a700000000055dcc02'],
  ['a', '04224d186440a701000080610000000056740d55'],
  ['hello hello hello hello hello', '04224d186440a70f0000006e68656c6c6f2006005068656c6c6f0000000079b1fff9'],
  [
    'hello hello hello hello hello',
    '04224d187440bd0f0000006e68656c6c6f2006005068656c6c6f98f6dc6d0000000079b1fff9',
  ],
];

t.test('frames of each kind are read', async (t) => {
  for (const [name, frame] of FRAMES) {
    const plain = lz4Uncompress(Buffer.from(frame, 'base64'), 1 << 20);
    t.ok(plain instanceof Uint8Array && TEXT.equals(plain), name);
  }
  for (const [plain, frame] of SMALL) {
    t.equal(`${Buffer.from(lz4Uncompress(Buffer.from(frame, 'hex'), 100) as Uint8Array)}`, plain);
  }
});

t.test('a frame that was changed anywhere is refused, or reads the same', async (t) => {
  const [plain, frame] = SMALL[3] ?? ['', ''];
  const sound = Buffer.from(frame, 'hex');
  let refused = 0;
  for (let at = 0; at < sound.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(sound);
      changed[at] = (changed[at] as number) ^ (1 << bit);
      const result = lz4Uncompress(changed, 1000);
      if (!(result instanceof Uint8Array)) refused++;
      else if (`${Buffer.from(result)}` !== plain) t.fail(`byte ${at}, bit ${bit} is not noticed`);
    }
    t.notOk(lz4Uncompress(sound.subarray(0, at), 1000) instanceof Uint8Array, `${at} bytes of it`);
  }
  t.ok(refused > sound.length * 7, `${refused} of ${sound.length * 8}`);
  t.match(lz4Uncompress(Buffer.concat([sound, Buffer.alloc(1)]), 1000), { fault: /behind/ });
  t.match(lz4Uncompress(Buffer.concat([sound, sound]), 1000), { fault: /behind/ });
});

/** With the checksum of what comes after the magic number. */
function headed(...header: number[]): Buffer {
  const head = Buffer.from([0x04, 0x22, 0x4d, 0x18, ...header, 0]);
  head[head.length - 1] = (xxh32(head, 4, head.length - 1) >>> 8) & 255;
  return head;
}

function lengthOf(block: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(block.length);
  return bytes;
}

t.test('caps hold before memory is taken', async (t) => {
  const [, frame = ''] = FRAMES[0] ?? [];
  t.equal(lz4Uncompress(Buffer.from(frame, 'base64'), TEXT.length - 1), 'too_large');
  const claim = headed(0x68, 0x40, ...Buffer.from('ffffffffffffff7f', 'hex'));
  t.equal(lz4Uncompress(Buffer.concat([claim, Buffer.alloc(4)]), 1 << 20), 'too_large', 'by what it claims');
  // A match of 255 bytes for each byte: 4 MiB from 16 kB, block after block.
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x61, 1, 0]),
    Buffer.alloc(16_000, 255),
    Buffer.from([0, 0x10, 0x61]),
  ]);
  const blocks = Array.from({ length: 50 }, () => [lengthOf(block), block]).flat();
  const bomb = Buffer.concat([headed(0x60, 0x70), ...blocks, Buffer.alloc(4)]);
  t.equal(lz4Uncompress(bomb, 8 << 20), 'too_large');
  t.equal((lz4Uncompress(bomb, 256 << 20) as Uint8Array).length, 50 * (1 + 15 + 16_000 * 255 + 4 + 1));
});

t.test('nothing that is thrown at it goes past its cap, or ends in an error', async () => {
  await fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(0x60, 0x40, 0x64, 0x78), (bytes, flags) => {
      const head = headed(flags, 0x40);
      for (const frame of [
        bytes,
        Buffer.concat([head, bytes]),
        Buffer.concat([head, lengthOf(bytes), bytes, Buffer.alloc(4)]),
      ]) {
        const result = lz4Uncompress(frame, 4096);
        if (result instanceof Uint8Array && result.length > 4096) throw new Error('past its cap');
      }
    }),
    { numRuns: 5000 },
  );
});

t.test('what is stored is read again', async (t) => {
  for (const bytes of [0, 1, 100, 5 << 20]) {
    const plain = Buffer.alloc(bytes, 'ab');
    t.ok(plain.equals(lz4Uncompress(lz4Store(plain), 8 << 20) as Uint8Array), `${bytes} bytes`);
  }
});

t.test('the lz4 program reads what is stored, where it is installed', async (t) => {
  try {
    execFileSync('lz4', ['--version']);
  } catch {
    t.pass('it is not');
    return;
  }
  t.ok(TEXT.equals(execFileSync('lz4', ['-dc'], { input: lz4Store(TEXT) })));
});
