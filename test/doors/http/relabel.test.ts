import SnappyJS from 'snappyjs';
import t from 'tap';
import type { MimirLimits } from '#src/limits/limits.js';
import { seriesNames, storedLabelsOf } from '#src/payload/labels.js';
import { readLabelNames, readRules } from '#src/relabel/rule.js';
import { enforcer, limits, snapshot } from '../../enforce/fixtures.js';
import { encodeVersion1, encodeVersion2 } from '../../payload/encode.js';
import { tracker } from '../../series/fixtures.js';
import { edge, send, upstream } from './fixtures.js';

type Pairs = readonly (readonly [string, string])[];

const VERSION_2 = {
  'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
  'X-Prometheus-Remote-Write-Version': '2.0.0',
};

function rules(list: readonly object[]): string {
  const read = readRules(list);
  if ('problem' in read) throw new Error(read.problem);
  return read.value;
}

function labelNames(list: readonly string[]): string {
  const read = readLabelNames(list);
  if ('problem' in read) throw new Error(read.problem);
  return read.value;
}

/** Of one tenant with these limits: what was answered, what arrived, what the tenant is charged and has. */
async function pushed(own: Partial<MimirLimits>, pushes: readonly (readonly Pairs[])[], version: 1 | 2 = 1) {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, {
    enforcer: {
      // What is charged does not come back.
      snapshot: snapshot({ a: limits({ ingestion_rate: 0, ...own }) }),
      series: tracker({ nameMetric: (push, row) => storedLabelsOf(push, row)[0]?.[1] ?? '' }),
    },
  });
  const answers: { status: number; text: string }[] = [];
  const bodies: Buffer[] = [];
  for (const series of pushes) {
    const sent = series.map((labels) => ({ labels, value: 1, timestampMs: Date.now() }));
    const body = Buffer.from(SnappyJS.compress(version === 1 ? encodeVersion1(sent) : encodeVersion2(sent)));
    const answer = await send(proxy.url, body, version === 1 ? {} : VERSION_2);
    answers.push({ status: answer.status, text: await answer.text() });
    bodies.push(body);
  }
  const held = proxy.enforcer.tenants.use('a', 0);
  const found = {
    answers,
    asSent: mimir.arrived.map(({ body }, i) => body.equals(bodies[i] ?? Buffer.alloc(0))),
    charged: 200_000 - (held?.items.bucket.left(0) ?? 0),
    active: held?.series?.active,
    received: held?.tally.samples,
    refused: proxy.refusals.length,
  };
  await proxy.stop();
  await mimir.close();
  return found;
}

function up(...more: (readonly [string, string])[]): Pairs {
  return [['__name__', 'up'], ['job', 'a'], ...more];
}

for (const version of [1, 2] as const) {
  t.test(`series that a rule drops are neither charged nor known, version ${version}`, async (t) => {
    const drop = { metric_relabel_configs: rules([{ source_labels: ['job'], regex: 'b', action: 'drop' }]) };
    const other: Pairs = [
      ['__name__', 'up'],
      ['job', 'b'],
    ];
    const found = await pushed(drop, [[up(), other, up(['pod', '1'])], [other]], version);
    t.match(found, {
      answers: [{ status: 200 }, { status: 200 }],
      asSent: [true, true],
      charged: 2,
      active: 2,
      received: 4,
      refused: 0,
    });
  });
}

t.test('series that rules make one are one, and the limit counts them so', async (t) => {
  const own = { drop_labels: labelNames(['pod']), max_global_series_per_user: 1 };
  const found = await pushed(own, [[up(['pod', '1'])], [up(['pod', '2']), up(['pod', '3'])]]);
  t.match(found, {
    answers: [{ status: 200 }, { status: 200 }],
    asSent: [true, true],
    active: 1,
    charged: 3,
  });
});

t.test('a series is judged as the rules make it: for better', async (t) => {
  const long = up(['pod', 'x'.repeat(3000)]);
  t.match(await pushed({}, [[long]]), { answers: [{ status: 400 }] });
  for (const own of [
    { drop_labels: labelNames(['pod']) },
    { metric_relabel_configs: rules([{ source_labels: ['pod'], regex: '(.{10}).*', target_label: 'pod' }]) },
  ]) {
    t.match(await pushed(own, [[long]]), { answers: [{ status: 200 }], asSent: [true], active: 1 });
  }
});

t.test('a series is judged as the rules make it: for worse, and named so', async (t) => {
  const unnamed = { drop_labels: labelNames(['__name__']) };
  t.match((await pushed(unnamed, [[up()]])).answers, [
    { status: 400, text: /err-mimir-missing-metric-name/ },
  ]);
  const own = {
    metric_relabel_configs: rules([
      { source_labels: ['__name__'], target_label: '__name__', replacement: 'new-$1' },
    ]),
  };
  t.match((await pushed(own, [[up()]])).answers, [{ status: 400, text: /err-mimir-metric-name-invalid/ }]);
});

t.test('rules that are switched off change nothing', async (t) => {
  const own = { drop_labels: labelNames(['__name__']), metric_relabeling_enabled: false };
  t.match(await pushed(own, [[up()]]), { answers: [{ status: 200 }], active: 1 });
});

t.test('a value that is too long is another series under each strategy, as Mimir stores it', async (t) => {
  const long = (end: string) => up(['pod', 'x'.repeat(200) + end]);
  const one = long('a');
  const stored = `${'x'.repeat(29)}(hash:${'0'.repeat(64)})`;
  for (const strategy of ['truncate', 'drop'] as const) {
    const own = { label_value_length_over_limit_strategy: strategy, max_label_value_length: 100 };
    const found = await pushed(own, [[one, one, long('b'), up(['pod', stored])]]);
    t.match(found, { answers: [{ status: 200 }], asSent: [true], active: 3, refused: 0 }, strategy);
  }
});

t.test('rules of a tenant change with its limits', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url, { enforcer: { series: tracker(), now: () => 0 } });
  const body = Buffer.from(
    SnappyJS.compress(
      encodeVersion1(
        [1, 2, 3].map((n) => ({ labels: up(['pod', `${n}`]), value: 1, timestampMs: Date.now() })),
      ),
    ),
  );
  const active = () => proxy.enforcer.tenants.use('a', 0)?.series?.active;
  await send(proxy.url, body);
  t.equal(active(), 3);
  proxy.enforcer.apply(snapshot({ a: limits({ drop_labels: labelNames(['pod']) }) }));
  await send(proxy.url, body);
  t.equal(active(), 4, 'the three are one more series');
  proxy.enforcer.apply(snapshot({}));
  await send(proxy.url, body);
  t.equal(active(), 4);
  await proxy.stop();
  await mimir.close();
});

t.test('nothing is relabelled for a tenant that nothing is enforced for', async (t) => {
  const { decodeOptions } = await import('#src/doors/decode-options.js');
  const own = limits({ drop_labels: labelNames(['pod']) });
  for (const [mode, rewrites] of [
    ['enforce', true],
    ['shadow', true],
    ['off', false],
  ] as const) {
    const judge = enforcer({ mode, snapshot: snapshot({ a: own }) });
    const admission = await judge.admit('a');
    if (admission.kind !== 'admitted') throw new Error('not admitted');
    const settings = { maxUncompressedBytes: 1, maxSeries: 1, haTracker: false };
    const { rewriting } = decodeOptions({ protocol: 'rw1', source: undefined }, admission.tenant, settings);
    t.equal(rewriting !== undefined, rewrites, mode);
  }
});

t.test('messages name a series as it is stored', async (t) => {
  const { InlineDecoder } = await import('#src/payload/inline-decoder.js');
  const { labelRewriting } = await import('#src/payload/rewriting.js');
  const body = Buffer.from(
    SnappyJS.compress(
      encodeVersion1([{ labels: up(['pod', 'x'], ['zone', 'z']), value: 1, timestampMs: 1 }]),
    ),
  );
  const rewriting = labelRewriting(
    {
      tenant: 'a',
      rules: rules([{ source_labels: ['__name__', 'zone'], separator: '_', target_label: '__name__' }]),
      dropLabels: labelNames(['pod']),
      utf8Names: false,
      longValues: 'error',
      maxValueLength: 0,
    },
    {},
  );
  const push = new InlineDecoder(1e9).decode([body], body.length, {
    protocol: 'rw1',
    maxUncompressedBytes: 1e6,
    maxSeries: 10,
    excludeLabel: '',
    rewriting,
  });
  if (push.kind !== 'push') throw new Error('not decoded');
  t.strictSame(seriesNames(push, [0]), ['up_z{job="a", zone="z"}']);
});
