/** Pushes of one series each, which has a number that no other push has: so whoever takes them can say which came, and how often. */
import SnappyJS from 'snappyjs';

/** Larger bodies are none of these. */
const MOST_BYTES = 200;

/** The label's name, and the tag of its value. */
const NUMBER = Buffer.from('\n\x01n\x12', 'latin1');

/** One sample of `numbered{n="17"}`, as Prometheus would send it. */
export function numberedPush(number: number): Buffer {
  const labels = [label('__name__', 'numbered'), label('n', String(number))];
  const sample = Buffer.alloc(9 + 8);
  sample[0] = 0x09;
  sample.writeDoubleLE(1, 1);
  sample[9] = 0x10;
  const timestamp = varint(Date.now());
  const body = Buffer.concat([sample.subarray(0, 10), timestamp]);
  const series = Buffer.concat([...labels.map((one) => field(1, one)), field(2, body)]);
  return Buffer.from(SnappyJS.compress(field(1, series)));
}

export function numberOf(body: Buffer): number | undefined {
  if (body.length > MOST_BYTES) return undefined;
  const bytes = Buffer.from(SnappyJS.uncompress(body));
  const at = bytes.indexOf(NUMBER);
  // What follows is the value's length and the value.
  const from = at + NUMBER.length + 1;
  return at < 0 ? undefined : Number(bytes.toString('latin1', from, from + (bytes[from - 1] ?? 0)));
}

function label(name: string, value: string): Buffer {
  return Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))]);
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}
