import t from 'tap';
import { type EdgeLoadSettings, EdgeLoads, type EdgeSample } from '#src/guard/edge-loads.js';

const SETTINGS: EdgeLoadSettings = { bytesInFlight: true, failures: 50, latency: 5 };
/** Seconds. */
const BOUNDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64];

function sample(given: Partial<EdgeSample> = {}): EdgeSample {
  return {
    bytesInFlight: { used: 0, capacity: 1000 },
    pushes: { requests: 0, failed: 0 },
    answers: BOUNDS.map(() => 0).concat(0),
    broken: false,
    ...given,
  };
}

const of = (loads: EdgeLoads, rule: string, given: Partial<EdgeSample>) =>
  loads.take(sample(given)).find((load) => load.rule === rule);

t.test('body bytes in memory are a load as part of what may be there', async (t) => {
  const loads = new EdgeLoads(SETTINGS, BOUNDS);
  t.match(of(loads, 'bytes_in_flight', { bytesInFlight: { used: 930, capacity: 1000 } }), {
    percent: 93,
    text: /holds 930 of at most 1000 body bytes/,
  });
  t.match(of(loads, 'bytes_in_flight', { bytesInFlight: { used: 0, capacity: 0 } }), { percent: undefined });
});

t.test('pushes that fail are a load as part of what the setting says, once there are enough', async (t) => {
  const loads = new EdgeLoads(SETTINGS, BOUNDS);
  for (const [requests, failed, percent] of [
    [20, 0, 0],
    [100, 45, 90],
    [100, 100, 200],
    [19, 19, undefined],
    [0, 0, undefined],
  ] as const) {
    t.equal(of(loads, 'upstream_failures', { pushes: { requests, failed } })?.percent, percent);
  }
  t.match(of(loads, 'upstream_failures', { broken: true }), { percent: 100, text: /breaker is open/ });
});

/** Samples of a Mimir of which each takes so long, twenty answers at a time. */
class Mimir {
  readonly loads = new EdgeLoads(SETTINGS, BOUNDS);
  #answers = BOUNDS.map(() => 0).concat(0);

  answers(seconds: number, samples: number, each = 20): number | undefined {
    let percent: number | undefined;
    for (let i = 0; i < samples; i++) {
      const at = BOUNDS.findIndex((bound) => seconds <= bound);
      this.#answers = this.#answers.map((count, n) =>
        n === (at < 0 ? BOUNDS.length : at) ? count + each : count,
      );
      percent = of(this.loads, 'upstream_latency', { answers: this.#answers })?.percent;
    }
    return percent;
  }

  restarts(): void {
    this.#answers = BOUNDS.map(() => 0).concat(0);
  }
}

t.test('Mimir takes as long as usual, or longer, once it is known what is usual', async (t) => {
  const mimir = new Mimir();
  t.equal(mimir.answers(0.035, 31), undefined, 'it is only watched at first');
  const usual = mimir.answers(0.035, 10) ?? Number.NaN;
  t.ok(Math.abs(usual - 20) < 1, `${usual} % is once the usual of five times`);
  const slow = mimir.answers(0.3, 6) ?? Number.NaN;
  t.ok(slow > 130 && slow < 180, `${slow} % is eight times as long`);
  const stillSlow = mimir.answers(0.3, 300) ?? Number.NaN;
  t.ok(stillSlow > 90, `${stillSlow} %: ten minutes do not make an overload usual`);
  t.ok((mimir.answers(0.035, 10) ?? 100) < 25, 'and it is as before at once');
});

t.test('what is quick is never slow, and too few answers say nothing', async (t) => {
  const mimir = new Mimir();
  mimir.answers(0.001, 60);
  const quick = mimir.answers(0.015, 10) ?? Number.NaN;
  t.ok(quick <= 20, `${quick} %: three times as long, and under 20 ms`);
  mimir.answers(0.3, 5, 0);
  t.equal(mimir.answers(0.3, 1, 19), undefined);
});

t.test('a process that is gone with what it counted makes nothing up', async (t) => {
  const mimir = new Mimir();
  mimir.answers(0.035, 60);
  mimir.restarts();
  t.equal(mimir.answers(0.3, 1), undefined);
  t.ok((mimir.answers(0.3, 6) ?? 0) > 100, 'from then on it is known again');
});

t.test('what is switched off is not looked at', async (t) => {
  const none = new EdgeLoads({ bytesInFlight: false, failures: 0, latency: 0 }, BOUNDS);
  t.strictSame(none.take(sample({ broken: true })), []);
  const all = new EdgeLoads(SETTINGS, BOUNDS);
  t.strictSame(
    all.take(sample()).map(({ rule }) => rule),
    ['bytes_in_flight', 'upstream_failures', 'upstream_latency'],
  );
});
