import { appendFileSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Audit, type AuditEntry, sentenceOf } from '#src/admin/audit.js';
import { overridesChange } from '#src/admin/overrides-audit.js';
import type { Control } from '#src/controls/control.js';
import { limits, snapshot } from '../enforce/fixtures.js';

function entry(given: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at: '2030-01-01T00:00:00.000Z',
    who: 'alice',
    from: 'here',
    action: 'set',
    tenant: null,
    name: 'mode',
    before: 'enforce',
    after: 'off',
    reason: 'incident',
    until: '2030-01-01T01:00:00.000Z',
    id: null,
    ...given,
  };
}

const control: Control = {
  id: 'c1',
  tenant: '',
  name: 'mode',
  value: 'off',
  reason: 'incident',
  by: 'alice',
  atMs: 1,
  untilMs: 2,
};

function open(t: Test, path: string) {
  const failures: unknown[] = [];
  const added: AuditEntry[] = [];
  const audit = new Audit(path, {
    failed: (error) => failures.push(error),
    added: (one) => added.push(one),
  });
  t.teardown(() => audit.close());
  return { audit, failures, added };
}

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

t.test('a file that was moved away is made anew, and one that was removed', async (t) => {
  const path = join(t.testdir(), 'audit.jsonl');
  const { audit } = open(t, path);
  audit.add(entry({ name: 'one' }));
  renameSync(path, `${path}.1`);
  audit.add(entry({ name: 'two' }));
  audit.add(entry({ name: 'three' }));
  t.match(linesOf(`${path}.1`), [{ name: 'one' }]);
  t.match(linesOf(path), [{ name: 'two' }, { name: 'three' }]);
  rmSync(path);
  audit.add(entry({ name: 'four' }));
  t.match(linesOf(path), [{ name: 'four' }]);
});

t.test('a restart knows what the file has, and appends no control that is in it', async (t) => {
  const path = join(t.testdir(), 'audit.jsonl');
  const first = open(t, path).audit;
  first.add(entry({ id: 'c1' }));
  first.note('time', { ...control, id: 'c0' }, undefined);
  const before = readFileSync(path, 'utf8');
  const { audit } = open(t, path);
  audit.note('fleet', control, undefined);
  t.equal(readFileSync(path, 'utf8'), before);
  t.match(audit.newest(10), [{ action: 'end' }, { id: 'c1', who: 'alice' }], 'both are shown');
  audit.note('fleet', { ...control, id: 'c2' }, control);
  t.match(linesOf(path).at(-1), { from: 'fleet', id: 'c2', before: 'off' }, 'what is new is added');
  audit.note('time', control, undefined);
  t.match(linesOf(path).at(-1), { action: 'end', id: 'c1' }, 'that it ended is news');
});

t.test('a line that was cut off spoils no other', async (t) => {
  const path = join(t.testdir(), 'audit.jsonl');
  open(t, path).audit.add(entry({ name: 'one' }));
  appendFileSync(path, 'null\n{"of":"another kind"}\n{"at":"2030');
  const { audit } = open(t, path);
  audit.add(entry({ name: 'two' }));
  t.match(JSON.parse(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? ''), { name: 'two' });
  t.match(
    audit.newest(10).map(({ name }) => name),
    ['two', 'one'],
  );
});

t.test('what can not be written is not there, and what has happened already is told of', async (t) => {
  const { audit, failures, added } = open(t, '/dev/full');
  t.throws(() => audit.add(entry()), { code: 'ENOSPC' });
  audit.note('time', control, undefined);
  t.match(failures, [{ code: 'ENOSPC' }]);
  t.strictSame([audit.newest(10), added, audit.version], [[], [], 0]);
});

t.test('the ring has the last thousand', async (t) => {
  const { audit, added } = open(t, '');
  for (let n = 0; n < 1002; n++) audit.add(entry({ id: String(n) }));
  t.equal(audit.newest(2000).length, 1000);
  t.match(audit.newest(1), [{ id: '1001' }]);
  t.match(audit.newest(2000).at(-1), { id: '2' });
  t.equal(added.length, 1002);
});

t.test('an entry is a sentence for whoever reads the log', async (t) => {
  const cases: [Partial<AuditEntry>, string][] = [
    [{}, 'alice set mode of all tenants to off, which was enforce: incident'],
    [
      { tenant: 'a', name: 'request_rate', before: 5, after: 7, from: 'fleet', reason: '' },
      'alice set request_rate of tenant a to 7, which was 5, on another replica',
    ],
    [
      { action: 'take back', before: 'off', after: null },
      'alice took back mode of all tenants, which was off: incident',
    ],
    [
      { action: 'end', who: '', reason: '', before: 'off', after: null },
      'mode of all tenants was off for a time, which is over',
    ],
    [{ action: 'reload', name: 'reload', reason: '' }, 'alice had the overrides read again'],
  ];
  for (const [given, sentence] of cases) t.equal(sentenceOf(entry(given)), sentence);
});

t.test('a change of overrides says of each tenant what its limits were and are', async (t) => {
  const a = limits({ ingestion_rate: 5 });
  const before = snapshot({ a, b: limits(), c: limits({ request_rate: 3 }), same: a });
  const after = {
    ...snapshot({ a: limits({ ingestion_rate: 6 }, { mode: 'off' }), b: limits(), d: limits(), same: a }),
    defaults: before.defaults,
  };
  const { tenants, entries } = overridesChange(
    before,
    after,
    { documents: ['x.yaml', 'y.yaml'], said: 'changed by helm' },
    0,
  );
  t.equal(tenants, 4, 'b has another object, and the same limits');
  t.strictSame(
    entries.map(({ tenant, action, name, before, after }) => [tenant, action, name, before, after]),
    [
      ['a', 'set', 'ingestion_rate', 5, 6],
      ['a', 'set', 'mode', null, 'off'],
      ['c', 'take back', 'overrides', 'named', null],
      ['c', 'take back', 'request_rate', 3, 0],
      ['d', 'set', 'overrides', null, 'named'],
    ],
  );
  t.match(entries[0], {
    who: 'x.yaml, y.yaml',
    reason: 'changed by helm',
    from: 'overrides',
    at: '1970-01-01T00:00:00.000Z',
    until: null,
  });
});

t.test('of very many tenants the first hundred are told, and how many there are', async (t) => {
  const all = Object.fromEntries(
    Array.from({ length: 150 }, (_, n) => [`t${n}`, limits({ request_rate: 1 + n })]),
  );
  const before = snapshot();
  const { tenants, entries } = overridesChange(
    before,
    { ...snapshot(all), defaults: before.defaults },
    { documents: ['x'], said: 'changed by helm' },
    0,
  );
  t.equal(tenants, 150);
  t.equal(entries.length, 201);
  t.match(entries.at(-1), { tenant: null, name: 'overrides', reason: /50 more tenants.*: changed by helm/ });
});
