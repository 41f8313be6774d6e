import fc from 'fast-check';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { Bodies, type PushContent } from '#src/loadtest/bodies.js';
import { shareOut } from '#src/loadtest/tenants.js';
import { WriteRequestV1, WriteRequestV2 } from '../payload/encode.js';

interface Decoded {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: number;
}

/** With protobufjs, which knows nothing of templates. */
function decode(body: Buffer, version: 1 | 2): Decoded[] {
  const plain = SnappyJS.uncompress(body);
  const options = { longs: Number };
  if (version === 1) {
    const { timeseries } = WriteRequestV1.toObject(WriteRequestV1.decode(plain), options);
    return timeseries.map(
      (one: {
        labels: { name: string; value: string }[];
        samples: { value: number; timestamp: number }[];
      }) => ({
        labels: Object.fromEntries(one.labels.map(({ name, value }) => [name, value])),
        value: one.samples[0]!.value,
        timestampMs: one.samples[0]!.timestamp,
      }),
    );
  }
  const { symbols, timeseries } = WriteRequestV2.toObject(WriteRequestV2.decode(plain), options);
  return timeseries.map((one: { labelsRefs: number[]; samples: { value: number; timestamp: number }[] }) => ({
    labels: Object.fromEntries(
      Array.from({ length: one.labelsRefs.length / 2 }, (_, pair) => [
        symbols[one.labelsRefs[2 * pair]!],
        symbols[one.labelsRefs[2 * pair + 1]!],
      ]),
    ),
    value: one.samples[0]!.value,
    timestampMs: one.samples[0]!.timestamp,
  }));
}

function given(options: { series?: number; tenants?: number; churn?: number; version?: 1 | 2 } = {}) {
  const { series = 2000, tenants = 1, churn = 0, version = 1 } = options;
  const shared = shareOut({ tenants, tenantPrefix: 't', series, seriesPerPush: 100, skew: 'even' });
  const bodies = new Bodies(shared, { version, churnPerMinute: churn, seed: 1 });
  const take = (content: Partial<PushContent> = {}) => {
    const push = { tenant: 0, push: 0, cycle: 0, dueMs: 0, timestampMs: 1.76e12, allNew: false, ...content };
    const body = bodies.take(push);
    const decoded = decode(body.bytes, version);
    bodies.giveBack(body);
    return decoded;
  };
  return { shared, take, names: (content?: Partial<PushContent>) => new Set(take(content).map(name)) };
}

const name = ({ labels }: Decoded): string => JSON.stringify(Object.entries(labels).sort());

for (const version of [1, 2] as const) {
  t.test(`version ${version}: every series has the timestamp it was given, and sorted labels`, async () => {
    const { take } = given({ version });
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 35, max: 2 ** 42 - 1 }), fc.nat(19), (timestampMs, push) => {
        const decoded = take({ timestampMs, push });
        return (
          decoded.length === 100 &&
          decoded.every((one) => one.timestampMs === timestampMs) &&
          decoded.every(({ labels }) => Object.keys(labels).join() === Object.keys(labels).sort().join())
        );
      }),
      { numRuns: 30 },
    );
  });

  t.test(`version ${version}: the pushes of a tenant share no series, and values rise`, async (t) => {
    const { take } = given({ version });
    const all = new Set<string>();
    for (let push = 0; push < 20; push++) for (const one of take({ push })) all.add(name(one));
    t.equal(all.size, 2000);
    const [before, after] = [take({ cycle: 3 }), take({ cycle: 4 })];
    t.ok(after.every(({ value }, index) => value > before[index]!.value));
  });
}

t.test('tenants share no series, though they share templates', async (t) => {
  const { names } = given({ tenants: 2 });
  const [first, second] = [names({ tenant: 0 }), names({ tenant: 1 })];
  t.equal(new Set([...first, ...second]).size, 200);
  t.strictSame(names({ tenant: 0 }), first, 'and each finds its own again');
});

t.test('churn replaces the part of the pods that it was told to, all of a pod at once', async (t) => {
  const { names } = given({ churn: 0.2 });
  const all = (dueMs: number) => {
    const found = new Set<string>();
    for (let push = 0; push < 20; push++) for (const one of names({ push, dueMs })) found.add(one);
    return found;
  };
  const [before, after] = [all(0), all(60_000)];
  const gone = [...before].filter((one) => !after.has(one)).length / before.size;
  t.ok(gone > 0.05 && gone < 0.4, `${gone} of the series in a minute, at 0.2`);
  t.equal(after.size, before.size, 'and the number of series stays');
  t.strictSame(all(0), before);
});

t.test('an explosion has nothing but new series in every push', async (t) => {
  const { names } = given();
  const seen = new Set(names());
  for (let cycle = 0; cycle < 5; cycle++) for (const one of names({ cycle, allNew: true })) seen.add(one);
  t.equal(seen.size, 600);
});

t.test('a timestamp that does not fit in its place is refused', async (t) => {
  const { take } = given();
  t.throws(() => take({ timestampMs: 2 ** 42 }), RangeError);
});

t.test('a body that is out is not handed out again', async (t) => {
  const shared = shareOut({ tenants: 1, tenantPrefix: 't', series: 100, seriesPerPush: 100, skew: 'even' });
  const bodies = new Bodies(shared, { version: 1, churnPerMinute: 0, seed: 1 });
  const push = { tenant: 0, push: 0, cycle: 0, dueMs: 0, timestampMs: 1.76e12, allNew: false };
  const first = bodies.take(push);
  const copy = Buffer.from(first.bytes);
  const second = bodies.take({ ...push, timestampMs: 1.77e12 });
  t.ok(copy.equals(first.bytes));
  t.notOk(second.bytes.equals(first.bytes));
  bodies.giveBack(first);
  t.equal(bodies.take(push), first, 'and is used again once it came back');
});
