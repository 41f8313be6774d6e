import t from 'tap';
import { type Control, controlKey } from '#src/controls/control.js';
import { ControlSet } from '#src/controls/control-set.js';

/** In force from 10 to 100, unless it says otherwise. */
function control(tenant: string, given: Partial<Control> = {}): Control {
  return {
    id: `of ${tenant}`,
    tenant,
    name: 'ingestion_rate',
    value: 5,
    reason: 'x',
    by: 'alice',
    atMs: 10,
    untilMs: 100,
    ...given,
  };
}

const keyOf = (tenant: string) => controlKey({ tenant, name: 'ingestion_rate' });

function setOf(most: number, ...controls: Control[]): ControlSet {
  const set = new ControlSet(most);
  for (const one of controls) set.put(one);
  return set;
}

const tenantsOf = (set: ControlSet) => [...set.values()].map(({ tenant }) => tenant);

t.test('those that are over are counted by themselves', async (t) => {
  const set = setOf(9, control('a'), control('b', { value: null }), control('c', { value: null }));
  t.equal(set.size, 3);
  t.equal(set.remembered, 2);
});

t.test('what is restored is what still has to be remembered, in force or over', async (t) => {
  for (const [what, given, nowMs, value] of [
    ['in force', {}, 99, 5],
    ['at its end', {}, 100, undefined],
    ['over, and kept for what it replaced', { keptUntilMs: 200 }, 100, null],
    ['kept no longer', { keptUntilMs: 200 }, 200, undefined],
  ] as const) {
    const set = new ControlSet(9);
    set.restore(control('a', given), nowMs);
    t.equal(set.get(keyOf('a'))?.value, value, what);
  }
});

t.test('what is merged is received where it is news, and what is newer here is named', async (t) => {
  const cases: [
    what: string,
    here: Partial<Control> | undefined,
    there: Partial<Control>,
    received: unknown[],
    newerHere: boolean,
  ][] = [
    ['new', undefined, {}, [{ control: { value: 5 }, before: undefined }], false],
    ['at its end', undefined, { untilMs: 50 }, [], false],
    ['over, and kept', undefined, { untilMs: 50, keptUntilMs: 99 }, [], false],
    [
      'newer there',
      { id: 'old' },
      { atMs: 20, value: 6 },
      [{ control: { value: 6 }, before: { value: 5 } }],
      false,
    ],
    ['newer there, taken back here', { value: null }, { id: 'z' }, [{ before: undefined }], false],
    [
      'over by now there, in force here',
      { id: 'old' },
      { atMs: 20, untilMs: 50, keptUntilMs: 99 },
      [{ control: { value: null }, before: { value: 5 } }],
      true,
    ],
    ['over there and here', { value: null }, { atMs: 20, untilMs: 50, keptUntilMs: 99 }, [], true],
    ['older there', { atMs: 20, id: 'new' }, {}, [], true],
    ['the same', {}, {}, [], false],
    ['the same, kept longer there', {}, { keptUntilMs: 200 }, [], false],
    ['the same, kept longer here', { keptUntilMs: 200 }, {}, [], true],
  ];
  for (const [what, here, there, received, newerHere] of cases) {
    const set = here === undefined ? setOf(9) : setOf(9, control('a', here));
    const merged = set.merge([control('a', there)], 50);
    t.match(merged.received, received, what);
    t.equal(merged.received.length, received.length, what);
    t.strictSame(merged.newerHere, newerHere ? [keyOf('a')] : [], `${what}: newer here`);
  }
  const both = setOf(9, control('a'), control('b'));
  t.strictSame(both.merge([control('b')], 50).newerHere, [keyOf('a')], 'what is not known there');
});

t.test('too many: what is over goes, the one that was made first before others', async (t) => {
  const over = (tenant: string, atMs: number) => control(tenant, { value: null, atMs });
  t.strictSame(tenantsOf(setOf(3, over('a', 1), over('b', 2), over('c', 3))), ['a', 'b', 'c']);
  t.strictSame(tenantsOf(setOf(3, over('b', 20), over('a', 10), over('c', 30), over('d', 40))), [
    'b',
    'c',
    'd',
  ]);
  const inForce = [1, 2, 3].map((atMs) => control(`in force ${atMs}`, { atMs }));
  t.strictSame(
    tenantsOf(setOf(2, over('a', 9), ...inForce)),
    inForce.map(({ tenant }) => tenant),
    'what is in force never does',
  );
  const set = setOf(2, over('a', 10), control('b'));
  t.strictSame(set.merge([control('c')], 50).newerHere, [keyOf('b')], 'what is gone is not newer here');
});

t.test('what ends is told once, and forgotten when nothing that it replaced can come back', async (t) => {
  const set = setOf(9, control('a'), control('b', { keptUntilMs: 200 }), control('c', { untilMs: 101 }));
  const end = (nowMs: number) => {
    const { ended, forgotten } = set.end(nowMs);
    return [ended.map(({ tenant, value }) => `${tenant} ${value}`), forgotten];
  };
  t.strictSame(end(99), [[], []]);
  t.strictSame(end(100), [['a 5', 'b 5'], [keyOf('a')]]);
  t.equal(set.get(keyOf('b'))?.value, null);
  t.strictSame(end(199), [['c 5'], [keyOf('c')]]);
  t.strictSame(end(200), [[], [keyOf('b')]]);
  t.equal(set.size, 0);
});
