import t from 'tap';
import { MIMIR_LIMITS } from '#src/limits/limit-table.js';
import { OTHER_MIMIR_LIMITS, REMOVED_MIMIR_LIMITS } from '#src/limits/other-mimir-limits.js';
import { parseOverrides } from '#src/limits/overrides-document.js';
import { WRITE_PATH_LIMITS } from '#src/limits/write-path-limits.js';

t.test('a limit of Mimir is either read, or left to Mimir, or removed', async (t) => {
  const read = Object.keys(MIMIR_LIMITS);
  const removed = [...REMOVED_MIMIR_LIMITS];
  t.strictSame(
    removed.filter((limit) => OTHER_MIMIR_LIMITS.has(limit)),
    [],
    'none is of Mimir and removed',
  );
  t.strictSame(
    Object.keys(WRITE_PATH_LIMITS).filter((limit) => !OTHER_MIMIR_LIMITS.has(limit)),
    [],
    'those of the write path that are not read are limits of Mimir',
  );
  t.strictSame(
    read.filter((limit) => OTHER_MIMIR_LIMITS.has(limit) || limit in WRITE_PATH_LIMITS),
    [],
    'what is read is in no other list',
  );
  t.ok(read.length + OTHER_MIMIR_LIMITS.size > 150);
});

t.test(
  'what is left to Mimir passes without a word, and is told with the tenants that have it',
  async (t) => {
    for (const [limit, { fallback: value }] of Object.entries(WRITE_PATH_LIMITS)) {
      const { warnings, errors, mimirAlone } = parseOverrides(
        `overrides: { a: { ${limit}: ${value} }, b: { ${limit}: ${value} }, c: {} }`,
        'mimir',
      );
      t.strictSame(errors, [], limit);
      if (!REMOVED_MIMIR_LIMITS.has(limit)) t.strictSame(warnings, [], limit);
      t.strictSame([...mimirAlone], [[limit, new Set(['a', 'b'])]], limit);
    }
  },
);
