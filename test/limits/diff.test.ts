import fc from 'fast-check';
import t from 'tap';
import { diffSnapshots, tenantsThatDiffer } from '#src/limits/diff.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { buildSnapshot } from '#src/limits/snapshot.js';

const build = (mimir: object, edge: object = {}) =>
  buildSnapshot({
    defaults: DEFAULT_LIMITS,
    mimir: [parseOverrides(JSON.stringify({ overrides: mimir }), 'mimir')],
    edge: [parseOverrides(JSON.stringify({ overrides: edge }), 'edge')],
  });

t.test("tenants that come, go and change, with the edge's own limits", async (t) => {
  const before = build({ b: { request_rate: 1 }, c: { request_rate: 1 } }, { b: { mode: 'off' } });
  const after = build({ a: {}, b: { request_rate: 2 } }, { b: { max_series_per_request: 9 } });
  t.strictSame(diffSnapshots(before, after), [
    { tenant: 'a', change: 'added', limits: [] },
    {
      tenant: 'b',
      change: 'changed',
      limits: [
        { limit: 'request_rate', before: 1, after: 2 },
        { limit: 'mode', before: 'off', after: undefined },
        { limit: 'max_series_per_request', before: 0, after: 9 },
      ],
    },
    { tenant: 'c', change: 'removed', limits: [{ limit: 'request_rate', before: 1, after: 0 }] },
  ]);
});

t.test(
  'tenants that may differ are those of another object, and all of them under other defaults',
  async (t) => {
    const before = build({ d: { request_rate: 1 }, b: { request_rate: 1 }, c: {} });
    const rebuilt = build({ d: { request_rate: 1 }, b: { request_rate: 1 }, a: {} });
    const kept = new Map([...rebuilt.tenants, ['d', before.tenants.get('d')!]]);
    const after = { ...rebuilt, defaults: before.defaults, tenants: kept };
    t.strictSame(tenantsThatDiffer(before, after), ['a', 'b', 'c'], 'in the order of their names');
    t.strictSame(
      diffSnapshots(before, after).map(({ tenant }) => tenant),
      ['a', 'c'],
      'what is the same in another object is no change',
    );
    const defaults = { ...before.defaults, max_label_name_length: 7 };
    t.strictSame(tenantsThatDiffer(before, { ...after, defaults }), ['a', 'b', 'c', 'd']);
  },
);

t.test('there is a difference if, and only if, the hashes differ', async () => {
  const tenants = fc.dictionary(
    fc.constantFrom('a', 'b'),
    fc.dictionary(fc.constantFrom('ingestion_rate', 'request_rate'), fc.constantFrom(0, 1, 10_000)),
  );
  fc.assert(
    fc.property(tenants, tenants, (one, other) => {
      const before = build(one);
      const after = build(other);
      return (diffSnapshots(before, after).length === 0) === (before.hash === after.hash);
    }),
  );
});
