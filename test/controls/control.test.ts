import fc from 'fast-check';
import t from 'tap';
import { beats, type Control, globalMode, overlay, readControl } from '#src/controls/control.js';
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

t.test('a control makes no tenant known where unknown ones are refused', async (t) => {
  const base = snapshot({ a: limits() });
  t.equal(overlay(base, [control({ tenant: 'c' })], false), base);
  t.match(overlay(base, [control({ tenant: 'c' })], true).tenants.get('c'), { ingestion_rate: 5 });
});

t.test('the mode of all tenants is that of its control', async (t) => {
  t.equal(globalMode([control({})]), undefined);
  t.equal(globalMode([control({ tenant: '', name: 'mode', value: 'off' })]), 'off');
  t.equal(globalMode([control({ tenant: '', name: 'mode', value: null })]), undefined);
});

t.test('what comes from elsewhere is a control, or nothing', async (t) => {
  const good = [
    control({}),
    control({ value: null }),
    control({ name: 'mode', value: 'off' }),
    control({ tenant: '', name: 'reload', value: true }),
  ];
  for (const one of good) t.strictSame(readControl(JSON.stringify(one)), one);
  const bad: Partial<Record<keyof Control, unknown>>[] = [
    { value: -1 },
    { value: 'x' },
    { name: 'mode', value: 'maybe' },
    { name: 'nothing' },
    { name: '__proto__' },
    { name: 'ha_tracker_update_timeout', value: 5 },
    { tenant: 'a|b' },
    { tenant: '', name: 'ingestion_rate' },
    { untilMs: '5' },
    { by: 7 },
  ];
  for (const one of bad) t.equal(readControl(JSON.stringify({ ...control({}), ...one })), undefined);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      readControl(text);
    }),
  );
});
