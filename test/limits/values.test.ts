import t from 'tap';
import {
  nearestName,
  readBoolean,
  readDurationMs,
  readInteger,
  readNumber,
  readSizeBytes,
} from '#src/limits/values.js';

t.test('numbers are read as people and Mimir write them', async (t) => {
  for (const [text, value] of [
    [10, 10],
    ['10000', 10000],
    ['1e6', 1e6],
    ['1E+06', 1e6],
    [' 2.5 ', 2.5],
    ['.5', 0.5],
  ] as const) {
    t.equal(readNumber(text), value);
  }
  for (const bad of [
    '',
    'ten',
    '1e',
    '0x10',
    '1_00',
    'Infinity',
    'NaN',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    true,
  ]) {
    t.equal(readNumber(bad), undefined, String(bad));
  }
  t.equal(readInteger('1e6'), 1_000_000);
  t.equal(readInteger(1.5), undefined);
  t.equal(readInteger(1e300), undefined);
});

t.test('durations and sizes have units', async (t) => {
  t.equal(readDurationMs('1h30m'), 5_400_000);
  t.equal(readDurationMs('1y2w3d'), 31_536_000_000 + 1_209_600_000 + 259_200_000);
  t.equal(readDurationMs('500us'), 0.5);
  t.equal(readDurationMs('1.5s'), 1500);
  t.equal(readDurationMs(0), 0);
  for (const bad of ['', '5', 5, 's', '5 s', '-5s', '5x', null])
    t.equal(readDurationMs(bad), undefined, String(bad));
  t.equal(readSizeBytes('100MiB'), 104_857_600);
  t.equal(readSizeBytes('2kb'), 2000);
  t.equal(readSizeBytes(7), 7);
  for (const bad of ['', 'MiB', '1PiB', '-1', null]) t.equal(readSizeBytes(bad), undefined, String(bad));
});

t.test('booleans and near names', async (t) => {
  t.equal(readBoolean('yes'), true);
  t.equal(readBoolean(false), false);
  t.equal(readBoolean('maybe'), undefined);
  t.equal(nearestName('ingestion_ratee', ['ingestion_rate', 'request_rate']), 'ingestion_rate');
  t.equal(nearestName('xyz', ['ingestion_rate']), undefined);
});
