import fc from 'fast-check';
import t from 'tap';
import type { Advice, LimitAdvice } from '#src/advice/advice.js';
import { advise } from '#src/advice/advise.js';
import { exposureOf } from '#src/advice/arrival.js';
import { type AdvisedLimit, DEFAULT_POLICY, type Policy } from '#src/advice/policy.js';
import { TokenBucket } from '#src/buckets/token-bucket.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { TenantLimits } from '#src/limits/limits.js';
import type { UsageHistory, UsageRecord } from '#src/usage/usage-record.js';
import { historyOf, START_MS } from './history-of.js';

const HOUR = 3600;
const EXACT: Policy = { ...DEFAULT_POLICY, round: 'exact' };

function limitsWith(given: Partial<TenantLimits>): TenantLimits {
  return { ...DEFAULT_LIMITS, ...given };
}

function adviceOn(
  history: UsageHistory,
  policy: Partial<Policy> = {},
  limits = DEFAULT_LIMITS,
  distributors = 1,
) {
  return advise(history, { limits, distributors }, { ...EXACT, ...policy });
}

function of(advice: Advice, limit: AdvisedLimit): LimitAdvice {
  const found = advice.limits.find((one) => one.limit === limit);
  if (found === undefined) throw new Error(`no advice on ${limit}`);
  return found;
}

/** Items of each second of so many days. */
function seconds(days: number, at: (second: number) => number): Float64Array {
  const items = new Float64Array(days * 24 * HOUR);
  for (let second = 0; second < items.length; second++) items[second] = at(second);
  return items;
}

const steady = historyOf({ items: seconds(20, () => 1000), series: new Array(480).fill(50_000) });
const cron = historyOf({ items: seconds(20, (second) => (second % HOUR < 60 ? 20_000 : 500)) });

t.test('a steady tenant gets its rate and a fifth more', async (t) => {
  const advice = adviceOn(steady);
  const rate = of(advice, 'ingestion_rate');
  t.equal(rate.recommended, 1200);
  t.equal(rate.current, 10_000);
  t.equal(rate.direction, 'lower');
  t.equal(rate.confidence, 'high');
  t.match(rate.why, /1,000 items\/s on average/);
  t.ok((rate.headroom ?? 0) > 0.19 && (rate.headroom ?? 0) < 0.21);
  t.strictSame(rate.wouldRefuse, { hours: { atLeast: 0, atMost: 0 }, pushes: 0 });
  t.equal(of(advice, 'max_global_series_per_user').recommended, 60_000);
});

t.test('a minute at forty times the rate each hour is let pass by a burst, not by a rate', async (t) => {
  const advice = adviceOn(cron);
  const [rate, burst] = [of(advice, 'ingestion_rate'), of(advice, 'ingestion_burst_size')];
  const [perSecond, atOnce] = [rate.recommended ?? 0, burst.recommended ?? 0];
  t.ok(
    perSecond >= 990 && perSecond < 1200,
    `${perSecond}: little more than the mean of an hour, and a fifth`,
  );
  t.ok(atOnce > 1.2e6 && atOnce < 1.4e6, String(atOnce));
  t.ok(
    600 * perSecond + atOnce < 2.1e6,
    'little more than 990/s and 1.37 M, which the counted windows alone would ask for',
  );
  t.equal(rate.currentWouldRefuse?.hours.atLeast, 18 + 48, 'Mimir’s defaults refuse each hour of it');
  t.ok((rate.currentWouldRefuse?.pushes ?? 0) > 0);
});

t.test('a policy that wants smaller bursts gets a higher rate', async (t) => {
  const advice = adviceOn(cron, { burstAtMost: 60 });
  const rate = of(advice, 'ingestion_rate').recommended ?? 0;
  const burst = of(advice, 'ingestion_burst_size').recommended ?? 0;
  t.ok(burst <= 60 * rate, `${burst} is at most 60 s of ${rate}`);
  t.ok(rate > 11_000 && rate < 13_000, String(rate));
});

t.test(
  'what was advised refuses nothing when the history is played again, however pushes lie within a second',
  async (t) => {
    const shapes = fc.record({
      base: fc.integer({ min: 0, max: 1000 }),
      period: fc.integer({ min: 1, max: 5000 }),
      length: fc.integer({ min: 1, max: 700 }),
      height: fc.integer({ min: 1, max: 50_000 }),
      noise: fc.integer({ min: 0, max: 500 }),
      jitterMs: fc.integer({ min: 0, max: 999 }),
      seed: fc.integer(),
      burstAtMost: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(shapes, ({ base, period, length, height, noise, jitterMs, seed, burstAtMost }) => {
        let state = seed >>> 0;
        const random = (): number => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return state / 2 ** 32;
        };
        const items = seconds(2, () => 0);
        for (let second = 0; second < 86_400; second++)
          items[second] = Math.floor(
            base + noise * random() + (second % period < length ? height * random() : 0),
          );
        items.copyWithin(86_400, 0, 86_400);
        const advice = adviceOn(asTwoWeeks(historyOf({ items })), { margin: 0, burstAtMost });
        const bucket = new TokenBucket(
          {
            rate: of(advice, 'ingestion_rate').recommended ?? 0,
            capacity: of(advice, 'ingestion_burst_size').recommended ?? 0,
          },
          0,
        );
        // A push late in one second, the next one early in the second after it.
        return items.every((amount, second) =>
          bucket.take(amount, second * 1000 + (second % 2 === 0 ? jitterMs : 0)),
        );
      }),
      {
        numRuns: 40,
        // Little less than what is needed was in force, and stayed for being near.
        examples: [
          [
            {
              base: 2,
              period: 13,
              length: 672,
              height: 18_845,
              noise: 8,
              jitterMs: 71,
              seed: -221_532_966,
              burstAtMost: 594,
            },
          ],
        ],
      },
    );
    t.pass();
  },
);

/** Its last day again and again: nothing is added for want of history. */
function asTwoWeeks({ tenant, hours, days }: UsageHistory): UsageHistory {
  const again = Array.from({ length: 14 }, (_, day) =>
    days.slice(-1).map((record) => ({ ...record, startMs: START_MS + (day - 13) * 86_400_000 })),
  );
  return { tenant, hours: hours.slice(-24), days: again.flat() };
}

t.test('less than a day says nothing, and a day little', async (t) => {
  const short = historyOf({
    items: seconds(1, () => 1000).subarray(0, 23 * HOUR),
    series: new Array(23).fill(10),
  });
  for (const one of adviceOn(short).limits) {
    t.equal(one.recommended, undefined, one.limit);
    t.equal(one.direction, 'none');
    t.match(one.why, /below 24|no figures/);
  }
  const day = of(adviceOn(historyOf({ items: seconds(1, () => 1000) })), 'ingestion_rate');
  t.equal(day.recommended, 2400, 'twice as much after one day');
  t.equal(day.confidence, 'low');
  const week = of(adviceOn(historyOf({ items: seconds(7, () => 1000) })), 'ingestion_rate');
  t.equal(week.recommended, 1293);
  t.equal(week.confidence, 'medium');
});

t.test('an empty history gives no number at all', async (t) => {
  const advice = adviceOn({ tenant: 'nobody', hours: [], days: [] });
  t.ok(advice.limits.length > 0);
  for (const one of advice.limits) {
    const { limit, kind, current, why, direction, confidence, ...numbers } = one;
    t.ok(
      Object.values(numbers).every((value) => value === undefined),
      limit,
    );
    t.strictSame([direction, confidence], ['none', 'none']);
    t.notMatch(why, /[1-9]\d* (items|series|pushes)/);
  }
  t.strictSame(advice.curves, []);
});

/** One hour of the last two days has this instead. */
function withHour(history: UsageHistory, index: number, change: Partial<UsageRecord>): UsageHistory {
  const hours = history.hours.map((hour, at) => (at === index ? { ...hour, ...change } : hour));
  return { ...history, hours };
}

const spiked = withHour(steady, 5, {
  curves: { items: steady.hours[0]?.curves.items?.map((amount) => amount * 10) ?? [] },
  peaks: { activeSeries: 400_000 },
});

t.test('a policy may let the heaviest hours go, and says what that refuses', async (t) => {
  t.equal(of(adviceOn(spiked), 'ingestion_rate').recommended, 12_000);
  const let1 = adviceOn(spiked, { refusedHoursAtMost: 1 });
  t.equal(of(let1, 'ingestion_rate').recommended, 1200);
  t.strictSame(of(let1, 'ingestion_rate').wouldRefuse?.hours, { atLeast: 1, atMost: 1 });
  const burst = of(let1, 'ingestion_burst_size').recommended ?? 0;
  t.ok(burst < 10_000, `${burst}: what one second of that hour brought is no push that is to pass`);
  t.equal(of(let1, 'max_global_series_per_user').recommended, 60_000);
  t.strictSame(of(let1, 'max_global_series_per_user').wouldRefuse, {
    hours: { atLeast: 1, atMost: 1 },
    pushes: undefined,
  });
  const percentile = adviceOn(spiked, { percentile: 99 });
  t.equal(of(percentile, 'ingestion_rate').recommended, 1200, 'one of 480 hours');
});

t.test('what comes every week is no exception, however few hours it is', async (t) => {
  // Each Monday is ten times as busy.
  const items = seconds(21, (second) => (Math.floor(second / 86_400) % 7 === 0 ? 10_000 : 1000));
  const advice = adviceOn(historyOf({ items }), { percentile: 80 });
  t.equal(of(advice, 'ingestion_rate').recommended, 12_000);
  const once = seconds(21, (second) => (second < 86_400 ? 10_000 : 1000));
  t.equal(of(adviceOn(historyOf({ items: once }), { percentile: 80 }), 'ingestion_rate').recommended, 1200);
});

t.test('hours with refusals may have retries in them: the advice is a range', async (t) => {
  const refused = withHour(spiked, 5, {
    curves: spiked.hours[5]?.curves ?? {},
    offered: { requests: 36_000, items: 36_000_000, bytes: 0, newSeries: 0 },
    refused: { requests: 30_000, items: 30_000_000, bytes: 0, newSeries: 0 },
  });
  const rate = of(adviceOn(refused), 'ingestion_rate');
  t.equal(rate.recommended, 12_000);
  t.strictSame(rate.range, { from: 2000, to: 12_000 });
  t.equal(adviceOn(refused).basis.hoursWithRefusals, 1);
  t.equal(of(adviceOn(spiked), 'ingestion_rate').range, undefined);
});

/** A tenant at its limit all the time, that offers so many times as much in one hour, or in one second of it. */
function pushing(times: number, forSeconds: number): UsageHistory {
  const rate = DEFAULT_LIMITS.ingestion_rate;
  const from = 480 - 40;
  const at = (second: number): number =>
    second >= from * HOUR && second < from * HOUR + forSeconds ? rate * times : rate;
  const history = historyOf({ items: seconds(20, at) });
  return withHour(history, 48 - 40, {
    ...history.hours[48 - 40],
    refused: { requests: forSeconds, items: rate * (times - 1) * forSeconds, bytes: 0, newSeries: 0 },
    reasons: [{ reason: 'rate_limited', pushes: forSeconds, samples: 0 }],
  });
}

t.test('nobody gets a limit by offering far more than it may', async (t) => {
  const { ingestion_rate: rate, ingestion_burst_size: burst } = DEFAULT_LIMITS;
  const passes = exposureOf({ rate, burst: burst + 30 * rate });
  for (const forSeconds of [1, 10, 600, HOUR]) {
    for (const times of [3, 100, 1_000_000]) {
      const advice = adviceOn(pushing(times, forSeconds));
      const [its, itsBurst] = [of(advice, 'ingestion_rate'), of(advice, 'ingestion_burst_size')];
      const exposure = exposureOf({ rate: its.recommended ?? 0, burst: itsBurst.recommended ?? 0 });
      const what = `${times} times as much for ${forSeconds} s`;
      t.ok(exposure <= 2 * 1.2 * passes, `${what}: ${its.recommended}/s, ${itsBurst.recommended}`);
      const [from, to] = (['from', 'to'] as const).map((end) =>
        exposureOf({ rate: its.range?.[end] ?? Number.NaN, burst: itsBurst.range?.[end] ?? Number.NaN }),
      );
      t.ok(from! <= exposure && exposure <= to!, `${what} is marked: ${from} to ${to}`);
    }
  }
  t.match(of(adviceOn(pushing(100, HOUR)), 'ingestion_rate'), {
    range: { from: 12_000, to: 1_200_000 },
    why: /no more counts here than as much again as passed: with all of it ingestion_rate would be 1\.2.M/,
  });
});

t.test('a limit that was raised since then is not lowered because less passed before', async (t) => {
  const raised = limitsWith({ ingestion_rate: 300_000, ingestion_burst_size: 3_000_000 });
  const rate = of(adviceOn(pushing(20, HOUR), {}, raised), 'ingestion_rate');
  t.ok((rate.recommended ?? 0) >= 200_000, `${rate.recommended}`);
});

t.test('series that were refused hide how many there are: the range has them', async (t) => {
  const history = withHour(steady, 5, {
    refused: { requests: 0, items: 10, bytes: 0, newSeries: 30_000 },
    reasons: [{ reason: 'per_user_series_limit', pushes: 3, samples: 10 }],
  });
  const series = of(adviceOn(history), 'max_global_series_per_user');
  t.equal(series.recommended, 60_000);
  t.strictSame(series.range, { from: 60_000, to: 96_000 });
});

/** With these peaks in each hour and day, as pushes had them. */
function withPeaks(history: UsageHistory, peaks: UsageRecord['peaks']): UsageHistory {
  const put = (record: UsageRecord): UsageRecord => ({ ...record, peaks: { ...record.peaks, ...peaks } });
  return { ...history, hours: history.hours.map(put), days: history.days.map(put) };
}

t.test('labels and series of a push are advised by the most that any push had', async (t) => {
  const peaks = { labelsPerSeries: 29, seriesPerRequest: 2000, labelNameBytes: 40, labelValueBytes: 2000 };
  const advice = adviceOn(withPeaks(steady, peaks));
  t.match(of(advice, 'max_series_per_request'), {
    kind: 'edge',
    direction: 'set',
    recommended: 2400,
    confidence: 'high',
  });
  t.match(of(advice, 'max_label_names_per_series'), { direction: 'raise', recommended: 35, peak: 29 });
  t.match(of(advice, 'max_label_value_length'), { direction: 'raise', recommended: 2400 });
  const refused = of(adviceOn(withPeaks(steady, { labelsPerSeries: 40 })), 'max_label_names_per_series');
  t.match(refused, { recommended: 48, currentWouldRefuse: { hours: { atLeast: 66, atMost: 480 } } });
});

t.test(
  'one push that was refused for its labels raises no limit beyond twice what is in force, and is marked',
  async (t) => {
    const reasons = [
      { reason: 'max_label_names_per_series', pushes: 1, samples: 1 },
      { reason: 'label_value_too_long', pushes: 1, samples: 1 },
    ];
    const usual = withPeaks(steady, { labelsPerSeries: 12, labelValueBytes: 50 });
    const hostile = withHour(usual, 5, { reasons, peaks: { labelsPerSeries: 5000, labelValueBytes: 1e6 } });
    const labels = DEFAULT_LIMITS.max_label_names_per_series;
    const advised = of(adviceOn(hostile), 'max_label_names_per_series');
    t.match(advised, { recommended: labels * 2 * 1.2, range: { from: labels * 1.2, to: 6000 }, peak: 5000 });
    t.match(
      advised.why,
      /What was refused counts for no more than twice the limit in force, 60: the range has all of it/,
    );
    const value = of(adviceOn(hostile), 'max_label_value_length');
    t.equal(value.recommended, Math.ceil(DEFAULT_LIMITS.max_label_value_length * 2 * 1.2));
  },
);

t.test('a limit on labels is lowered only where a policy names it', async (t) => {
  const peaks = { labelsPerSeries: 12, labelNameBytes: 40 };
  const advice = adviceOn(withPeaks(steady, peaks));
  t.match(of(advice, 'max_label_names_per_series'), {
    direction: 'keep',
    recommended: 30,
    peak: 12,
    why: /wide enough and stays/,
  });
  t.match(of(advice, 'max_label_name_length'), { direction: 'keep', recommended: 1024 });
  const named: Partial<Policy> = { enabledLimits: ['max_label_names_per_series'] };
  t.match(of(adviceOn(withPeaks(steady, peaks), named), 'max_label_names_per_series'), {
    direction: 'lower',
    recommended: 15,
  });
});

t.test('advice on what an earlier version did not measure rests on the hours that have it', async (t) => {
  const last = (count: number): UsageHistory => ({
    ...steady,
    hours: steady.hours.map((hour, at) =>
      at < steady.hours.length - count ? hour : { ...hour, peaks: { ...hour.peaks, seriesPerRequest: 1000 } },
    ),
  });
  t.match(of(adviceOn(last(5)), 'max_series_per_request'), {
    recommended: undefined,
    why: 'The history has figures on series in one push for 5 hours: below 24 nothing is advised.',
  });
  t.match(of(adviceOn(last(24)), 'max_series_per_request'), { recommended: 2400, confidence: 'low' });
  t.equal(of(adviceOn(last(24)), 'ingestion_rate').confidence, 'high');
});

t.test('floor, ceiling, rounding, hysteresis and never_lower', async (t) => {
  const rate = (policy: Partial<Policy>, limits?: TenantLimits) =>
    of(adviceOn(steady, policy, limits), 'ingestion_rate');
  t.equal(rate({ floor: { ingestion_rate: 5000 } }).recommended, 5000);
  const capped = rate({ ceiling: { ingestion_rate: 800 } });
  t.equal(capped.recommended, 800);
  t.equal(capped.uncapped, 1200);
  t.match(capped.why, /ceiling keeps it at 800: without it, it would be 1,200/);
  t.ok((capped.wouldRefuse?.hours.atLeast ?? 0) > 0, 'what the ceiling costs');
  t.equal(rate({ round: 'two digits' }).recommended, 1200);
  t.equal(rate({ round: 'size classes' }).recommended, 10_000);
  t.equal(of(adviceOn(spiked, { round: 'size classes' }), 'ingestion_burst_size').recommended, 300_000);
  t.equal(
    of(adviceOn(spiked, { round: 'size classes' }), 'max_global_series_per_user').recommended,
    1_000_000,
  );
  const near = limitsWith({ ingestion_rate: 1250, ingestion_burst_size: 4000 });
  t.equal(rate({}, near).recommended, 1250);
  t.equal(rate({}, near).direction, 'keep');
  t.equal(rate({ hysteresis: 0.01 }, near).direction, 'lower');
  t.equal(rate({ neverLower: true }).direction, 'keep');
  t.equal(rate({ neverLower: true }, limitsWith({ ingestion_rate: 500 })).direction, 'raise');
  t.strictSame(
    adviceOn(steady, { enabledLimits: ['max_global_series_per_user'] }).limits.map(({ limit }) => limit),
    ['max_global_series_per_user'],
  );
});

t.test('one of the pair is advised beside what the other is', async (t) => {
  const rate = of(adviceOn(cron, { enabledLimits: ['ingestion_rate'] }), 'ingestion_rate');
  t.ok((rate.recommended ?? 0) > 20_000, 'the burst of 200,000 lasts ten seconds');
  t.strictSame(rate.wouldRefuse?.hours, { atLeast: 0, atMost: 0 });
  const burst = of(adviceOn(cron, { enabledLimits: ['ingestion_burst_size'] }), 'ingestion_burst_size');
  t.ok((burst.recommended ?? 0) > 800_000 && (burst.recommended ?? 0) < 1e6, String(burst.recommended));
  const slow = limitsWith({ ingestion_rate: 100 });
  t.match(
    of(adviceOn(cron, { enabledLimits: ['ingestion_burst_size'] }, slow), 'ingestion_burst_size').why,
    /No burst is enough with the rate in force/,
  );
});

t.test('each distributor grants the burst, and none lets a larger push pass', async (t) => {
  const burst = (distributors: number, limits = DEFAULT_LIMITS) => adviceOn(cron, {}, limits, distributors);
  const alone = of(burst(1), 'ingestion_burst_size').recommended ?? 0;
  t.equal(of(burst(10), 'ingestion_burst_size').recommended, Math.ceil(alone / 10));
  t.equal(of(burst(1000), 'ingestion_burst_size').recommended, 24_000, 'what came in one second');
  const factor = limitsWith({ ingestion_burst_factor: 10 });
  const advised = of(burst(10, factor), 'ingestion_burst_factor');
  t.equal(advised.recommended, 1300, 'as many seconds of rate, up to two digits');
  t.equal(
    burst(10, factor).limits.some(({ limit }) => limit === 'ingestion_burst_size'),
    false,
  );
});

t.test(
  'of a Prometheus only windows from its step up are known, and the burst is as wide as that',
  async (t) => {
    const coarse = (record: UsageRecord): UsageRecord => ({
      ...record,
      resolutionSeconds: 60,
      curves: { items: (record.curves.items ?? []).map((amount, at) => (at < 5 ? Number.NaN : amount)) },
    });
    const history = { ...steady, hours: steady.hours.map(coarse), days: steady.days.map(coarse) };
    const advice = adviceOn(history);
    t.equal(of(advice, 'ingestion_rate').recommended, 1200);
    t.ok((of(advice, 'ingestion_burst_size').recommended ?? 0) >= 144_000, 'two minutes of the rate');
    t.equal(advice.basis.resolutionSeconds, 60);
    t.equal(of(advice, 'ingestion_rate').confidence, 'medium');
    const ten = of(adviceOn(history, {}, DEFAULT_LIMITS, 10), 'ingestion_burst_size').recommended ?? 0;
    const alone = of(advice, 'ingestion_burst_size').recommended ?? 0;
    t.equal(ten, Math.ceil(alone / 10), 'what came in a minute is no push');
    t.strictSame(advice.curves[0]?.arrived.slice(0, 5), [null, null, null, null, null]);
  },
);

t.test('a tenant that sent nothing gets no limit of 0', async (t) => {
  const advice = adviceOn(historyOf({ items: seconds(20, () => 0), series: new Array(480).fill(0) }));
  for (const one of advice.limits) t.equal(one.recommended, undefined, one.limit);
});

t.test('days that the hours have too are counted once', async (t) => {
  t.equal(adviceOn(steady).basis.hoursWatched, 480);
  t.equal(adviceOn(steady).basis.fromMs, START_MS);
});
