/** An OTLP data point that makes several series passes with all of them or none: in Mimir, in the charge, and in what is counted. */
import t from 'tap';
import type { TenantSeries } from '#src/enforce/series.js';
import { seriesRules } from '#src/enforce/series-rules.js';
import type { Accepted, Filtered, Verdict } from '#src/enforce/verdict.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { withoutPoints } from '#src/payload/otlp-points.js';
import type { Push, SeriesRules } from '#src/payload/push.js';
import { hasRow } from '#src/payload/rows.js';
import { OtlpRequest } from '../payload/otlp-json/proto.js';
import { tracker } from '../series/fixtures.js';
import { admit, enforcer, judge, limits, snapshot } from './fixtures.js';

const decoder = new InlineDecoder(64 << 20);
const NOW = '1700000000000000000';
const text = (key: string, value: string) => ({ key, value: { stringValue: value } });

/** With as many bounds it makes so many series and three more. */
function histogram(name: string, bounds: number) {
  const point = {
    timeUnixNano: NOW,
    count: '1',
    sum: 1,
    explicitBounds: Array.from({ length: bounds }, (_, index) => index),
    bucketCounts: Array.from({ length: bounds + 1 }, () => '0'),
  };
  return { name, histogram: { dataPoints: [point], aggregationTemporality: 2 } };
}

function gauge(name: string, ...attributes: { key: string }[]) {
  return { name, gauge: { dataPoints: [{ timeUnixNano: NOW, asDouble: 1, attributes }] } };
}

/** Each resource has a target_info where it has a host. */
function resource(host: string | undefined, ...metrics: object[]) {
  const attributes = host === undefined ? [] : [text('service.name', 'shop'), text('host', host)];
  return { resource: { attributes }, scopeMetrics: [{ metrics }] };
}

function decode(body: Uint8Array, rules?: SeriesRules): Push {
  const options = {
    protocol: 'otlp',
    maxUncompressedBytes: 1 << 20,
    maxSeries: 1000,
    excludeLabel: '__replica__',
    clusterLabel: 'cluster',
    pairPerSeries: true,
    ...(rules && { rules, nowMs: 1_700_000_000_000 }),
  } as const;
  const push = decoder.decodePlain(body, options);
  if (push.kind !== 'push') throw new Error(push.message);
  return push;
}

function encode(resourceMetrics: object[]): Uint8Array {
  return Buffer.from(OtlpRequest.encode(OtlpRequest.fromObject({ resourceMetrics })).finish());
}

/** What reaches Mimir, read as it came. */
function rest(verdict: Verdict): Push {
  const { push, leftOut } = verdict as Filtered;
  return decode(Uint8Array.from(withoutPoints(push, leftOut.taken)));
}

function given(over: Parameters<typeof limits>[0], options: Parameters<typeof enforcer>[0] = {}) {
  const limited = limits(over);
  const edge = enforcer({ snapshot: snapshot({ a: limited }), series: tracker(), ...options });
  const { tenant } = admit(edge, 'a');
  const rules = seriesRules(limited);
  return { tenant, push: (...resources: object[]) => judge(edge, tenant, decode(encode(resources), rules)) };
}

t.test(
  'with one series over the limit all of its data point are left out, uncharged and uncounted',
  async (t) => {
    const { tenant, push } = given({ max_global_series_per_user: 7, ingestion_rate: 1e-9 });
    const verdict = push(resource(undefined, histogram('d', 5), gauge('g')));
    t.match(verdict, {
      kind: 'filter',
      items: 2,
      leftOut: { series: 8, samples: 8 },
      answer: {
        reason: 'per_user_series_limit',
        message:
          /^8 of 9 series .*: 1 is new and over the tenant's limit of 7 active series \(.*\) and 7 are of the same data points /,
      },
    });
    const left = rest(verdict);
    t.match(left, { series: 1, samples: 1 });
    t.equal(tenant.series?.active, 1, 'what is counted is what Mimir gets');
    t.equal(tenant.items.bucket.left(0), 200_000 - 2, 'one sample, and its metadata');
    t.match(push(resource(undefined, histogram('d', 3))), { kind: 'accept' }, 'the room is there for others');
    t.equal(tenant.series?.active, 7);
    t.match(tenant.tally, { newSeries: 7, seriesOverLimit: 1 });
  },
);

t.test('what is known of a data point that is left out is not charged either', async (t) => {
  const { tenant, push } = given({ max_global_series_per_user: 8 });
  t.match(push(resource(undefined, histogram('d', 5))), { kind: 'accept', items: 9 });
  const verdict = push(resource(undefined, histogram('d', 6), gauge('g')));
  t.match(verdict, { kind: 'refuse', reason: 'per_user_series_limit' }, 'a gauge has no room either');
  t.match(push(resource(undefined, histogram('d', 6), histogram('d', 5))), { kind: 'filter', items: 9 });
  t.equal(tenant.series?.active, 8);
});

t.test('with one series that breaks a rule the others of its data point go', async (t) => {
  const { tenant, push } = given({ max_label_names_per_series: 2 });
  const verdict = push(resource(undefined, { ...histogram('d', 2) }, gauge('g', text('x', 'y'))));
  t.match(verdict, { kind: 'accept' });
  const many = histogram('e', 2);
  Object.assign(many.histogram.dataPoints[0] as object, { attributes: [text('x', 'y')] });
  const one = push(resource(undefined, many, gauge('g', text('x', 'y'))));
  t.match(one, {
    kind: 'filter',
    items: 2,
    leftOut: { series: 5 },
    answer: {
      message: /^5 of 6 series .*: 3 have more than 2 labels \(.*\) and 2 are of the same data points /,
    },
  });
  t.match(rest(one), { series: 1 });
  t.equal(tenant.series?.active, 6);
});

t.test('a resource that has no data point left takes its target_info with it', async (t) => {
  const { tenant, push } = given({ max_label_names_per_series: 5 });
  const bad = gauge('bad', text('a', '1'), text('b', '2'), text('c', '3'), text('d', '4'), text('e', '5'));
  const verdict = push(resource('one', bad), resource('two', gauge('g'), bad), resource('three', bad, bad));
  t.match(verdict, { kind: 'filter', leftOut: { series: 6 } });
  const left = rest(verdict);
  t.equal(left.series, 2);
  t.equal(tenant.series?.active, 2, 'a gauge and one target_info');
});

t.test('metadata that has no data point left is not charged: Mimir gets none', async (t) => {
  const bad = (name: string, description = '') => ({
    ...gauge(name, text('a', '1'), text('b', '2'), text('c', '3')),
    description,
  });
  const fine = (name: string, description = '') => ({ ...gauge(name), description });
  const rows: [what: string, metadata: number, ...resources: object[][]][] = [
    ['each has its own', 1, [fine('x'), bad('y')]],
    ['the family is told by another metric', 2, [bad('x'), fine('y')], [fine('x')]],
    ['it would have changed in between', 1, [fine('x', 'one'), bad('x', 'two'), fine('x', 'one')]],
    ['it changes', 2, [fine('x', 'one'), fine('x', 'two'), bad('y')]],
    ['what was told before goes', 1, [bad('x', 'one'), fine('x', 'two')]],
  ];
  for (const [what, metadata, ...resources] of rows) {
    const { push } = given({ max_label_names_per_series: 3 });
    const sent = resources.map((metrics) => resource(undefined, ...metrics));
    const verdict = push(...sent) as Filtered;
    t.equal(verdict.kind, 'filter', what);
    const left = rest(verdict);
    t.equal(left.metadata, metadata, what);
    t.equal(verdict.items, left.samples - left.uncharged + metadata, what);
  }
});

t.test(
  'a target_info that breaks a rule is not charged, and refused by Mimir: it is no part of the body',
  async (t) => {
    const { tenant, push } = given({ max_label_names_per_series: 3, max_label_names_per_info_series: 3 });
    const many = resource('h', gauge('g'));
    many.resource.attributes.push(text('b', '2'), text('c', '3'));
    const verdict = push(many);
    t.match(verdict, { kind: 'filter', items: 1 + 2, leftOut: { series: 1 } });
    t.match(rest(verdict), { series: 2, metadata: 2 }, 'its metadata, too, which Mimir charges');
    t.equal(tenant.series?.active, 1);
  },
);

t.test('shadow mode counts what enforce would have done, and nothing is left out', async (t) => {
  const sends = [
    resource(undefined, histogram('d', 5), gauge('g')),
    resource(undefined, gauge('h'), gauge('i'), histogram('e', 3)),
    resource(undefined, histogram('d', 5), gauge('k')),
  ];
  for (const overLimit of ['filter', 'refuse'] as const) {
    const over = { max_global_series_per_user: 7 };
    const [enforced, shadowed] = (['enforce', 'shadow'] as const).map((mode) => {
      const { tenant, push } = given(over, { mode, overLimit });
      const verdicts = sends.map((one) => push(one));
      return { tenant, verdicts };
    });
    for (const [index, verdict] of shadowed!.verdicts.entries()) {
      const would = enforced!.verdicts[index]!;
      const answer = would.kind === 'filter' ? would.answer : would.kind === 'refuse' ? would : undefined;
      const { kind, shadowed: shown, items } = verdict as Accepted;
      t.equal(kind, 'accept');
      t.equal(shown?.message, answer?.message);
      t.equal(items, would.kind === 'refuse' ? 0 : (would as Accepted).items);
    }
    t.equal(shadowed!.tenant.tally.refused, undefined);
    t.same(shadowed!.tenant.tally.shadowed, enforced!.tenant.tally.refused, overLimit);
    t.equal(shadowed!.tenant.series?.active, enforced!.tenant.series?.active, overLimit);
  }
});

t.test(
  'of replicas that are not elected whole data points are dropped, and neither charged nor counted',
  async (t) => {
    const { tenant, push } = given({ accept_ha_samples: true, ha_tracker_per_sample_dedupe: true });
    const from = (replica: string) => [text('cluster', 'c'), text('__replica__', replica)];
    const sent = (replica: string) => {
      const one = histogram('d', 2);
      Object.assign(one.histogram.dataPoints[0] as object, { attributes: from(replica) });
      return resource('h', one, gauge('g'), gauge('e', ...from(replica)));
    };
    t.match(push(sent('r1')), { kind: 'accept', items: 5 + 1 + 1 + 1 + 4 });
    t.equal(tenant.series?.active, 8);
    const verdict = push(sent('r2'));
    t.match(verdict, {
      kind: 'filter',
      // The gauge that is of no pair, target_info, and their metadata.
      items: 1 + 1 + 2,
      leftOut: { series: 0, duplicates: 6 },
      answer: { kind: 'duplicate' },
    });
    t.match(rest(verdict), { series: 2, metadata: 2 });
    t.equal(tenant.series?.active, 8);
    t.equal(tenant.tally.deduplicated, 6);
    t.match(
      push(resource('h', gauge('e', ...from('r2')))),
      { kind: 'duplicate' },
      'nothing is left: not its target_info',
    );
    const forwards = given(
      { accept_ha_samples: true, ha_tracker_per_sample_dedupe: true },
      { dropDuplicates: false },
    );
    forwards.push(sent('r1'));
    t.match(
      forwards.push(sent('r2')),
      { kind: 'accept', items: 1 + 1 + 4 },
      'where Mimir is to drop them, their metadata reaches it and is charged',
    );
    const bad = gauge('bad', ...Array.from({ length: 30 }, (_, n) => text(`l${n}`, 'x')));
    t.match(
      forwards.push(sent('r2'), resource('h', bad)),
      { kind: 'filter', items: 1 + 1 + 2 },
      'unless the body is written anew for others',
    );
  },
);

t.test(
  'where others take the room of one data point after another, it is looked for eight times, by the clock of each',
  async (t) => {
    const asked: [allOrNothing: boolean, nowMs: number][] = [];
    let nowMs = 0;
    const series: TenantSeries = {
      active: 0,
      fleet: undefined,
      check(push, excluded, _limits, allOrNothing, at) {
        asked.push([allOrNothing, at]);
        nowMs += 10;
        const row = Array.from({ length: push.series }, (_, one) => one).find(
          (one) => excluded === undefined || !hasRow(excluded, one),
        );
        if (!allOrNothing || row === undefined) return { newAdmitted: 1, overLimit: undefined };
        const overLimit = { rows: [row], reasons: ['per_user_series_limit' as const], observed: 9 };
        return { newAdmitted: 0, overLimit };
      },
      topMetrics: () => [],
      release: () => {},
    };
    const { push } = given({}, { series: { tenant: () => series }, now: () => nowMs });
    const histograms = Array.from({ length: 12 }, (_, n) => histogram(`d${n}`, 2));
    t.match(push(resource(undefined, ...histograms)), { kind: 'filter', leftOut: { series: 8 * 5 } });
    t.strictSame(
      asked,
      Array.from({ length: 9 }, (_, round) => [round < 8, 10 * round]),
      'what is left is looked at series by series',
    );
  },
);
