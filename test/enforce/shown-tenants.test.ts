import fc from 'fast-check';
import t from 'tap';
import { type CountedTenant, ShownTenants } from '#src/enforce/shown-tenants.js';
import { DISCARDED_REQUESTS, discarded, Tally } from '#src/enforce/tally.js';

const LATER_MS = 5 * 60_000;

function tenant(id: string, samples = 0): CountedTenant {
  const tally = new Tally();
  tally.samples = samples;
  return { id, tally };
}

function ids(shown: ReturnType<ShownTenants['show']>): string[] {
  return shown.tenants.map(({ tenant }) => tenant.id).sort();
}

t.test('all are shown as they are, and the others are those that left', async (t) => {
  const [a, departed] = [tenant('a', 5), new Tally()];
  const { tenants, others } = new ShownTenants(Number.POSITIVE_INFINITY).show({ tenants: [a], departed }, 0);
  t.equal(tenants[0]?.tally, a.tally);
  t.equal(others, departed);
});

t.test('the busiest are shown, and for five minutes they stay', async (t) => {
  const [a, b, c] = [tenant('a', 10), tenant('b', 1000), tenant('c', 20)];
  const shown = new ShownTenants(2);
  const show = (nowMs: number) => shown.show({ tenants: [a, b, c], departed: new Tally() }, nowMs);
  t.strictSame(ids(show(0)), ['b', 'c']);
  a.tally.samples += 40;
  c.tally.samples += 30;
  t.strictSame(ids(show(LATER_MS - 1)), ['b', 'c']);
  b.tally.samples += 1;
  const later = show(LATER_MS);
  t.strictSame(ids(later), ['a', 'c'], 'by what they have sent since');
  const ofC = later.tenants.find(({ tenant }) => tenant === c);
  t.equal(ofC?.tally.samples, 50, 'who stays counts on');
});

t.test('a place that is free is given at once', async (t) => {
  const [a, b] = [tenant('a', 10), tenant('b', 5)];
  const shown = new ShownTenants(1);
  t.strictSame(ids(shown.show({ tenants: [a, b], departed: new Tally() }, 0)), ['a']);
  t.strictSame(ids(shown.show({ tenants: [b], departed: a.tally }, 1)), ['b']);
  const again = tenant('b', 1);
  const { tenants } = shown.show({ tenants: [again], departed: new Tally() }, 2);
  t.equal(tenants[0]?.tally.samples, 1, 'who left and came back counts anew');
});

t.test('refusals are split as samples are', async (t) => {
  const [a, b] = [tenant('a', 1), tenant('b', 2)];
  const shown = new ShownTenants(1);
  const show = (nowMs: number) => shown.show({ tenants: [a, b], departed: new Tally() }, nowMs);
  a.tally.refuse('rate_limited', undefined);
  show(0);
  a.tally.samples += 100;
  a.tally.refuse('rate_limited', undefined);
  const { tenants, others } = show(LATER_MS);
  t.equal(tenants[0]?.tenant, a);
  t.equal(discarded(tenants[0]?.tally.refused, 'rate_limited', DISCARDED_REQUESTS), 0);
  t.equal(discarded(others.refused, 'rate_limited', DISCARDED_REQUESTS), 2);
});

/** As Prometheus reads a counter: one that is lower than before began anew. */
function increase(now: number, before: number): number {
  return now >= before ? now - before : now;
}

t.test('whoever sends, leaves and comes back: no counter falls, and all is told once', async () => {
  const step = fc.record({
    sends: fc.array(fc.tuple(fc.nat(5), fc.nat(50))),
    leaves: fc.array(fc.nat(5), { maxLength: 2 }),
    passes: fc.constantFrom(0, 1000, LATER_MS),
  });
  fc.assert(
    fc.property(fc.nat(3), fc.array(step, { maxLength: 30 }), (most, steps) => {
      const shown = new ShownTenants(most);
      const departed = new Tally();
      const held = new Map<string, CountedTenant>();
      let lines = new Map<string, number>();
      let [told, sent, othersBefore, nowMs] = [0, 0, 0, 0];
      const scrape = (): void => {
        const { tenants, others } = shown.show({ tenants: [...held.values()], departed }, nowMs);
        if (others.samples < othersBefore) throw new Error('the others fell');
        told += others.samples - othersBefore;
        othersBefore = others.samples;
        const now = new Map(tenants.map(({ tenant: { id }, tally }) => [id, tally.samples]));
        for (const [id, samples] of now) told += increase(samples, lines.get(id) ?? 0);
        lines = now;
        if (told !== sent) throw new Error(`${told} of ${sent} were told`);
      };
      for (const { sends, leaves, passes } of steps) {
        for (const [index, samples] of sends) {
          const one = held.get(`t${index}`) ?? tenant(`t${index}`);
          held.set(one.id, one);
          one.tally.samples += samples;
          sent += samples;
        }
        for (const index of leaves) {
          const one = held.get(`t${index}`);
          if (one !== undefined) departed.absorb(one.tally);
          held.delete(`t${index}`);
        }
        nowMs += passes;
        scrape();
      }
    }),
    { numRuns: 500 },
  );
});
