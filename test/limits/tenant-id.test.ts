import fc from 'fast-check';
import t from 'tap';
import { tenantIdFault } from '#src/limits/tenant-id.js';

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
    ['a|b', 'several'],
    ['a|b c', 'unsupported_character'],
  ] as const) {
    t.equal(tenantIdFault(id), fault, id);
  }
  const rule = /^[a-zA-Z0-9!\-_.*'()]{1,150}$/;
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 160 }), (id) => {
      const valid = rule.test(id) && !['.', '..', '__mimir_cluster'].includes(id);
      return (tenantIdFault(id) === undefined) === valid;
    }),
    { numRuns: 2000 },
  );
});
