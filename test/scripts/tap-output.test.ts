/** What the runner reads from the TAP of a test file, which decides whether a run is green. */
import t from 'tap';

interface Judged {
  readonly passed: number;
  readonly failed: number;
  readonly tap: {
    readonly tests: readonly { readonly name: string; readonly failed: boolean }[];
    readonly skipped: readonly string[];
    readonly failures: readonly { readonly path: readonly string[]; readonly lines: readonly string[] }[];
    readonly rest: readonly string[];
  };
}
type Judge = (output: string, code: number | null, signal: string | null) => Judged;

const module = new URL('../../../scripts/tap-output.mjs', import.meta.url).href;
const { judge }: { judge: Judge } = await import(module);

const PASSING = `TAP version 14
# Subtest: a bucket refills
    ok 1 - should be equal
    1..1
ok 1 - a bucket refills # time=3.2ms

ok 2 - with a Redis # SKIP redis-server is not installed
# Subtest: nginx passes on
    ok 1 - nginx is not installed # SKIP
    1..1
ok 3 - nginx passes on # time=0.7ms

ok 4 - some day # TODO
1..4
# { total: 4, pass: 1, skip: 2, todo: 1 }
# time=12ms
`;

const FAILING = `TAP version 14
# Subtest: outer
    ok 1 - fine
    # Subtest: inner
        not ok 1 - one is two
          ---
          compare: ===
          at:
            fileName: test/a.test.ts
            lineNumber: 3
          stack: |
            Test.<anonymous> (build/test/a.test.js:6:8) (test/a.test.ts:3:82)
          diff: |
            --- expected
            +++ actual
            @@ -1,1 +1,1 @@
            -2
            +1
          ...
        
        1..1
    not ok 2 - inner # time=5ms
      ---
      at:
        fileName: test/a.test.ts
      ...
    
    1..2
not ok 1 - outer # time=9ms
  ---
  at:
    fileName: test/a.test.ts
  ...

said on the way
1..1
# { total: 2, pass: 1, fail: 1 }
# time=12ms
`;

t.test('a file that passes: its assertions are counted, its tests and what it skipped named', async (t) => {
  const { passed, failed, tap } = judge(PASSING, 0, null);
  t.strictSame([passed, failed], [1, 0]);
  t.strictSame(tap.failures, []);
  t.strictSame(tap.rest, []);
  t.strictSame(
    tap.tests.map(({ name, failed }) => [name, failed]),
    [
      ['a bucket refills', false],
      ['nginx passes on', false],
      ['some day', false],
    ],
  );
  t.strictSame(tap.skipped, ['with a Redis: redis-server is not installed', 'nginx is not installed']);
});

t.test('what failed is told once, where it failed, with why and where in the source', async (t) => {
  const { passed, failed, tap } = judge(FAILING, 1, null);
  t.strictSame([passed, failed], [1, 1]);
  t.strictSame(tap.failures, [
    {
      path: ['outer', 'inner', 'one is two'],
      lines: [
        'stack: |',
        '  Test.<anonymous> (test/a.test.ts:3:82)',
        'diff: |',
        '  --- expected',
        '  +++ actual',
        '  @@ -1,1 +1,1 @@',
        '  -2',
        '  +1',
      ],
    },
  ]);
  t.strictSame(tap.rest, ['said on the way']);
});

for (const [what, output, code, signal, because] of [
  ['that says nothing', '', 0, null, 'it ended with 0 before its tests did'],
  ['that stops in the middle', 'TAP version 14\nok 1 - a\n', 0, null, 'it ended with 0 before its tests did'],
  ['that ends with an error after its tests', PASSING, 1, null, 'it ended with 1'],
  ['that is killed', PASSING, null, 'SIGKILL', 'it was ended by SIGKILL'],
] as const) {
  t.test(`a file ${what} has failed`, async (t) => {
    const { failed, tap } = judge(output, code, signal);
    t.equal(failed, 1);
    t.strictSame(tap.failures, [{ path: [because], lines: [] }]);
  });
}
