import fc from 'fast-check';
import t from 'tap';
import { readControl } from '#src/controls/control.js';
import { admittedByPeople, PANIC_CLASSES, PANIC_NAMES, panicName } from '#src/controls/panic-control.js';
import { ALL_ADMITTED } from '#src/enforce/panic.js';

const set = (parts: Record<string, number | null>) =>
  admittedByPeople(Object.entries(parts).map(([name, value]) => ({ tenant: '', name, value })));

t.test(
  'a panic spares critical tenants unless they are named, and a class of its own beats the rest',
  async (t) => {
    t.same(set({}), ALL_ADMITTED);
    t.same(set({ panic: null }), ALL_ADMITTED, 'taken back');
    t.same(set({ panic: 0.5 }), { critical: 1, normal: 0.5, low: 0.5 });
    t.same(set({ 'panic.all': 0.5 }), { critical: 0.5, normal: 0.5, low: 0.5 });
    t.same(set({ panic: 0.2, 'panic.all': 0.5 }), { critical: 0.5, normal: 0.2, low: 0.2 });
    t.same(set({ panic: 0.2, 'panic.low': 1, 'panic.critical': 0.9 }), {
      critical: 0.9,
      normal: 0.2,
      low: 1,
    });
    t.same(set({ 'panic.normal': 0 }), { critical: 1, normal: 0, low: 1 });
  },
);

t.test('whatever is set, no class has more than what is set for it', async () => {
  const part = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null });
  fc.assert(
    fc.property(fc.record(Object.fromEntries(PANIC_NAMES.map((name) => [name, part]))), (parts) => {
      const { critical, normal, low } = set(parts);
      const most = (one: 'critical' | 'normal' | 'low') =>
        parts[panicName(one)] ??
        Math.min(parts['panic.all'] ?? 1, one === 'critical' ? 1 : (parts['panic'] ?? 1));
      return critical === most('critical') && normal === most('normal') && low === most('low');
    }),
  );
});

t.test('a control of a panic is a part from 0 to 1, for all tenants', async (t) => {
  const read = (given: object) =>
    readControl(
      JSON.stringify({
        id: 'x',
        tenant: '',
        name: 'panic',
        value: 0.5,
        reason: '',
        by: '',
        atMs: 1,
        untilMs: 2,
        ...given,
      }),
    );
  for (const its of [undefined, ...PANIC_CLASSES]) t.ok(read({ name: panicName(its) }), panicName(its));
  t.ok(read({ value: 0 }));
  t.ok(read({ value: 1 }));
  t.ok(read({ value: null }), 'taken back');
  for (const value of [1.1, -0.1, '0.5', true, {}]) t.notOk(read({ value }), JSON.stringify(value));
  t.notOk(read({ tenant: 'a' }), 'of one tenant it is none');
  t.notOk(read({ name: 'panic.best' }));
});
