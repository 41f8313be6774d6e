import fc from 'fast-check';
import t from 'tap';
import { findInvalidSeries } from '#src/enforce/label-rules.js';
import { REASON_NAMES } from '#src/enforce/reasons.js';
import { Tally } from '#src/enforce/tally.js';
import { type Counted, History, SAMPLE_MS } from '#src/usage/history.js';
import { decode, encode, RANGE_NAMES, type Range, TRACK_BYTES } from '#src/usage/tracks.js';
import { limits, push, samples } from '../enforce/fixtures.js';

const ROOM = 64 << 20;
const STEPS: Record<Range, number> = { '1m': 6, '5m': 30, '15m': 90, '1h': 360, '24h': 8640 };

function tenant(id = 'a'): Counted {
  return { id, limits: limits(), tally: new Tally(), series: undefined };
}

t.test(
  'a step in 16 bits is never more than what it stands for, and less by a thousandth at most',
  async () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const kept = decode(encode(value));
        return kept <= value && value - kept <= value / 1024 && encode(value) <= 0xffff;
      }),
      { examples: [[0], [2047], [2048], [4095], [4096], [2 ** 40 - 1], [2 ** 40]] },
    );
  },
);

t.test('the sum over each range is what a plain list of counts says, to one rounding', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.nat(3000), fc.nat(10_000_000), fc.constant(0)), { minLength: 1, maxLength: 800 }),
      fc.nat(100_000),
      async (counts, since) => {
        const history = new History(ROOM, 0);
        const one = tenant();
        for (const [step, count] of counts.entries()) {
          one.tally.samples += count;
          await history.sample([one], (step + 1) * SAMPLE_MS);
        }
        one.tally.samples += since;
        for (const range of RANGE_NAMES) {
          const coarse = range === '24h';
          const whole = coarse ? counts.length : STEPS[range];
          const expected = counts.slice(-whole).reduce((sum, count) => sum + count, since);
          const { samples } = history.totals(one, range);
          // What is left out of the oldest step may be in the sum, and what of the newest is not.
          const slack = Math.max(...counts, since) / 512 + 1;
          if (Math.abs(samples - expected) > slack) {
            t.fail(`${range}: ${samples}, not ${expected} (slack ${slack})`);
            return false;
          }
        }
        return true;
      },
    ),
    { numRuns: 60 },
  );
});

t.test('a day is forgotten after a day, and no sum goes below nothing', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  let nowMs = 0;
  one.tally.received(samples(500));
  for (let step = 0; step < STEPS['24h'] + 12; step++) {
    nowMs += SAMPLE_MS;
    await history.sample([one], nowMs);
  }
  for (const range of RANGE_NAMES) t.equal(history.totals(one, range).samples, 0, range);
  t.equal(history.seconds('24h', nowMs), 86_400);
  t.equal(history.seconds('1h', nowMs + 4000), 3604);
});

t.test(
  'what is shown is up to date between two samples, and rates are of the time that there was',
  async (t) => {
    const history = new History(ROOM, 0);
    const one = tenant();
    one.tally.requests = 30;
    t.equal(history.totals(one, '5m').pushes, 30);
    t.equal(history.seconds('5m', 3000), 3);
    await history.sample([one], SAMPLE_MS);
    one.tally.requests = 40;
    t.equal(history.totals(one, '5m').pushes, 40);
    t.equal(history.totals(one, '24h').pushes, 40);
    t.equal(history.seconds('24h', SAMPLE_MS + 5000), 15);
    t.strictSame(history.series('a', '1h').counts.pushes, [30]);
  },
);

t.test('a tenant that leaves memory and comes back counts on from nothing', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  one.tally.requests = 1000;
  await history.sample([one], SAMPLE_MS);
  const again = tenant();
  again.tally.requests = 7;
  t.equal(history.totals(again, '5m').pushes, 1007);
  t.equal(history.totals(again, '24h').pushes, 1007);
  await history.sample([again], 2 * SAMPLE_MS);
  t.strictSame(history.series('a', '5m').counts.pushes, [1000, 7]);
  await history.sample([], 3 * SAMPLE_MS);
  t.strictSame(history.series('a', '5m').counts.pushes, [0, 0, 0], 'gone');
});

t.test('samples that come late are made up for', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  one.tally.requests = 5;
  await history.sample([one], SAMPLE_MS);
  one.tally.requests = 12;
  await history.sample([one], 4 * SAMPLE_MS);
  t.strictSame(history.series('a', '5m').counts.pushes, [5, 7, 0, 0]);
  await history.sample([one], 4 * SAMPLE_MS + 10);
  t.equal(history.series('a', '5m').counts.pushes.length, 4);
});

t.test('active series are a level: taken as they are, and not added up', async (t) => {
  const history = new History(ROOM, 0);
  const series = { active: 100 };
  const one: Counted = { ...tenant(), series };
  await history.sample([one], SAMPLE_MS);
  series.active = 70;
  await history.sample([one], 3 * SAMPLE_MS);
  for (let step = 4; step <= 12; step++) await history.sample([one], step * SAMPLE_MS);
  t.strictSame(history.series('a', '5m').activeSeries.slice(0, 4), [100, 70, 70, 70]);
  t.strictSame(history.series('a', '24h').activeSeries, [70, 70]);
});

t.test('refusals are there by reason, shadowed ones apart', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  one.tally.refuse('rate_limited', samples(1));
  one.tally.refuse('rate_limited', samples(1));
  one.tally.shadow('burst_exceeded', samples(1));
  await history.sample([one], SAMPLE_MS);
  one.tally.refuse('edge_malformed_body', undefined);
  t.strictSame(history.reasons(one, '5m', 'refused'), {
    rate_limited: { pushes: 2, samples: 2, series: 2 },
    edge_malformed_body: { pushes: 1, samples: 0, series: 0 },
  });
  t.strictSame(history.reasons(one, '5m', 'shadowed'), {
    burst_exceeded: { pushes: 1, samples: 1, series: 1 },
  });
  one.tally.filtered = 4;
  t.match(history.totals(one, '5m'), {
    refused: { pushes: 3, samples: 2, series: 2 },
    shadowed: { pushes: 1, samples: 1, series: 1 },
    filtered: 4,
  });
  t.strictSame(history.series('a', '5m').refused, {
    pushes: { rate_limited: [2] },
    samples: { rate_limited: [2] },
  });
});

t.test('what pushes lose that go on is there in samples and series, over each range', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  const lose = (series: number, kind: 'leaveOut' | 'shadowLeaveOut' = 'leaveOut'): void => {
    const whole = push(Array.from({ length: series }, () => ({ flags: 0, samples: 3 })));
    const leftOut = findInvalidSeries(whole, one.limits);
    if (leftOut === undefined) throw new Error('all of them are valid');
    one.tally[kind](leftOut);
  };
  lose(141);
  await history.sample([one], SAMPLE_MS);
  for (let step = 2; step <= 7; step++) await history.sample([one], step * SAMPLE_MS);
  lose(10);
  lose(7, 'shadowLeaveOut');
  const lost = (series: number) => ({ pushes: 0, samples: 3 * series, series });
  for (const [range, series] of [
    ['1m', 10],
    ['5m', 151],
    ['24h', 151],
  ] as const) {
    const { refused, shadowed } = history.totals(one, range);
    t.strictSame(refused, { ...lost(series), samplesAtLeast: 3 * series }, range);
    t.strictSame(shadowed, { ...lost(7), samplesAtLeast: 21 }, range);
    t.strictSame(history.reasons(one, range, 'refused'), { missing_metric_name: lost(series) }, range);
    t.strictSame(history.reasons(one, range, 'shadowed'), { missing_metric_name: lost(7) }, range);
  }
  const { refused } = history.series('a', '5m');
  t.strictSame(refused, { pushes: {}, samples: { missing_metric_name: [423, 0, 0, 0, 0, 0, 0] } });
});

t.test('a push of which nothing was read is worth one sample in the order, for each reason', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  for (let i = 0; i < 5; i++) one.tally.refuse('request_rate_limited', undefined);
  one.tally.refuse('rate_limited', samples(20));
  t.strictSame(history.totals(one, '5m').refused, {
    pushes: 6,
    samples: 20,
    series: 20,
    samplesAtLeast: 25,
  });
});

t.test('memory is bounded: what has no room has no past, and says so', async (t) => {
  const history = new History(3 * TRACK_BYTES, 0);
  const tenants = Array.from({ length: 20 }, (_, index) => {
    const one = tenant(`t${index}`);
    one.tally.requests = 10;
    return one;
  });
  await history.sample(tenants, SAMPLE_MS);
  t.equal(history.withoutRoom, 17);
  t.strictSame(history.series('t0', '5m').counts.pushes, [10]);
  t.strictSame(history.series('t19', '5m').counts.pushes, [null], 'what is not known is not 0');
  t.strictSame(history.allSeries('5m').counts.pushes, [null]);
  t.equal(tenants.filter((one) => history.totals(one, '5m').pushes === 10).length, 3);
  const last = tenants[19]!;
  // The first sees that the others are gone, the second finds the room.
  for (const step of [2, 3]) await history.sample([last], step * SAMPLE_MS);
  last.tally.requests = 12;
  t.equal(history.totals(last, '5m').pushes, 2, 'room that comes free is used, from then on');
  t.equal(history.withoutRoom, 0);
});

t.test('what was lost without room for it is not known', async (t) => {
  const history = new History(0, 0);
  const one = tenant();
  one.tally.received(samples(5));
  one.tally.refuse('rate_limited', samples(5));
  await history.sample([one], SAMPLE_MS);
  t.strictSame(history.lostSamples('a', '1h'), [null]);
  t.strictSame(history.offeredSamples('a', '1h').points, [null]);
  t.strictSame(history.series('a', '1h').refused.samples, { rate_limited: [null] });
});

t.test('memory is bounded to the byte, also where each tenant is refused for each reason', async (t) => {
  for (const tracks of [0, 1, 255, 256, 257, 700]) {
    const most = tracks * TRACK_BYTES + TRACK_BYTES - 1;
    const history = new History(most, 0);
    const tenants = Array.from({ length: 10 }, (_, index) => {
      const one = tenant(`t${index}`);
      for (const reason of REASON_NAMES) {
        one.tally.refuse(reason, samples(1));
        one.tally.shadow(reason, samples(1));
      }
      return one;
    });
    await history.sample(tenants, SAMPLE_MS);
    t.equal(history.bytes, tracks * TRACK_BYTES, `${tracks} tracks`);
    t.equal(history.withoutRoom, 10 * REASON_NAMES.length * 6 - tracks);
    t.ok(tenants.every((one) => history.totals(one, '5m').refused.pushes <= REASON_NAMES.length));
  }
});

t.test('the curves of all tenants are the sums of each, those that have left included', async (t) => {
  const history = new History(ROOM, 0);
  const [a, b] = [tenant('a'), tenant('b')];
  a.tally.samples = 100;
  b.tally.samples = 30;
  b.tally.refuse('rate_limited', samples(7));
  await history.sample([a, b], SAMPLE_MS);
  a.tally.samples = 150;
  await history.sample([a], 2 * SAMPLE_MS);
  const back = tenant('b');
  back.tally.samples = 5;
  await history.sample([a, back], 3 * SAMPLE_MS);
  const { counts, refused } = history.allSeries('1h');
  t.strictSame(counts.samples, [130, 50, 5]);
  t.strictSame(refused.samples.rate_limited, [7, 0, 0]);
  t.strictSame(history.lostSamples('b', '1h'), [0, 0, 0], 'what left memory has no curve of its own');
});

t.test('the lost samples of a tenant are those of all reasons', async (t) => {
  const history = new History(ROOM, 0);
  const one = tenant();
  one.tally.refuse('rate_limited', samples(4));
  one.tally.refuse('burst_exceeded', samples(3));
  one.tally.samples = 7;
  await history.sample([one], SAMPLE_MS);
  t.strictSame(history.lostSamples('a', '1h'), [7]);
  t.strictSame(history.offeredSamples('a', '1h').points, [7]);
});
