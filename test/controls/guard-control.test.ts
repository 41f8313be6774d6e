import t from 'tap';
import { readControl } from '#src/controls/control.js';
import {
  admittedBy,
  CALM,
  GUARD,
  GUARD_MODE,
  guardTitle,
  isGuard,
  isOwnGuard,
  LEVELS,
  ownGuard,
  readStanding,
  type SharedStanding,
  standingText,
  writeStanding,
} from '#src/controls/guard-control.js';

const PANIC: SharedStanding = {
  level: 'panic',
  admitted: 50,
  critical: 80,
  steppedMs: 1_700_000_000_000,
  seenMs: 1_700_000_000_500,
  cause: 'memory is at 96 %',
};

t.test('where a guard stands is read as it was written', async (t) => {
  const levels = ['calm', 'recovering', 'warn', 'emergency', 'panic'] as const;
  t.strictSame(LEVELS, levels, 'the worst is the last');
  for (const level of levels) t.same(readStanding(writeStanding({ ...PANIC, level })), { ...PANIC, level });
  for (const admitted of [0, 100]) {
    const standing = { ...PANIC, admitted, critical: admitted };
    t.same(readStanding(writeStanding(standing)), standing, `${admitted} %`);
  }
  const long = readStanding(writeStanding({ ...PANIC, cause: 'x'.repeat(10_000) }));
  t.equal(long?.cause.length, 300, 'a cause is no longer than what is read');
});

t.test('what is no standing of a guard is none', async (t) => {
  for (const other of [
    undefined,
    7,
    '',
    'null',
    '[]',
    '{',
    ...[
      { level: 'hot' },
      { admitted: 101 },
      { admitted: -1 },
      { critical: '80' },
      { steppedMs: 0.5 },
      { seenMs: null },
      { cause: 5 },
    ].map((wrong) => JSON.stringify({ ...PANIC, ...wrong })),
  ]) {
    t.equal(readStanding(other), undefined, String(other));
  }
});

t.test('names and levels stay what they are: edges of other versions have kept them', async (t) => {
  t.strictSame([GUARD, GUARD_MODE, ownGuard('one')], ['guard', 'guard.mode', 'guard.edge.one']);
  t.strictSame(CALM, { level: 'calm', admitted: 100, critical: 100, steppedMs: 0, cause: '' });
});

t.test('the guard of all has one name, and each machine’s own has another', async (t) => {
  for (const [name, isOwn, isOne, title] of [
    [GUARD, false, true, 'guard.prometheus'],
    [ownGuard('one'), true, true, 'guard.edge'],
    [GUARD_MODE, false, false, undefined],
    ['mode', false, false, undefined],
    ['other guard.edge.', false, false, undefined],
  ] as const) {
    t.equal(isOwnGuard(name), isOwn, name);
    t.equal(isGuard(name), isOne, name);
    if (title !== undefined) t.equal(guardTitle(name), title, name);
  }
  t.not(ownGuard('one'), ownGuard('two'));
});

t.test('controls of guards are of all tenants, and as they should be', async (t) => {
  const read = (given: object) =>
    readControl(JSON.stringify({ id: 'x', tenant: '', reason: '', by: '', atMs: 1, untilMs: 2, ...given }));
  t.ok(read({ name: GUARD, value: writeStanding(PANIC) }));
  t.ok(read({ name: GUARD, value: null }));
  t.notOk(read({ name: GUARD, value: 'panic' }));
  t.notOk(read({ name: GUARD, value: writeStanding(PANIC), tenant: 'a' }));
  for (const value of ['observe', 'act', null]) t.ok(read({ name: GUARD_MODE, value }), String(value));
  t.notOk(read({ name: GUARD_MODE, value: 'off' }));
  t.notOk(read({ name: GUARD_MODE, value: 'act', tenant: 'a' }));
});

t.test('people read it as a sentence', async (t) => {
  t.equal(standingText(CALM), 'calm');
  t.equal(standingText(PANIC), 'panic, admits 50 % and 80 % of critical tenants');
  t.equal(standingText({ ...PANIC, critical: 50 }), 'panic, admits 50 %');
  t.same(admittedBy(PANIC), { critical: 0.8, normal: 0.5, low: 0.5 });
});
