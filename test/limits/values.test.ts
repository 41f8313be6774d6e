import t, { type Test } from 'tap';
import {
  nearestName,
  readBoolean,
  readDurationMs,
  readInteger,
  readNumber,
  readSizeBytes,
} from '#src/limits/values.js';

type Reader = (value: unknown) => unknown;
type Cases = readonly (readonly [unknown, unknown])[];

/** What a reader makes of each value; of those that are bad it makes nothing. */
function reads(t: Test, read: Reader, good: Cases, bad: readonly unknown[]): void {
  for (const [value, expected] of good) t.equal(read(value), expected, JSON.stringify(value));
  for (const value of bad) t.equal(read(value), undefined, `${typeof value} ${JSON.stringify(value)}`);
}

t.test('numbers are read as people and Mimir write them', async (t) => {
  reads(
    t,
    readNumber,
    [
      [10, 10],
      [-1.5, -1.5],
      ['10000', 10000],
      ['+7', 7],
      ['-7', -7],
      ['1e6', 1e6],
      ['1E+06', 1e6],
      ['25e-1', 2.5],
      ['1e12', 1e12],
      [' 2.5 ', 2.5],
      ['12.25', 12.25],
      ['5.', 5],
      ['.5', 0.5],
      ['.25', 0.25],
      ['1_000', 1000],
      ['123_456_789', 123_456_789],
    ],
    [
      '',
      'ten',
      '1e',
      'e5',
      '.',
      '0x10',
      '1_00',
      '1_0000',
      '1234_567',
      '_000',
      ' 1_000',
      '1_000x',
      'x1_000',
      '1_000_',
      '5x',
      'x5',
      '1.x',
      '.x',
      '1e5x',
      '1ex',
      'Infinity',
      'NaN',
      '9e999',
      Number.NaN,
      Number.POSITIVE_INFINITY,
      null,
      undefined,
      true,
      [5],
    ],
  );
  reads(
    t,
    readInteger,
    [
      ['1e6', 1_000_000],
      [-3, -3],
    ],
    [1.5, '1.5', 1e300, 'x', null],
  );
});

t.test('durations have units, as many as one likes', async (t) => {
  reads(
    t,
    readDurationMs,
    [
      [0, 0],
      ['0', 0],
      ['0s', 0],
      ['3000000ns', 3],
      ['500us', 0.5],
      ['500µs', 0.5],
      ['12ms', 12],
      ['30s', 30_000],
      ['1.5s', 1500],
      ['1.25s', 1250],
      ['10.5m', 630_000],
      ['2m', 120_000],
      ['1h30m', 5_400_000],
      ['1y2w3d', 31_536_000_000 + 1_209_600_000 + 259_200_000],
    ],
    ['', '5', 5, 's', '5 s', '-5s', '5x', '1h ', ' 1h', '1hx', 'x1h', '.5s', '1.s', '1.xs', null, ['1h']],
  );
});

t.test('sizes have units of thousands or of 1024, in any case', async (t) => {
  reads(
    t,
    readSizeBytes,
    [
      [7, 7],
      ['7', 7],
      ['7b', 7],
      ['2k', 2000],
      ['2kb', 2000],
      ['2m', 2_000_000],
      ['2MB', 2_000_000],
      ['2g', 2e9],
      ['2GB', 2e9],
      ['2Ki', 2048],
      ['2kib', 2048],
      ['2mi', 2_097_152],
      ['100MiB', 104_857_600],
      ['2gi', 2_147_483_648],
      ['2GiB', 2_147_483_648],
      [' 10  kb ', 10_000],
      ['1.25k', 1250],
      ['1.5k', 1500],
    ],
    ['', 'MiB', '1PiB', '-1', '0.5', 0.5, '1.k', '1.xk', 'x1k', '1k!', '1 k b', null, ['1'], '99999999g'],
  );
});

t.test("booleans are those that Go's YAML takes", async (t) => {
  const yes = ['true', 'True', 'yes', 'ON', 'y', true].map((value) => [value, true] as const);
  const no = ['false', 'FALSE', 'no', 'Off', 'n', false].map((value) => [value, false] as const);
  reads(
    t,
    readBoolean,
    [...yes, ...no],
    ['maybe', '', 'yes!', 'oh yes', 'no!', 'oh no', 1, 0, null, ['yes']],
  );
});

t.test('a misspelt name has the nearest one, if it is near for its length', async (t) => {
  for (const [name, names, nearest] of [
    ['ingestion_ratee', ['ingestion_rate', 'request_rate'], 'ingestion_rate'],
    ['abcd', ['abcx'], 'abcx'],
    ['abcd', ['abxx'], 'abxx'],
    ['abcd', ['axxx'], undefined],
    ['abcd', ['ab'], 'ab'],
    ['abcd', ['a'], undefined],
    ['ab', ['abcd'], 'abcd'],
    ['ab', ['abcde'], undefined],
    ['abcd', ['xabcd'], 'xabcd'],
    ['abcd', ['bcde'], 'bcde'],
    ['abcdefgh', ['abcdexxx'], undefined],
    ['abcdefghijkl', ['abcdefghixxx'], 'abcdefghixxx'],
    ['abcdefghijkl', ['abcdefghxxxx'], undefined],
    ['abcd', ['abxx', 'abcx', 'abcy'], 'abcx'],
    ['abcd', ['abcx', 'abxx'], 'abcx'],
    ['abcd', ['xxabce'], undefined],
    ['ab', ['cdef'], undefined],
    ['abcd', [], undefined],
    ['xyz', ['ingestion_rate'], undefined],
  ] as const) {
    t.equal(nearestName(name, names), nearest, `${name} of ${names}`);
  }
});
