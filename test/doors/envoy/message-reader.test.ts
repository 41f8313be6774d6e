import t from 'tap';
import { framed, MessageReader, PREFIX_BYTES } from '#src/doors/envoy/grpc/message-reader.js';
import { slabBytes } from '#src/doors/slabs.js';

const always = () => true;
const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251));

t.test('a message is whole when all of it has come, in whatever pieces', async (t) => {
  for (const length of [0, 1, 100, 4096, 4097, 300_000]) {
    const frame = framed(bytes(length));
    for (const piece of [1, 4, 5, 6, 5000, frame.length]) {
      if (piece < 10 && length > 5000) continue;
      const reader = new MessageReader(length, always);
      t.equal(reader.isEmpty, true);
      t.equal(reader.isWhole, false);
      t.equal(firstFault(reader, frame, piece), undefined, `${length} bytes in pieces of ${piece}`);
      t.ok(reader.message().equals(bytes(length)), `${length} bytes in pieces of ${piece}`);
      reader.release();
    }
  }
});

/** Adds a frame piece by piece. */
function firstFault(reader: MessageReader, frame: Buffer, piece: number): string | undefined {
  for (let at = 0; at < frame.length; at += piece) {
    const chunk = frame.subarray(at, at + piece);
    if (reader.add(chunk, 0) !== chunk.length || reader.isEmpty) return `not taken at ${at}`;
    if (reader.isWhole !== (at + chunk.length === frame.length)) return `whole or not at ${at}`;
  }
  return undefined;
}

t.test('only its own bytes are taken of a chunk', async (t) => {
  const two = Buffer.concat([Buffer.from('xx'), framed(bytes(10)), framed(bytes(3))]);
  const first = new MessageReader(100, always);
  t.equal(first.add(two, 2), 15);
  t.ok(first.message().equals(bytes(10)));
  const second = new MessageReader(100, always);
  t.equal(second.add(two, 17), 8);
  t.ok(second.message().equals(bytes(3)));
  t.equal(second.add(two, 0), 0, 'nothing more, once it is whole');
  t.equal(
    new MessageReader(100, always).add(two.subarray(0, 5), 2),
    3,
    'a part of what is before the message',
  );
});

t.test('what is compressed, too large or over the budget is none', async (t) => {
  const compressed = new MessageReader(100, always);
  t.equal(compressed.add(Buffer.from([1]), 0), 'compressed');
  const length = new MessageReader(100, always);
  t.equal(length.add(Buffer.from([0, 1]), 0), 2, 'the flag is the first byte alone');
  for (const [most, claimed, taken] of [
    [10, 10, 5],
    [10, 11, 'too_large'],
    [2 ** 31, 2 ** 31, 5],
    [2 ** 31, 0xffff_ffff, 'too_large'],
  ] as const) {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(claimed, 1);
    t.equal(new MessageReader(most, always).add(prefix, 0), taken, `${claimed} of ${most}`);
  }
  t.equal(new MessageReader(100, () => false).add(framed(bytes(10)), 0), 'over_budget');
  t.equal(new MessageReader(100, () => false).add(framed(bytes(0)), 0), PREFIX_BYTES, 'which takes nothing');
});

t.test('memory is reserved as bytes come, at most twice as many', async (t) => {
  const reserved: number[] = [];
  const reader = new MessageReader(1 << 20, (more) => reserved.push(more) > 0);
  const frame = framed(bytes(200_000));
  reader.add(frame.subarray(0, 5), 0);
  t.strictSame(reserved, [], 'a claim takes none');
  reader.add(frame.subarray(5, 3005), 0);
  t.strictSame(reserved, [slabBytes(12_000)], 'a first piece is a fourth of what comes, or so');
  for (let at = 3005; at < frame.length; at += 5000) {
    reader.add(frame.subarray(at, at + 5000), 0);
    const held = reserved.reduce((sum, more) => sum + more, 0);
    const come = Math.min(frame.length, at + 5000);
    if (held > 2 * come + slabBytes(12_000)) t.fail(`${held} bytes for ${come}`);
  }
  t.ok(reserved.length < 8, `${reserved}`);
  t.ok(reader.message().equals(bytes(200_000)));
  const behind: number[] = [];
  const other = Buffer.concat([Buffer.alloc(6000), frame.subarray(0, 3005)]);
  new MessageReader(1 << 20, (more) => behind.push(more) > 0).add(other, 6000);
  t.strictSame(behind, [slabBytes(12_000)], 'what is in front of it in a chunk takes none');
  const last: number[] = [];
  const rest = new MessageReader(1 << 20, (more) => last.push(more) > 0);
  const whole = framed(bytes(20_000));
  rest.add(whole.subarray(0, 3005), 0);
  rest.add(whole.subarray(3005), 0);
  t.strictSame(
    last,
    [slabBytes(12_000), slabBytes(20_000 - slabBytes(12_000))],
    'nor is more taken at the end',
  );
  const small: number[] = [];
  new MessageReader(1 << 20, (more) => small.push(more) > 0).add(framed(bytes(5000)), 0);
  t.strictSame(small, [slabBytes(5000)], 'never more than the message');
});

t.test('a message is in a frame of one byte and its length', async (t) => {
  t.strictSame([...framed(Uint8Array.from([7, 8]))], [0, 0, 0, 0, 2, 7, 8]);
  t.strictSame([...framed(new Uint8Array(0x010203)).subarray(0, 5)], [0, 0, 1, 2, 3]);
});

t.test('the memory of a message that is released is another one to fill', async (t) => {
  const one = new MessageReader(100_000, always);
  one.add(framed(bytes(5000)), 0);
  const memory = one.message().buffer;
  one.release();
  one.release();
  const [two, three] = [new MessageReader(100_000, always), new MessageReader(100_000, always)];
  two.add(framed(bytes(5000)), 0);
  three.add(framed(bytes(5000)), 0);
  t.equal(two.message().buffer, memory);
  t.not(three.message().buffer, memory, 'and of one only');
  const joined = new MessageReader(1 << 20, always);
  joined.add(framed(bytes(600_000)), 0);
  const whole = joined.message();
  const next = new MessageReader(1 << 20, always);
  next.add(framed(Buffer.alloc(600_000, 255)), 0);
  t.ok(whole.equals(bytes(600_000)), 'of several pieces there is one that is nobody else to write');
});
