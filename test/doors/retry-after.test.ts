import fc from 'fast-check';
import t from 'tap';
import { withRetryAfter } from '#src/doors/retry-after.js';
import { REASON_NAMES, REASONS } from '#src/enforce/reasons.js';
import { refuse } from '#src/enforce/refusal.js';

const MIMIR = { enabled: true, minSeconds: 6, maxSeconds: 96 };
const WHY = { what: 'it is too much', remedy: 'send less' };
const OVER_RATE = refuse('rate_limited', WHY, { waitSeconds: 3 });
const LEAST = 0;
const MOST = 1 - Number.EPSILON;

function seconds(attempt: string | undefined, random: number, options = MIMIR) {
  return withRetryAfter(OVER_RATE, attempt, { ...options, random: () => random }).retryAfterSeconds;
}

t.test(
  'Retry-After is that of Mimir: it doubles with each attempt, half more or less, within bounds',
  async (t) => {
    for (const [attempt, least, middle, most] of [
      [undefined, 6, 6, 9],
      ['1', 6, 6, 9],
      ['2', 6, 12, 18],
      ['3', 12, 24, 36],
      ['4', 24, 48, 72],
      ['5', 48, 96, 96],
      ['6', 48, 96, 96],
      ['1000000000000000000000', 48, 96, 96],
      // As Go reads numbers, and what is none is the first attempt.
      ['+2', 6, 12, 18],
      ['002', 6, 12, 18],
      ['0', 6, 6, 9],
      ['-3', 6, 6, 9],
      ['2.0', 6, 6, 9],
      [' 2', 6, 6, 9],
      ['', 6, 6, 9],
      ['many', 6, 6, 9],
    ] as const) {
      t.strictSame(
        [LEAST, 0.5, MOST].map((random) => seconds(attempt, random)),
        [least, middle, most],
        String(attempt),
      );
    }
    const own = { enabled: true, minSeconds: 1.5, maxSeconds: 20 };
    t.strictSame(
      [LEAST, MOST].map((random) => seconds('1', random, own)),
      [1, 1],
      'no half second to spread',
    );
    t.strictSame(
      [LEAST, MOST].map((random) => seconds('3', random, own)),
      [3, 9],
    );
    t.strictSame(
      [LEAST, MOST].map((random) => seconds('9', random, own)),
      [10, 20],
    );
  },
);

t.test('every value of the jitter is as likely as the others', async (t) => {
  const counts = new Map<number | undefined, number>();
  for (let n = 0; n < 1300; n++) {
    const one = seconds('2', n / 1300);
    counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  t.strictSame(
    [...counts].sort(([a = 0], [b = 0]) => a - b),
    Array.from({ length: 13 }, (_, n) => [6 + n, 100]),
  );
});

t.test('whatever a sender says of its attempts, it comes again within the bounds', async () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.nat().map(String)),
      fc.double({ min: 0, max: MOST, noNaN: true }),
      (attempt, random) => {
        const found = seconds(attempt, random) ?? 0;
        return Number.isInteger(found) && found >= 6 && found <= 96;
      },
    ),
  );
});

t.test(
  'where Mimir would answer with none there is none; a refusal of the edge alone keeps its own',
  async (t) => {
    const random = () => 0;
    for (const reason of REASON_NAMES) {
      const { id, status } = REASONS[reason];
      const refusal = refuse(reason, WHY, { waitSeconds: 3 });
      const on = withRetryAfter(refusal, '3', { ...MIMIR, random });
      const off = withRetryAfter(refusal, '3', { ...MIMIR, enabled: false, random });
      if (id.startsWith('err-mimir-') && status === 429) {
        t.equal(on.retryAfterSeconds, 12, reason);
        t.equal(off.retryAfterSeconds, undefined, reason);
      } else {
        const own = status === 429 || status === 503 ? 3 : undefined;
        t.equal(on.retryAfterSeconds, own, reason);
        t.equal(off.retryAfterSeconds, own, reason);
      }
    }
    const overloaded = refuse('rate_limited', WHY, { overloadStatus: true });
    t.equal(withRetryAfter(overloaded, '3', { ...MIMIR, random }).retryAfterSeconds, 12, 'of 529, too');
  },
);
