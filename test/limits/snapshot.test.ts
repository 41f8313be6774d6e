import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot, packSnapshot, unpackSnapshot } from '#src/limits/snapshot.js';

const mimir = (text: string) => parseOverrides(text, 'mimir');
const build = (...texts: string[]) =>
  buildSnapshot({ defaults: DEFAULT_LIMITS, mimir: texts.map(mimir), edge: [] });

t.test("the defaults are Mimir's", async (t) => {
  t.match(DEFAULT_LIMITS, {
    request_rate: 0,
    ingestion_rate: 10_000,
    ingestion_burst_size: 200_000,
    max_label_names_per_series: 30,
    max_label_name_length: 1024,
    max_label_value_length: 2048,
    max_global_series_per_user: 150_000,
    max_global_exemplars_per_user: 0,
    edge: { mode: undefined, bytes_per_second: 0 },
  });
});

t.test(
  'a tenant starts from the defaults and replaces what it names; others have the defaults',
  async (t) => {
    const { tenants, defaults } = build('overrides: { a: { ingestion_rate: 5 } }');
    t.strictSame(tenants.get('a'), { ...DEFAULT_LIMITS, ingestion_rate: 5 });
    t.equal(tenants.get('b'), undefined);
    t.equal(defaults, DEFAULT_LIMITS);
  },
);

t.test('of several documents the later wins, key by key', async (t) => {
  const { tenants } = build(
    'overrides: { a: { ingestion_rate: 1, request_rate: 1 }, b: { request_rate: 1 } }',
    'overrides: { a: { ingestion_rate: 2 } }',
  );
  t.match(tenants.get('a'), { ingestion_rate: 2, request_rate: 1 });
  t.match(tenants.get('b'), { request_rate: 1 });
});

t.test('a key without a value takes back what an earlier document says', async (t) => {
  const { tenants } = build(
    'overrides: { a: { ingestion_rate: 1 } }',
    'overrides: { a: { ingestion_rate: } }',
  );
  t.match(tenants.get('a'), { ingestion_rate: 10_000 });
});

t.test('a snapshot can not be edited', async (t) => {
  const { tenants } = build('overrides: { a: { ingestion_rate: 1 } }');
  t.throws(() => {
    (tenants.get('a') as { ingestion_rate: number }).ingestion_rate = 2;
  });
});

t.test('the hash follows what the limits come to, not how they are written', async (t) => {
  const one = build('overrides: { a: { ingestion_rate: 1, request_rate: 2 }, b: {} }').hash;
  t.equal(build('overrides: { b: {}, a: { request_rate: 2.0, ingestion_rate: 1e0 } }').hash, one);
  t.not(build('overrides: { a: { ingestion_rate: 1, request_rate: 3 }, b: {} }').hash, one);
  t.not(build('overrides: { a: { ingestion_rate: 1, request_rate: 2 } }').hash, one);
});

t.test('tenants whose limits did not change keep their object', async (t) => {
  const before = build('overrides: { a: { ingestion_rate: 1 }, b: { ingestion_rate: 1 } }');
  const after = buildSnapshot({
    defaults: DEFAULT_LIMITS,
    mimir: [mimir('overrides: { a: { ingestion_rate: 1.0 }, b: { ingestion_rate: 2 } }')],
    edge: [],
    previous: before,
  });
  t.equal(after.tenants.get('a'), before.tenants.get('a'));
  t.not(after.tenants.get('b'), before.tenants.get('b'));
});

t.test('with other defaults no tenant keeps its object', async (t) => {
  const before = build('overrides: { a: { ingestion_rate: 1 } }');
  const defaults = { ...DEFAULT_LIMITS, request_rate: 7 };
  const documents = [mimir('overrides: { a: { ingestion_rate: 1 } }')];
  const after = buildSnapshot({ defaults, mimir: documents, edge: [], previous: before });
  t.strictSame(after.tenants.get('a'), { ...defaults, ingestion_rate: 1 });
  t.not(after.hash, before.hash);
});

t.test('the hash has the defaults in it, though no tenant has other limits', async (t) => {
  const hash = (defaults: typeof DEFAULT_LIMITS) => buildSnapshot({ defaults, mimir: [], edge: [] }).hash;
  const all = [
    DEFAULT_LIMITS,
    { ...DEFAULT_LIMITS, request_rate: 7 },
    { ...DEFAULT_LIMITS, edge: { ...DEFAULT_LIMITS.edge, bytes_per_second: 7 } },
    { ...DEFAULT_LIMITS, edge: { ...DEFAULT_LIMITS.edge, mode: 'off' as const } },
  ].map(hash);
  t.equal(new Set(all).size, all.length);
  t.equal(hash({ ...DEFAULT_LIMITS }), all[0]);
});

t.test('tenants with the same limits share one object, and each is there once', async (t) => {
  const { tenants } = buildSnapshot({
    defaults: DEFAULT_LIMITS,
    mimir: [
      mimir('overrides: { b: { ingestion_rate: 1 }, a: { ingestion_rate: 1 } }'),
      mimir('overrides: { a: { request_rate: 0 }, c: {} }'),
    ],
    edge: [parseOverrides('overrides: { c: { mode: off }, b: {} }', 'edge')],
  });
  t.strictSame([...tenants.keys()], ['a', 'b', 'c']);
  t.equal(tenants.get('a'), tenants.get('b'), 'a default that is named is a default');
  t.strictSame(tenants.get('c'), { ...DEFAULT_LIMITS, edge: { ...DEFAULT_LIMITS.edge, mode: 'off' } });
  t.equal(tenants.get('a')?.edge, DEFAULT_LIMITS.edge);
  t.ok(Object.isFrozen(tenants.get('c')?.edge));
});

t.test(
  'a snapshot crosses threads as texts, a line for each set of limits and for each tenant',
  async (t) => {
    const packed = packSnapshot({
      defaults: DEFAULT_LIMITS,
      mimir: [mimir('overrides: { b: { request_rate: 2 }, a: {}, c: { request_rate: 2, ingestion_rate: } }')],
      edge: [parseOverrides('overrides: { d: { bytes_per_second: 5 } }', 'edge')],
    });
    t.equal(packed.sets, '[{},{}]\n[{"request_rate":2},{}]\n[{},{"bytes_per_second":5}]\n');
    t.equal(packed.tenants, '0 a\n1 b\n1 c\n2 d\n');
    t.match(packed.hash, /^[0-9a-f]{16}$/);
  },
);

t.test('unpacking stops after each 128 sets or tenants', async (t) => {
  const stops = (count: number, distinct: boolean) => {
    const overrides: Record<string, object> = {};
    for (let n = 1; n <= count; n++) overrides[`t${n}`] = { request_rate: distinct ? n : 1 };
    const documents = [mimir(JSON.stringify({ overrides }))];
    const sources = { defaults: DEFAULT_LIMITS, mimir: documents, edge: [] };
    return [...unpackSnapshot(packSnapshot(sources), DEFAULT_LIMITS, undefined)].length;
  };
  t.equal(stops(0, true), 0);
  t.equal(stops(1, true), 2);
  t.equal(stops(128, true), 2);
  t.equal(stops(129, true), 4);
  t.equal(stops(400, false), 1 + 4);
});

t.test('merging is the same in one step or two', async () => {
  const one = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.dictionary(fc.constantFrom('ingestion_rate', 'request_rate', 'max_label_name_length'), fc.nat()),
  );
  fc.assert(
    fc.property(one, one, (first, second) => {
      const merged: Record<string, object> = {};
      for (const part of [first, second]) {
        for (const [id, named] of Object.entries(part)) merged[id] = { ...merged[id], ...named };
      }
      const apart = build(JSON.stringify({ overrides: first }), JSON.stringify({ overrides: second }));
      return apart.hash === build(JSON.stringify({ overrides: merged })).hash;
    }),
  );
});
