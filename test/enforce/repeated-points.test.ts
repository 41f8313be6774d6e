/** What is charged in place of a point that is left out, where equal points at one time are charged once. */
import t from 'tap';
import { LeftOut } from '#src/enforce/left-out.js';
import { chargedInstead } from '#src/enforce/repeated-points.js';
import {
  type Push,
  RECORD_HASH_HIGH,
  RECORD_HASH_LOW,
  RECORD_HISTOGRAMS,
  RECORD_LEAST_TIMESTAMP,
  RECORD_SAMPLES,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { push } from './fixtures.js';

interface Point {
  readonly hash?: readonly [low: number, high: number];
  readonly time?: readonly [low: number, high: number];
  readonly samples?: number;
  readonly histograms?: number;
  readonly leftOut?: true;
}

function instead(points: readonly Point[], given: Partial<Push> = {}): number {
  const one: Push = { ...push(points.map(() => ({}))), protocol: 'otlp', uncharged: 1, ...given };
  for (const [row, { hash = [1, 1], time = [1, 1], samples = 1, histograms = 0 }] of points.entries()) {
    const record = one.records.subarray(row * RECORD_WORDS, (row + 1) * RECORD_WORDS);
    [record[RECORD_HASH_LOW], record[RECORD_HASH_HIGH]] = hash;
    [record[RECORD_LEAST_TIMESTAMP], record[RECORD_LEAST_TIMESTAMP + 1]] = time;
    record[RECORD_SAMPLES] = samples;
    record[RECORD_HISTOGRAMS] = histograms;
  }
  const leftOut = new LeftOut(one);
  for (const [row, point] of points.entries()) if (point.leftOut) leftOut.passOver(one, row);
  return chargedInstead(one, leftOut);
}

const KEPT: Point = {};
const LEFT: Point = { leftOut: true };

t.test('the first of equal points that stays is charged, where all before it are left out', async (t) => {
  for (const [points, charged] of [
    [[KEPT, KEPT], 0],
    [[LEFT, KEPT], 1],
    [[LEFT, LEFT, KEPT], 1],
    [[LEFT, KEPT, KEPT], 1],
    [[KEPT, LEFT, KEPT], 0],
    [[LEFT, LEFT], 0],
    [[LEFT], 0],
  ] as const) {
    const told = points.map((point) => (point === KEPT ? 'kept' : 'left out')).join(', ');
    t.equal(instead(points), charged, told);
    const histograms = points.map((point) => ({ ...point, samples: 0, histograms: 1 }));
    t.equal(instead(histograms), charged, `histograms: ${told}`);
  }
});

t.test('equal are points of one series at one time, of one kind', async (t) => {
  for (const [what, other] of [
    ['low part of the series', { hash: [2, 1] }],
    ['high part of the series', { hash: [1, 2] }],
    ['low part of the time', { time: [2, 1] }],
    ['high part of the time', { time: [1, 2] }],
    ['kind', { samples: 0, histograms: 1 }],
  ] as const) {
    t.equal(instead([LEFT, other]), 0, `another ${what}`);
    t.equal(instead([{ ...other, ...LEFT }, other]), 1, `the same ${what}`);
  }
});

t.test(
  'series without a point or with several, as target_info has, are no points that come twice',
  async (t) => {
    for (const of of [
      { samples: 0 },
      { samples: 2 },
      { samples: 1, histograms: 1 },
      { samples: 2, histograms: 1 },
    ]) {
      t.equal(instead([{ ...of, ...LEFT }, of]), 0, JSON.stringify(of));
    }
  },
);

t.test(
  'in other protocols, and where no point comes twice, all that is sent is charged as it is',
  async (t) => {
    t.equal(instead([LEFT, KEPT], { protocol: 'rw1' }), 0);
    t.equal(instead([LEFT, KEPT], { uncharged: 0 }), 0);
  },
);
