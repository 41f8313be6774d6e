import fc from 'fast-check';
import t from 'tap';
import { beats, type Control, globalMode, limitFacts, overlay, readControl } from '#src/controls/control.js';
import { limits, snapshot } from '../enforce/fixtures.js';

function control(given: Partial<Control>): Control {
  return {
    id: '00000000-0000-4000-8000-000000000000',
    tenant: 'a',
    name: 'ingestion_rate',
    value: 5,
    reason: 'x',
    by: 'alice',
    atMs: 1,
    untilMs: 1000,
    ...given,
  };
}

t.test('of two controls one wins, the same one everywhere', async () => {
  const some = fc.record({ id: fc.uuid(), atMs: fc.nat(3) }).map((given) => control(given));
  const newest = (all: readonly Control[]) =>
    all.reduce<Control | undefined>((best, one) => (beats(one, best) ? one : best), undefined);
  fc.assert(
    fc.property(fc.array(some, { minLength: 1 }), (all) => {
      return newest(all)?.id === newest([...all].reverse())?.id;
    }),
  );
});

t.test('the later wins, and of two at once the one with the greater id', async (t) => {
  const [a, b] = [control({ id: 'a', atMs: 2 }), control({ id: 'b', atMs: 1 })];
  t.ok(beats(a, undefined));
  t.ok(beats(a, b));
  t.notOk(beats(b, a));
  t.notOk(beats(a, a), 'itself');
  t.ok(beats({ ...b, atMs: 2 }, a));
  t.notOk(beats(a, { ...b, atMs: 2 }));
});

t.test('a control is about a limit that one would change for an hour', async (t) => {
  for (const name of ['ingestion_rate', 'accept_ha_samples', 'ha_cluster_label', 'max_series_per_request'])
    t.ok(limitFacts(name), name);
  t.equal(limitFacts('over_limit')?.type.includes('refuse'), true);
  for (const name of ['mode', 'ha_tracker_failover_timeout', 'nothing', 'toString', ''])
    t.equal(limitFacts(name), undefined, name);
});

t.test('controls are laid over what the documents say, and over nothing else', async (t) => {
  const base = snapshot({ a: limits({ ingestion_rate: 100 }), b: limits({ ingestion_rate: 200 }) });
  t.equal(overlay(base, [], true), base);
  t.equal(overlay(base, [control({ value: null })], true), base, 'taken back');
  t.equal(overlay(base, [control({ tenant: '', name: 'mode', value: 'off' })], true), base, 'of all tenants');
  const laid = overlay(base, [control({}), control({ name: 'mode', value: 'shadow' })], true);
  t.strictSame(laid.tenants.get('a'), limits({ ingestion_rate: 5 }, { mode: 'shadow' }));
  t.equal(laid.tenants.get('b'), base.tenants.get('b'), 'the same object, so nothing is done for it');
  t.not(laid.hash, base.hash);
  t.equal(overlay(base, [control({ name: 'mode', value: 'shadow' }), control({})], true).hash, laid.hash);
  t.equal(base.tenants.get('a')?.ingestion_rate, 100);
});

t.test('the hash follows what the controls come to, in whatever order they are given', async (t) => {
  const base = snapshot({ a: limits(), b: limits() });
  const hash = (...controls: Partial<Control>[]) => overlay(base, controls.map(control), true).hash;
  const rates = [{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'c' }];
  const one = hash(
    ...rates,
    { name: 'request_rate' },
    { name: 'mode', value: 'off' },
    { name: 'over_limit', value: 'refuse' },
  );
  t.match(one, /^[0-9a-f]{16}$/);
  t.equal(
    hash(
      { name: 'over_limit', value: 'refuse' },
      { name: 'mode', value: 'off' },
      { name: 'request_rate' },
      ...rates.reverse(),
    ),
    one,
  );
  const others = [
    hash({}),
    hash({ value: 6 }),
    hash({ tenant: 'b' }),
    hash({ name: 'request_rate' }),
    hash({ name: 'bytes_per_second' }),
    hash({ name: 'bytes_per_second', value: 6 }),
    overlay(snapshot({ a: limits({ ingestion_rate: 9 }) }), [control({})], true).hash,
  ];
  t.equal(new Set(others).size, others.length);
});

t.test('what is laid over can not be edited, and keeps the defaults', async (t) => {
  const base = snapshot({ a: limits() });
  const laid = overlay(base, [control({})], true);
  t.ok(Object.isFrozen(laid));
  t.equal(laid.defaults, base.defaults);
  t.strictSame(
    overlay(base, [control({}), control({ name: 'request_rate', value: 1 })], true).tenants.get('a'),
    limits({ ingestion_rate: 5, request_rate: 1 }),
    'two limits of one tenant',
  );
  t.equal(laid.tenants.get('a')?.edge, base.tenants.get('a')?.edge, "none of the edge's");
});

t.test('a control makes no tenant known where unknown ones are refused', async (t) => {
  const base = snapshot({ a: limits() });
  t.equal(overlay(base, [control({ tenant: 'c' })], false), base);
  t.match(overlay(base, [control({ tenant: 'c' })], true).tenants.get('c'), { ingestion_rate: 5 });
});

t.test('the mode of all tenants is that of its control', async (t) => {
  const all = { tenant: '', name: 'mode' };
  t.equal(globalMode([]), undefined);
  t.equal(globalMode([control({}), control({ name: 'mode', value: 'off' })]), undefined, "a tenant's own");
  t.equal(globalMode([control({ tenant: '', name: 'reload', value: true })]), undefined);
  t.equal(globalMode([control({}), control({ ...all, value: 'off' })]), 'off');
  t.equal(globalMode([control({ ...all, value: null })]), undefined, 'taken back');
});

t.test('what comes from elsewhere is a control, or nothing', async (t) => {
  const good = [
    control({}),
    control({ value: null }),
    ...['enforce', 'shadow', 'off'].map((value) => control({ name: 'mode', value })),
    control({ name: 'accept_ha_samples', value: true }),
    control({ name: 'bytes_per_second', value: 1.5 }),
    control({ tenant: '', name: 'reload', value: true }),
    control({ tenant: '', name: 'mode', value: 'shadow' }),
    control({ tenant: '', name: 'mode', value: null }),
    control({ name: 'of a later version', value: null }),
  ];
  for (const one of good) t.strictSame(readControl(JSON.stringify(one)), one);
  const bad: Partial<Record<keyof Control, unknown>>[] = [
    { value: -1 },
    { value: 'x' },
    { value: undefined },
    { name: 'mode', value: 'maybe' },
    { tenant: '', name: 'mode', value: 'maybe' },
    { name: 'nothing' },
    { name: '__proto__' },
    { name: 'reload', value: true },
    { name: 'ha_tracker_update_timeout', value: 5 },
    { tenant: 'a|b' },
    { tenant: 'a b', value: null },
    { tenant: '', name: 'ingestion_rate' },
    { tenant: 7 },
    { name: 7 },
    { id: 7 },
    { reason: undefined },
    { by: 7 },
    { untilMs: '5' },
    { untilMs: 1.5 },
    { atMs: '5' },
    { atMs: null },
  ];
  for (const one of bad) {
    const text = JSON.stringify({ ...control({}), ...one });
    t.equal(readControl(text), undefined, text);
  }
  for (const text of ['', 'null', '5', '[]', '{}', '{"id":']) t.equal(readControl(text), undefined, text);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      readControl(text);
    }),
  );
});
