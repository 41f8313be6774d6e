/** Limits by metadata, as Mimir merges them. */
import t from 'tap';
import { effectiveLimits, effectiveMode, entryLimits, wholeTenant } from '#src/limits/effective.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '#src/limits/snapshot.js';
import { SnapshotFollower, snapshotChange } from '#src/limits/snapshot-change.js';

function of(overrides: Record<string, object>, edge: Record<string, object> = {}): IndexedSnapshot {
  const document = (entries: object, kind: 'mimir' | 'edge') => {
    const parsed = parseOverrides(JSON.stringify({ overrides: entries }), kind);
    if (parsed.errors.length > 0) throw new Error(JSON.stringify(parsed.errors));
    return [parsed];
  };
  return buildSnapshot({
    defaults: DEFAULT_LIMITS,
    mimir: document(overrides, 'mimir'),
    edge: document(edge, 'edge'),
  });
}

t.test('entries replace each other in Mimir’s order: pair by pair, then the whole', async (t) => {
  const rate = (ingestion_rate: number) => ({ ingestion_rate });
  const all: Record<string, object> = {
    few: rate(1),
    ':a=1': rate(2),
    'few:a=1': rate(3),
    ':b=2': rate(4),
    'few:b=2': rate(5),
    'few:a=1:b=2': rate(6),
  };
  const order = Object.keys(all);
  for (let last = 0; last < order.length; last++) {
    const entries = Object.fromEntries(order.slice(0, last + 1).map((entry) => [entry, all[entry] ?? {}]));
    t.match(effectiveLimits(of(entries), 'few:a=1:b=2'), all[order[last] ?? ''] as object, `${last}`);
  }
  const snapshot = of(all);
  for (const [id, expected] of [
    ['few', 1],
    ['few:a=1', 3],
    ['few:b=2', 5],
    ['few:a=2', 1],
    ['few:a=1:c=3', 3],
    ['many:a=1', 2],
    ['many:a=1:b=2', 4],
    ['many:z=1', 10_000],
  ] as const) {
    t.equal(effectiveLimits(snapshot, id).ingestion_rate, expected, id);
  }
  t.equal(effectiveLimits(snapshot, 'few:a=2'), snapshot.tenants.get('few'), 'nothing selects anything');
});

t.test('metadata selects rate, burst, active series and their status, and nothing else', async (t) => {
  const snapshot = of({
    few: {
      request_rate: 7,
      max_global_series_per_user: 8,
      max_label_name_length: 9,
      max_active_series_per_user: 10,
      ingestion_burst_factor: 3,
    },
    'few:a=1': {
      request_rate: 70,
      max_global_series_per_user: 80,
      max_label_name_length: 90,
      max_active_series_per_user: 100,
      ingestion_rate: 110,
      ingestion_burst_size: 120,
      ingestion_burst_factor: 2,
      active_series_limit_response_code: 400,
    },
    'few:a=2': {
      max_active_series_per_user: 0,
      ingestion_burst_factor: 0,
      active_series_limit_response_code: 0,
    },
  });
  t.match(effectiveLimits(snapshot, 'few:a=1'), {
    request_rate: 7,
    max_global_series_per_user: 8,
    max_label_name_length: 9,
    max_active_series_per_user: 100,
    ingestion_rate: 110,
    ingestion_burst_size: 120,
    ingestion_burst_factor: 2,
    active_series_limit_response_code: 400,
  });
  t.match(
    effectiveLimits(snapshot, 'few:a=2'),
    {
      max_active_series_per_user: 10,
      ingestion_burst_factor: 3,
      active_series_limit_response_code: 429,
    },
    'zero replaces nothing',
  );
});

t.test('names and translation follow an entry only where it says so', async (t) => {
  const snapshot = of({
    few: { name_validation_scheme: 'utf8', otel_metric_suffixes_enabled: true, ingestion_rate: 7 },
    'few:a=1': { ingestion_rate: 5 },
    'few:a=2': { name_validation_scheme: 'legacy', otel_metric_suffixes_enabled: false },
    'few:a=3': { otel_translation_strategy: 'NoTranslation', name_validation_scheme: null },
    many: { otel_translation_strategy: 'NoTranslation' },
    'many:a=1': { otel_translation_strategy: '' },
  });
  const names = (id: string) => {
    const limits = effectiveLimits(snapshot, id);
    return [
      limits.name_validation_scheme,
      limits.otel_metric_suffixes_enabled,
      limits.otel_translation_strategy,
    ];
  };
  t.strictSame(names('few'), ['utf8', true, '']);
  t.strictSame(names('few:a=1'), ['utf8', true, '']);
  t.strictSame(names('few:a=2'), ['legacy', false, ''], 'also where that is the default');
  t.strictSame(names('few:a=3'), ['utf8', true, 'NoTranslation']);
  t.equal(names('many:a=1')[2], 'NoTranslation', 'no strategy replaces none');
});

t.test(
  'an entry starts from the defaults, as any other: a rate that it does not name is the default',
  async (t) => {
    const snapshot = of({
      few: { ingestion_rate: 1_000_000, ingestion_burst_size: 5 },
      'few:a=1': { max_active_series_per_user: 3 },
    });
    t.match(effectiveLimits(snapshot, 'few:a=1'), {
      max_active_series_per_user: 3,
      ingestion_rate: 10_000,
      ingestion_burst_size: 200_000,
    });
  },
);

t.test('mode, and whether a tenant is known, are the tenant’s, whatever its metadata', async (t) => {
  const snapshot = of({ few: {}, 'new:a=1': {} }, { few: { mode: 'shadow' } });
  const inForce = { snapshot, mode: 'enforce', unknownTenants: 'pass' } as const;
  t.equal(effectiveMode(inForce, 'few:a=1'), 'shadow');
  t.equal(effectiveMode(inForce, 'new:a=1'), 'off', 'no document names it without');
  t.equal(effectiveMode({ ...inForce, unknownTenants: 'defaults' }, 'new:a=1'), 'enforce');
  t.equal(effectiveMode({ ...inForce, mode: 'off' }, 'few'), 'off', 'off for all beats a mode of its own');
});

t.test('an id without its metadata is the tenant', async (t) => {
  for (const [id, whole] of [
    ['few', 'few'],
    ['few:a=1', 'few'],
    ['few:a=1:b=2', 'few'],
    [':a=1', ''],
  ] as const) {
    t.equal(wholeTenant(id), whole, id);
  }
});

t.test(
  'an entry for metadata of all tenants comes to what it says, one for a tenant to what is merged',
  async (t) => {
    const snapshot = of({
      few: { request_rate: 7 },
      ':a=1': { request_rate: 8 },
      'few:b=2': { ingestion_rate: 9 },
    });
    t.match(entryLimits(snapshot, ':a=1'), { request_rate: 8, ingestion_rate: 10_000 });
    t.match(entryLimits(snapshot, 'few:b=2'), { request_rate: 7, ingestion_rate: 9 });
    t.equal(entryLimits(snapshot, 'few'), snapshot.tenants.get('few'));
    t.equal(entryLimits(snapshot, ':z=1'), DEFAULT_LIMITS, 'no document has it any more');
  },
);

t.test(
  'entries for metadata are a part of the snapshot: they change its hash, and reach workers',
  async (t) => {
    const before = of({ few: {} });
    const after = of({ few: {}, 'few:a=1': { ingestion_rate: 5 } });
    t.not(before.hash, after.hash);
    const follower = new SnapshotFollower(DEFAULT_LIMITS);
    follower.follow(structuredClone(snapshotChange(undefined, before)));
    const followed = follower.follow(structuredClone(snapshotChange(before, after)));
    t.equal(effectiveLimits(followed, 'few:a=1').ingestion_rate, 5);
  },
);

t.test('what an entry for metadata names in vain is warned about, but for what many share', async (t) => {
  const text = `
x-small: &small { ingestion_rate: 5, request_rate: 5 }
overrides:
  few: { request_rate: 5, max_query_lookback: 1d }
  few:a=1: { request_rate: 5, ingestion_rate: 5, max_query_lookback: 1d, ingestion_rat: 5 }
  few:a=2: { <<: *small }`;
  t.match(parseOverrides(text, 'mimir').warnings, [
    {
      path: 'overrides.few:a=1.request_rate',
      message:
        'Mimir goes by request_rate for a tenant as a whole: in an entry for metadata it has no effect',
      line: 5,
    },
    { path: 'overrides.few:a=1.max_query_lookback' },
    { message: 'unknown limit, ignored; did you mean ingestion_rate?' },
  ]);
  t.equal(parseOverrides(text, 'mimir').warnings.length, 3);
});

t.test('an entry that nothing can select is warned about', async (t) => {
  const text = (entry: string) => JSON.stringify({ overrides: { [entry]: {} } });
  for (const entry of [':a=1:b=2', 'few:', 'few:b=1:a=1', '..:a=1']) {
    t.match(parseOverrides(text(entry), 'mimir').warnings, [
      { message: 'no metadata can select this entry, ignored' },
    ]);
    t.equal(parseOverrides(text(entry), 'mimir').tenants.size, 0);
  }
  t.strictSame(parseOverrides(text('few:a=1'), 'mimir').warnings, []);
  t.match(parseOverrides(text('few:a=1'), 'edge').warnings, [
    { message: "the edge's own limits are a tenant's, whatever its metadata, ignored" },
  ]);
});
