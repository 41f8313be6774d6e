import t from 'tap';
import { eachField } from '#src/doors/envoy/grpc/fields.js';

/** Fields with a length as they are shown, and whether the walk came to its end. */
function walk(bytes: number[], start = 0, end = bytes.length): [boolean, [number, number[]][]] {
  const found: [number, number[]][] = [];
  const message = Uint8Array.from(bytes);
  const whole = eachField(
    message,
    start,
    end,
    (field, from, to, all) => {
      all.push([field, [...message.subarray(from, to)]]);
      return field !== 15;
    },
    found,
  );
  return [whole, found];
}

/** Field 1 of each wire type. */
const VARINT = 0x08;
const FIXED64 = 0x09;
const BYTES = 0x0a;
const FIXED32 = 0x0d;

t.test('fields with a length are shown, and all others are stepped over', async (t) => {
  const cases: [string, number[], [number, number[]][]][] = [
    ['nothing', [], []],
    ['a text', [BYTES, 2, 7, 8], [[1, [7, 8]]]],
    ['an empty one', [BYTES, 0], [[1, []]]],
    ['of a high field', [0xfa, 0x3f, 1, 9], [[1023, [9]]]],
    ['of the highest', [0xfa, 0xff, 0xff, 0xff, 0x0f, 1, 9], [[0x1fffffff, [9]]]],
    ['a small varint', [VARINT, 3, BYTES, 1, 5], [[1, [5]]]],
    ['a varint', [VARINT, 0x80, 1, BYTES, 1, 5], [[1, [5]]]],
    ['a varint of ten bytes', [VARINT, ...Array(9).fill(0xff), 1, BYTES, 1, 5], [[1, [5]]]],
    ['eight bytes', [FIXED64, 1, 2, 3, 4, 5, 6, 7, 8, BYTES, 1, 5], [[1, [5]]]],
    ['four bytes', [FIXED32, 1, 2, 3, 4, BYTES, 1, 5], [[1, [5]]]],
    [
      'two',
      [BYTES, 1, 5, 0x12, 2, 6, 7],
      [
        [1, [5]],
        [2, [6, 7]],
      ],
    ],
    ['a length of two bytes', [BYTES, 0x81, 1, ...Array(129).fill(3)], [[1, Array(129).fill(3)]]],
  ];
  for (const [name, bytes, found] of cases) t.strictSame(walk(bytes), [true, found], name);
});

t.test('what breaks off, or is no field, ends the walk', async (t) => {
  const cases: [string, number[], [number, number[]][]][] = [
    ['half a tag', [0x8a], []],
    ['a tag alone', [BYTES], []],
    ['a length alone', [BYTES, 1], []],
    ['one byte too few', [BYTES, 3, 1, 2], []],
    ['half a length', [BYTES, 0x81], []],
    ['a varint without an end', [VARINT, 0x80], []],
    ['a varint of eleven bytes', [VARINT, ...Array(10).fill(0xff), 1], []],
    ['and what follows on it', [VARINT, ...Array(10).fill(0xff), BYTES, 1, 5], []],
    ['seven of eight bytes', [FIXED64, 1, 2, 3, 4, 5, 6, 7], []],
    ['three of four bytes', [FIXED32, 1, 2, 3], []],
    ['a group', [0x0b], []],
    ['the end of a group', [0x0c], []],
    ['a type that there is not', [0x0e], []],
    ['another', [0x0f], []],
    ['behind what was good', [BYTES, 1, 5, 0x0b], [[1, [5]]]],
    ['a length beyond everything', [BYTES, ...Array(9).fill(0xff), 1], []],
  ];
  for (const [name, bytes, found] of cases) t.strictSame(walk(bytes), [false, found], name);
});

t.test('a visitor ends the walk, and only what is between start and end is looked at', async (t) => {
  t.strictSame(walk([0x7a, 1, 5, BYTES, 1, 6]), [false, [[15, [5]]]]);
  t.strictSame(walk([0xff, BYTES, 1, 5, 0xff], 1, 4), [true, [[1, [5]]]]);
  t.strictSame(walk([BYTES, 2, 5, 6], 0, 3), [false, []], 'not past the end');
  t.strictSame(walk([VARINT, 0x80, 1], 0, 2), [false, []]);
});
