import t from 'tap';
import { LeftOut } from '#src/enforce/left-out.js';
import type { Reason } from '#src/enforce/reasons.js';
import {
  DISCARDED_EXEMPLARS,
  DISCARDED_METADATA,
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  DISCARDED_SERIES,
  discarded,
  PUSH_PEAKS,
  TALLY_NUMBERS,
  Tally,
} from '#src/enforce/tally.js';
import { RECORD_FLAG_INFO, RECORD_FLAG_NAMED } from '#src/payload/push.js';
import { push } from './fixtures.js';

/** Three series with six samples and two histograms, three exemplars and seven metadata. */
const PUSH = push([{ samples: 5, exemplars: 3 }, { samples: 0, histograms: 2 }, { samples: 1 }], 7, 110);

const FIELDS = {
  requests: DISCARDED_REQUESTS,
  series: DISCARDED_SERIES,
  samples: DISCARDED_SAMPLES,
  exemplars: DISCARDED_EXEMPLARS,
  metadata: DISCARDED_METADATA,
};

function discardedOf(tally: Tally, kind: 'refused' | 'shadowed', reason: Reason) {
  return Object.fromEntries(
    Object.entries(FIELDS).map(([name, field]) => [name, discarded(tally[kind], reason, field)]),
  );
}

const NONE = { requests: 0, series: 0, samples: 0, exemplars: 0, metadata: 0 };

/** The first two of them may not pass. */
function leftOut(): LeftOut {
  const out = new LeftOut(push([{}, {}, {}]));
  out.add(PUSH, 0, 'missing_metric_name');
  out.add(PUSH, 1, 'label_name_too_long');
  return out;
}

function named(peaks: readonly number[]) {
  return Object.fromEntries(PUSH_PEAKS.map((name, i) => [name, peaks[i]]));
}

t.test('all that is in a push is counted', async (t) => {
  const tally = new Tally();
  for (let times = 0; times < 2; times++) tally.received(PUSH);
  const { series, samples, histograms, exemplars, metadata, bodyBytes, uncompressedBytes } = tally;
  t.strictSame(
    { series, samples, histograms, exemplars, metadata, bodyBytes, uncompressedBytes },
    {
      series: 6,
      samples: 12,
      histograms: 4,
      exemplars: 6,
      metadata: 14,
      bodyBytes: 220,
      uncompressedBytes: 1540,
    },
  );
});

for (const [kind, refuse, leaveOut] of [
  ['refused', 'refuse', 'leaveOut'],
  ['shadowed', 'shadow', 'shadowLeaveOut'],
] as const) {
  const other = kind === 'refused' ? 'shadowed' : 'refused';

  t.test(`${kind}: a push that was not decoded is a push and nothing else`, async (t) => {
    const tally = new Tally();
    for (let times = 0; times < 2; times++) tally[refuse]('edge_overloaded', undefined);
    t.strictSame(discardedOf(tally, kind, 'edge_overloaded'), { ...NONE, requests: 2 });
    t.equal(tally[other], undefined, 'and most tenants never have one');
  });

  t.test(`${kind}: of a push all that is in it is, for one reason`, async (t) => {
    const tally = new Tally();
    tally[refuse]('rate_limited', PUSH);
    tally[refuse]('burst_exceeded', PUSH);
    tally[refuse]('rate_limited', PUSH);
    t.strictSame(discardedOf(tally, kind, 'rate_limited'), {
      requests: 2,
      series: 6,
      samples: 16,
      exemplars: 6,
      metadata: 14,
    });
    t.match(discardedOf(tally, kind, 'burst_exceeded'), { requests: 1 });
    t.equal(tally[other], undefined);
  });

  t.test(`${kind}: what was left out before has its own reasons`, async (t) => {
    const tally = new Tally();
    tally[refuse]('rate_limited', PUSH, leftOut());
    t.strictSame(discardedOf(tally, kind, 'rate_limited'), {
      ...NONE,
      requests: 1,
      series: 1,
      samples: 1,
      metadata: 7,
    });
    t.strictSame(discardedOf(tally, kind, 'missing_metric_name'), {
      ...NONE,
      series: 1,
      samples: 5,
      exemplars: 3,
    });
    t.strictSame(discardedOf(tally, kind, 'label_name_too_long'), { ...NONE, series: 1, samples: 2 });
  });

  t.test(`${kind}: series that are left out of a push are no push`, async (t) => {
    const tally = new Tally();
    for (let times = 0; times < 2; times++) tally[leaveOut](leftOut());
    t.strictSame(discardedOf(tally, kind, 'missing_metric_name'), {
      ...NONE,
      series: 2,
      samples: 10,
      exemplars: 6,
    });
    t.strictSame(discardedOf(tally, kind, 'label_name_too_long'), { ...NONE, series: 2, samples: 4 });
    t.equal(tally.filtered, kind === 'refused' ? 2 : 0, 'pushes that really lost some');
    t.equal(tally[other], undefined);
  });
}

t.test('the most that a push had, or one of its series, is known until it is taken', async (t) => {
  const tally = new Tally();
  const INFO = RECORD_FLAG_NAMED | RECORD_FLAG_INFO;
  tally.received(
    push(
      [
        { labels: 9, longestName: 30 },
        { labels: 60, flags: INFO },
      ],
      0,
      500,
    ),
  );
  tally.received(push([{ labels: 12, longestValue: 99 }], 0, 400));
  tally.received(push([{}], 0, 10));
  t.strictSame(named(tally.takePeaks()), {
    seriesPerRequest: 2,
    labelsPerSeries: 12,
    bytesPerRequest: 500,
    labelNameBytes: 30,
    labelValueBytes: 99,
  });
  t.strictSame(tally.takePeaks(), [0, 0, 0, 0, 0]);
  tally.received(push([{}], 0, 10));
  t.match(named(tally.takePeaks()), { seriesPerRequest: 1, bytesPerRequest: 10 }, 'they begin anew');
});

t.test('bytes are refused where a push was read, and all of it is', async (t) => {
  const tally = new Tally();
  tally.refuse('rate_limited', PUSH);
  tally.refuse('rate_limited', undefined);
  tally.shadow('rate_limited', PUSH);
  tally.leaveOut(leftOut());
  t.equal(tally.refusedBytes, 110);
});

t.test('a tally that takes another in has what both had, and gives it back', async (t) => {
  const [all, one] = [new Tally(), new Tally()];
  all.refuse('rate_limited', PUSH);
  one.refuse('rate_limited', PUSH);
  one.shadow('burst_exceeded', PUSH);
  for (const [index, name] of TALLY_NUMBERS.entries()) {
    all[name] = 1000 * index;
    one[name] = index + 1;
  }
  all.absorb(one);
  for (const [index, name] of TALLY_NUMBERS.entries()) t.equal(all[name], 1001 * index + 1, name);
  t.match(discardedOf(all, 'refused', 'rate_limited'), { requests: 2, samples: 16 });
  t.match(discardedOf(all, 'shadowed', 'burst_exceeded'), { requests: 1, samples: 8 });
  all.absorb(one, -1);
  for (const [index, name] of TALLY_NUMBERS.entries()) t.equal(all[name], 1000 * index, name);
  t.match(discardedOf(all, 'refused', 'rate_limited'), { requests: 1, samples: 8 });
  t.strictSame(discardedOf(all, 'shadowed', 'burst_exceeded'), NONE);
  const clean = new Tally();
  clean.absorb(new Tally());
  t.strictSame([clean.refused, clean.shadowed], [undefined, undefined], 'nothing was refused in either');
  t.strictSame(discardedOf(clean, 'refused', 'rate_limited'), NONE);
});
