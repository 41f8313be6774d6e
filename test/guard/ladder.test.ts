import fc from 'fast-check';
import t from 'tap';
import { ALARMS, CALM, LEVELS, type Standing } from '#src/controls/guard-control.js';
import { type LadderSettings, recoveryMs, type Seen, type Step, Watch } from '#src/guard/ladder.js';

const S = 1000;
const MIN = 60_000;

const SETTINGS: LadderSettings = {
  alarms: {
    warn: { at: 75, holdMs: MIN, admit: 100, admitCritical: 100 },
    emergency: { at: 90, holdMs: 30 * S, admit: 75, admitCritical: 100 },
    panic: { at: 95, holdMs: 10 * S, admit: 50, admitCritical: 80 },
  },
  recovery: { below: 70, afterMs: 10 * MIN, step: 10, everyMs: 5 * MIN },
};

/** A guard on a clock that only the test moves, which looks once a second. */
class Given {
  standing: Standing = CALM;
  nowMs = 1_000_000;
  readonly steps: string[] = [];
  readonly watch: Watch;

  constructor(settings = SETTINGS) {
    this.watch = new Watch(settings, { longestGapMs: 30 * S });
  }

  look(seen: Partial<Seen>): Step | undefined {
    const step = this.watch.look(
      this.standing,
      { load: undefined, cause: 'memory', blind: false, ...seen },
      this.nowMs,
    );
    if (step !== undefined) {
      this.standing = step.standing;
      const { level, admitted, critical } = step.standing;
      this.steps.push(`${step.kind} ${level} ${admitted}/${critical}`);
    }
    return step;
  }

  /** For so long. Answers the steps that were taken, with the seconds after which they were. */
  for(ms: number, seen: number | Partial<Seen>): string[] {
    const taken: string[] = [];
    const startMs = this.nowMs;
    for (; this.nowMs < startMs + ms; this.nowMs += S) {
      const step = this.look(typeof seen === 'number' ? { load: seen } : seen);
      if (step !== undefined) taken.push(`${(this.nowMs - startMs) / S} ${this.steps.at(-1)}`);
    }
    return taken;
  }
}

t.test('each level is reached when the load has been there for its time, and not before', async (t) => {
  for (const [load, taken] of [
    [74.9, []],
    [75, ['60 raised warn 100/100']],
    [89.9, ['60 raised warn 100/100']],
    [90, ['30 raised emergency 75/100']],
    [94.9, ['30 raised emergency 75/100']],
    [95, ['10 raised panic 50/80']],
    [400, ['10 raised panic 50/80']],
  ] as const) {
    t.strictSame(new Given().for(5 * MIN, load), taken, String(load));
  }
});

t.test(
  'a load that comes and goes raises nothing, and one that climbs raises level after level',
  async (t) => {
    const flapping = new Given();
    for (let i = 0; i < 100; i++)
      t.strictSame(
        [...flapping.for(9 * S, 99), ...flapping.for(S, 80)].filter((step) => !/warn/.test(step)),
        [],
      );
    const climbing = new Given();
    t.strictSame(climbing.for(2 * MIN, 80), ['60 raised warn 100/100']);
    t.strictSame(climbing.for(2 * MIN, 91), ['30 raised emergency 75/100']);
    t.strictSame(climbing.for(2 * MIN, 99), ['10 raised panic 50/80']);
    t.strictSame(climbing.for(2 * MIN, 91), [], 'and what is reached stays until it recovers');
    t.equal(climbing.standing.cause, 'memory');
  },
);

t.test('it recovers by steps, once the load has been low for its time, to the end', async (t) => {
  const given = new Given();
  given.for(11 * S, 99);
  t.strictSame(given.for(30 * MIN, 70), [], 'at the mark is not below it');
  t.strictSame(given.for(40 * MIN, 69.9), [
    '600 eased recovering 60/90',
    '900 eased recovering 70/100',
    '1200 eased recovering 80/100',
    '1500 eased recovering 90/100',
    '1800 ended calm 100/100',
  ]);
  t.same(given.standing.level, 'calm');
  t.equal(given.standing.cause, 'every load is below 70 %');
  t.strictSame(given.for(60 * MIN, 0), []);
});

t.test('a warning that admits all is over without steps', async (t) => {
  const given = new Given();
  given.for(61 * S, 80);
  t.strictSame(given.for(20 * MIN, 10), ['600 ended calm 100/100']);
});

t.test('recovery waits while the load is up again, and begins its time anew', async (t) => {
  const given = new Given();
  given.for(11 * S, 99);
  t.strictSame(given.for(11 * MIN, 10), ['600 eased recovering 60/90']);
  t.strictSame(given.for(20 * MIN, 72), [], 'neither low nor at a level');
  t.strictSame(given.for(11 * MIN, 10), ['600 eased recovering 70/100']);
});

t.test('a level that is reached while it recovers never admits more than there was', async (t) => {
  const given = new Given();
  given.for(11 * S, 99);
  given.for(601 * S, 10);
  t.strictSame(given.for(70 * S, 80), ['60 raised warn 60/90']);
  t.strictSame(given.for(40 * S, 92), ['30 raised emergency 60/90']);
  t.strictSame(given.for(20 * S, 96), ['10 raised panic 50/80']);
});

t.test('while nothing is known nothing is raised or eased, and that time counts for nothing', async (t) => {
  const blind = { load: undefined, blind: true };
  const given = new Given();
  given.for(9 * S, 99);
  t.strictSame(given.for(60 * MIN, blind), []);
  t.strictSame(given.for(2 * S, 99), ['1 raised panic 50/80']);
  t.strictSame(given.for(60 * MIN, blind), [], 'it stays');
  t.strictSame(given.for(9 * MIN, 10), []);
  t.strictSame(given.for(60 * MIN, blind), []);
  t.strictSame(given.for(2 * MIN, 10), ['60 eased recovering 60/90']);
  const calmed = new Given();
  calmed.for(11 * S, 99);
  calmed.standing = CALM;
  t.strictSame(calmed.for(S, blind), [], 'though the load was there for long, and somebody made it calm');
});

t.test('it is over when critical tenants are admitted whole, too', async (t) => {
  const given = new Given();
  given.standing = { ...CALM, level: 'panic', admitted: 95, critical: 75 };
  t.strictSame(given.for(20 * MIN, 10), ['600 eased recovering 100/85', '900 eased recovering 100/95']);
  t.strictSame(given.for(S, 10), ['0 ended calm 100/100']);
});

t.test('of several loads one that is not known keeps it from easing, and the others may raise', async (t) => {
  const given = new Given();
  t.strictSame(given.for(MIN, { load: 99, blind: true }), ['10 raised panic 50/80']);
  t.strictSame(given.for(60 * MIN, { load: 10, blind: true }), []);
});

t.test('where nothing is measured any more it recovers as with no load at all', async (t) => {
  const given = new Given();
  given.for(11 * S, 99);
  t.equal(given.for(60 * MIN, { load: undefined, blind: false }).at(-1), '1800 ended calm 100/100');
});

t.test('of a time in which nobody looked nothing is known', async (t) => {
  for (const gapMs of [31 * S, -5 * S]) {
    const given = new Given();
    given.for(9 * S, 99);
    given.nowMs += gapMs;
    t.strictSame(given.for(20 * S, 99), ['10 raised panic 50/80'], `after ${gapMs} ms`);
  }
  for (const gapMs of [29 * S, 30 * S]) {
    const within = new Given();
    within.look({ load: 99 });
    within.nowMs += gapMs;
    t.strictSame(within.for(S, 99), ['0 raised panic 50/80'], `after ${gapMs} ms`);
  }
  const twice = new Given();
  for (let i = 0; i < 11; i++) {
    for (let look = 0; look < 2; look++) twice.look({ load: 99 });
    twice.nowMs += S;
  }
  t.strictSame(twice.steps, ['raised panic 50/80'], 'two looks in one moment leave out no time');
});

t.test('how long a recovery takes at least is told by what is admitted least', async (t) => {
  for (const [admitted, critical, minutes] of [
    [50, 80, 10 + 5 * 5],
    [80, 50, 10 + 5 * 5],
    [51, 80, 10 + 5 * 5],
    [60, 80, 10 + 4 * 5],
    [100, 100, 10],
  ] as const) {
    const standing = { ...CALM, admitted, critical };
    t.equal(recoveryMs(SETTINGS, standing), minutes * MIN, `${admitted}/${critical}`);
  }
});

t.test('a step that was taken at a time to come does not keep it for ever', async (t) => {
  const given = new Given();
  given.standing = { level: 'panic', admitted: 50, critical: 80, steppedMs: given.nowMs + 1e9, cause: '' };
  t.strictSame(given.for(11 * MIN, 10), ['600 eased recovering 60/90']);
});

t.test('two that have a standing in common never take a step twice', async (t) => {
  const [one, other] = [new Given(), new Given()];
  const steps: string[] = [];
  for (const [load, ms] of [
    [99, 30 * S],
    [10, 60 * MIN],
  ] as const) {
    for (let at = 0; at < ms; at += S) {
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        if (from.look({ load }) !== undefined) steps.push(`${at / S} ${from.steps.at(-1)}`);
        to.standing = from.standing;
        from.nowMs += S;
      }
    }
  }
  t.strictSame(steps, [
    '10 raised panic 50/80',
    '600 eased recovering 60/90',
    '900 eased recovering 70/100',
    '1200 eased recovering 80/100',
    '1500 eased recovering 90/100',
    '1800 ended calm 100/100',
  ]);
});

const settings = fc
  .record({
    ats: fc.uniqueArray(fc.integer({ min: 2, max: 100 }), { minLength: 4, maxLength: 4 }),
    admits: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 3, maxLength: 3 }),
    criticals: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 3, maxLength: 3 }),
    holds: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 }),
    afterMs: fc.integer({ min: 0, max: 60 * S }),
    step: fc.integer({ min: 1, max: 100 }),
    everyMs: fc.integer({ min: 0, max: 30 * S }),
  })
  .map(({ ats, admits, criticals, holds, afterMs, step, everyMs }): LadderSettings => {
    const [below = 0, ...rest] = ats.sort((a, b) => a - b);
    const [a = 0, b = 0, c = 0] = admits.sort((x, y) => y - x);
    const [d = 0, e = 0, f = 0] = criticals.sort((x, y) => y - x);
    const alarm = (i: number, admit: number, critical: number) => ({
      at: rest[i] ?? 100,
      holdMs: (holds[i] ?? 0) * S,
      admit,
      admitCritical: Math.max(admit, critical),
    });
    return {
      alarms: { warn: alarm(0, a, d), emergency: alarm(1, b, e), panic: alarm(2, c, f) },
      recovery: { below, afterMs, step, everyMs },
    };
  });

const course = fc.array(
  fc.record({
    load: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
    blind: fc.boolean(),
    seconds: fc.integer({ min: 1, max: 90 }),
  }),
  { maxLength: 20 },
);

t.test(
  'whatever the load does, no more than a step comes back at a time, and in the end all does',
  async () => {
    fc.assert(
      fc.property(settings, course, (given, parts) => {
        const guard = new Given(given);
        let before = guard.standing;
        let easedMs = Number.NEGATIVE_INFINITY;
        const look = (seen: Partial<Seen>): void => {
          const step = guard.look(seen);
          const { level, admitted, critical } = guard.standing;
          if (step?.kind === 'raised') {
            if (seen.load === undefined) throw new Error('raised, and nothing is known');
            if (admitted > before.admitted || critical > before.critical) throw new Error('raised to more');
            if (!ALARMS.some((alarm) => alarm === level)) throw new Error(`raised to ${level}`);
            if (LEVELS.indexOf(level) <= LEVELS.indexOf(before.level)) throw new Error('raised to less');
            if (admitted > given.alarms[level as 'warn'].admit) throw new Error('admits more than the level');
          } else if (step !== undefined) {
            const most = given.recovery.step;
            if (admitted > before.admitted + most || critical > before.critical + most)
              throw new Error('a jump');
            if (admitted < before.admitted || critical < before.critical) throw new Error('eased to less');
            if (seen.blind) throw new Error('eased, and blind');
            if (guard.nowMs - easedMs < given.recovery.everyMs) throw new Error('too soon');
            easedMs = guard.nowMs;
          } else if (guard.standing !== before) throw new Error('changed without a step');
          if (level === 'calm' && (admitted !== 100 || critical !== 100))
            throw new Error('calm, and not all');
          before = guard.standing;
          guard.nowMs += S;
        };
        for (const { seconds, ...seen } of parts) for (let i = 0; i < seconds; i++) look(seen);
        const enoughMs = recoveryMs(given, guard.standing) + given.recovery.everyMs + 200 * S;
        for (let ms = 0; ms < enoughMs && guard.standing.level !== 'calm'; ms += S) look({ load: 0 });
        return guard.standing.level === 'calm';
      }),
      { numRuns: 150 },
    );
  },
);
