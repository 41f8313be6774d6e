import fc from 'fast-check';
import t from 'tap';
import { resolveTenantId, selectsByMetadata, tenantIdFault } from '#src/limits/tenant-id.js';
import { anyText } from '../any-text.js';

t.test("an id is valid exactly when Mimir's rules say so", async (t) => {
  for (const id of ['a', 'team-a', "A!-_.*'()9", 'x'.repeat(150), '...', '__mimir_cluster2'])
    t.equal(tenantIdFault(id), undefined, id);
  for (const [id, fault] of [
    ['', 'empty'],
    ['x'.repeat(151), 'too_long'],
    ['a b', 'unsupported_character'],
    ['a/b', 'unsupported_character'],
    ['ä', 'unsupported_character'],
    ['.', 'reserved'],
    ['..', 'reserved'],
    ['__mimir_cluster', 'reserved'],
    ['a|a', 'unsupported_character'],
    ['a:b', 'unsupported_character'],
  ] as const) {
    t.equal(tenantIdFault(id), fault, id);
  }
  const rule = /^[a-zA-Z0-9!\-_.*'()]{1,150}$/;
  fc.assert(
    fc.property(anyText({ maxLength: 160 }), (id) => {
      const valid = rule.test(id) && !['.', '..', '__mimir_cluster'].includes(id);
      return (tenantIdFault(id) === undefined) === valid;
    }),
    { numRuns: 2000 },
  );
});

t.test('a header names the tenant that Mimir takes it for', async (t) => {
  for (const header of ['few', 'few|few', 'few|few|few', `few:${'x'.repeat(40_000)}`]) {
    t.strictSame(resolveTenantId(header), { id: 'few', metadata: '' }, header.slice(0, 40));
  }
  for (const [header, fault] of [
    ['', 'empty'],
    [':x', 'empty'],
    ['|few', 'empty'],
    ['few|', 'several'],
    ['few|few-er', 'several'],
    ['few|fe', 'several'],
    ['few|:few', 'several'],
    ['few|many', 'several'],
    ['few|many:few', 'several'],
    ['few many|few many', 'unsupported_character'],
    [' few', 'unsupported_character'],
    ['few,few', 'unsupported_character'],
    ['..:x', 'reserved'],
    [`${'x'.repeat(151)}|few`, 'too_long'],
    ['x'.repeat(40_000), 'too_long'],
  ] as const) {
    t.strictSame(resolveTenantId(header), { fault }, header.slice(0, 40));
  }
});

t.test('metadata are pairs in the order of their keys; what breaks that selects nothing', async (t) => {
  for (const metadata of [
    ':product=k6',
    ':product=k6:source=test',
    ':A=1:a=1:b=1',
    ':a=',
    ':=1',
    ':a=1=2',
    ':a-b_9=Z-_0',
    `:a=${'x'.repeat(61)}`,
  ]) {
    t.strictSame(resolveTenantId(`few${metadata}`), { id: 'few', metadata }, metadata);
    t.strictSame(resolveTenantId(`few${metadata}|few${metadata}`), { id: 'few', metadata }, 'twice');
    t.strictSame(resolveTenantId(`few${metadata}|few`), { id: 'few', metadata: '' }, 'and without');
  }
  for (const metadata of [
    ':',
    '::',
    ':x',
    ':a=1:',
    ':a=1::b=1',
    ':b=1:a=1',
    ':a=1:a=2',
    ':a=1:b',
    ':a=1.5',
    ':a=1 ',
    ':ä=1',
    `:a=${'x'.repeat(62)}`,
  ]) {
    t.strictSame(resolveTenantId(`few${metadata}`), { id: 'few', metadata: '' }, metadata);
  }
});

t.test('an entry is selected by one pair of all tenants, or by any of one', async (t) => {
  for (const entry of [':a=1', 'few:a=1', 'few:a=1:b=2', "few.(er)!*':a=1", `${'x'.repeat(150)}:a=1`])
    t.ok(selectsByMetadata(entry), entry);
  for (const entry of [
    'few',
    ':',
    'few:',
    ':a=1:b=2',
    'few:b=1:a=1',
    '..:a=1',
    'f ew:a=1',
    'few:a=1|few:a=1',
  ])
    t.notOk(selectsByMetadata(entry), entry);
});

t.test('what a valid id is joined or described with never makes another tenant of it', async () => {
  const id = fc.string({ unit: fc.constantFrom(...'ab._-'), minLength: 1, maxLength: 4 });
  const metadata = fc.string({ unit: fc.constantFrom(...'k=v:'), maxLength: 6 });
  fc.assert(
    fc.property(id, fc.array(metadata, { minLength: 1, maxLength: 4 }), (id, described) => {
      const header = described.map((one) => (one === '' ? id : `${id}:${one}`)).join('|');
      const resolved = resolveTenantId(header);
      return tenantIdFault(id) === undefined ? 'id' in resolved && resolved.id === id : 'fault' in resolved;
    }),
    { numRuns: 1000 },
  );
});
