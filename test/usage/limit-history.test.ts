import t from 'tap';
import type { Snapshot, TenantLimits } from '#src/limits/limits.js';
import { LimitHistory } from '#src/usage/limit-history.js';
import { limits, snapshot } from '../enforce/fixtures.js';

const DEFAULTS = limits();
const of = (tenants: Record<string, TenantLimits>): Snapshot => snapshot(tenants, DEFAULTS);
const rate = (ingestion_rate: number) => limits({ ingestion_rate });
const HOUR = 3_600_000;

t.test('what changed for a tenant is known by when, and nothing of who did not change', async (t) => {
  const history = new LimitHistory();
  const [one, two] = [of({ a: rate(1), b: rate(1) }), of({ a: rate(2), b: rate(1) })];
  history.note(one, two, 100);
  history.note(two, of({ b: rate(1) }), 200);
  t.strictSame(history.changes('a', 0), [
    { limit: 'ingestion_rate', before: 1, after: 2, atMs: 100 },
    { limit: 'ingestion_rate', before: 2, after: 10_000, atMs: 200 },
  ]);
  t.strictSame(
    history.changes('a', 101).map(({ atMs }) => atMs),
    [200],
  );
  t.strictSame(history.changes('b', 0), []);
  t.strictSame(history.changes('c', 0), []);
});

t.test('a tenant is forgotten a day after its last change', async (t) => {
  const history = new LimitHistory();
  history.note(of({ a: rate(1) }), of({ a: rate(2) }), 0);
  history.note(of({ b: rate(1) }), of({ b: rate(2) }), 23 * HOUR);
  t.equal(history.changes('a', 0).length, 1);
  history.note(of({ b: rate(2) }), of({ b: rate(3) }), 24 * HOUR + 1);
  t.equal(history.changes('a', 0).length, 0);
  t.equal(history.changes('b', 0).length, 2);
});

t.test('who changes all the time has its last changes, and there is a bound for all', async (t) => {
  const history = new LimitHistory();
  for (let n = 0; n < 300; n++) history.note(of({ a: rate(n) }), of({ a: rate(n + 1) }), n);
  t.equal(history.changes('a', 0).length, 100);
  t.equal(history.changes('a', 0)[0]?.atMs, 200);
  const [one, two] = [rate(1), rate(2)];
  const many = (value: TenantLimits): Snapshot => ({
    ...of({}),
    tenants: new Map(Array.from({ length: 30_000 }, (_, n) => [`t${n}`, value])),
  });
  history.note(many(one), many(two), 1000);
  history.note(many(two), many(one), 1001);
  t.strictSame(history.changes('a', 0), [], 'those that changed first make room');
  t.equal(history.changes('t9999', 0).length, 2);
  const known = Array.from({ length: 30_000 }, (_, n) => history.changes(`t${n}`, 0).length);
  t.equal(
    known.reduce((sum, count) => sum + count, 0),
    50_000,
  );
});
