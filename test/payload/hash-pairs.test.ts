/**
 * Two label values of one length that differ in two characters: the differences that a weak hash lets cancel each other,
 * and that pod names, addresses and counters are full of. Every pair of places, 1,024 values each.
 */
import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { encodeVersion1 } from './encode.js';
import { hashes } from './oracle.js';

const LETTERS = [...'0123456789abcdefghijklmnopqrstuv'];
const decoder = new InlineDecoder(64 << 20);

for (const length of [7, 16, 27, 40]) {
  t.test(`no two values of ${length} characters that differ in two places have the same hash`, async (t) => {
    for (let first = 0; first < length; first++) {
      for (let second = first + 1; second < length; second++) {
        const alike = LETTERS.length ** 2 - new Set(hashesOf(valuesAt(length, first, second))).size;
        if (alike > 0) t.fail(`${alike} collisions of values that differ at ${first} and ${second}`);
      }
    }
  });
}

function valuesAt(length: number, first: number, second: number): string[] {
  const base = 'x'.repeat(length);
  const start = base.slice(0, first);
  const middle = base.slice(first + 1, second);
  const end = base.slice(second + 1);
  return LETTERS.flatMap((a) => LETTERS.map((b) => start + a + middle + b + end));
}

/** Of one series for each value. */
function hashesOf(values: string[]): bigint[] {
  const series = values.map((value) => ({
    labels: [['pod', value] as const],
    value: 1,
    timestampMs: 1_700_000_000_000,
  }));
  const body = encodeVersion1(series);
  const push = decoder.decodePlain(body, {
    protocol: 'rw1',
    maxUncompressedBytes: 1 << 20,
    maxSeries: values.length,
    excludeLabel: '',
  });
  if (push.kind !== 'push') throw new Error(push.message);
  return hashes(push);
}
