import t from 'tap';
import { type EdgeLoadSettings, EdgeLoads, type EdgeSample } from '#src/guard/edge-loads.js';

const SETTINGS: EdgeLoadSettings = { bytesInFlight: true, failures: 50, latency: 5 };
/** Seconds. */
const BOUNDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64];

function sample(given: Partial<EdgeSample> = {}): EdgeSample {
  return {
    bytesInFlight: { used: 0, capacity: 1000 },
    pushes: { requests: 0, failed: 0 },
    answers: [],
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

type Pushes = Readonly<Record<string, { readonly seconds: number; readonly each?: number }>>;

/** Samples of answers to senders, of which each takes so long, twenty at a time. */
class Mimir {
  readonly loads = new EdgeLoads(SETTINGS, BOUNDS);

  answers(seconds: number, samples: number, each = 20): number | undefined {
    return this.to({ a: { seconds, each } }, samples);
  }

  to(senders: Pushes, samples: number): number | undefined {
    const answers = Object.entries(senders).map(([sender, { seconds, each = 20 }]) => {
      const at = BOUNDS.findIndex((bound) => seconds <= bound);
      const counts = [...BOUNDS, Infinity].map((_, n) => (n === (at < 0 ? BOUNDS.length : at) ? each : 0));
      return { sender, counts };
    });
    let percent: number | undefined;
    for (let i = 0; i < samples; i++) percent = of(this.loads, 'upstream_latency', { answers })?.percent;
    return percent;
  }
}

t.test('Mimir takes as long as usual, or longer, once it is known what is usual', async (t) => {
  const mimir = new Mimir();
  t.equal(mimir.answers(0.035, 30), undefined, 'it is only watched at first');
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
  t.equal(mimir.answers(0.3, 1, 19), undefined);
});

t.test('one whose pushes take long says nothing of Mimir while others send', async (t) => {
  const mimir = new Mimir();
  const quick = { seconds: 0.035 };
  mimir.to({ a: quick, b: quick, slow: quick }, 60);
  for (const [senders, load] of [
    [{ a: quick, b: quick, slow: { seconds: 0.3, each: 1000 } }, 20],
    [{ a: quick, slow: { seconds: 0.3, each: 1000 } }, 20],
    [{ slow: { seconds: 0.3, each: 1000 } }, 160],
    [{ a: { seconds: 0.3 }, b: { seconds: 0.3 }, slow: { seconds: 0.3, each: 1000 } }, 160],
    [{ a: { seconds: 0.3 }, b: { seconds: 0.3 }, slow: { seconds: 0.035, each: 1000 } }, 160],
  ] as const) {
    const percent = mimir.to(senders, 1) ?? Number.NaN;
    t.ok(Math.abs(percent - load) < 15, `${JSON.stringify(senders)}: ${percent}`);
  }
});

t.test('one that always takes long, or comes and goes, makes nothing slower', async (t) => {
  const mimir = new Mimir();
  const senders = { small: { seconds: 0.035 }, large: { seconds: 0.3 } };
  mimir.to(senders, 60);
  t.ok((mimir.to({ large: senders.large }, 1) ?? 100) < 25, 'its own usual counts');
  t.ok((mimir.to({ ...senders, new: { seconds: 10 } }, 20) ?? 100) < 25, 'one that is new has none yet');
});

t.test('senders without end take no memory', async (t) => {
  const mimir = new Mimir();
  mimir.answers(0.035, 60);
  for (let i = 0; i < 400; i++) {
    const many = Array.from({ length: 50 }, (_, n) => [`made-up-${i}-${n}`, { seconds: 10 }]);
    mimir.to({ ...Object.fromEntries(many), a: { seconds: 0.035 } }, 1);
  }
  t.ok((mimir.answers(0.3, 1) ?? 0) > 130, 'and who is known stays known');
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
