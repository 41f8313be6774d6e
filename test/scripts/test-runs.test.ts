/** A process that runs test files one after the other says of each what it would be told by a process of its own. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../doors/http/fixtures.js';

interface Result {
  readonly source: string;
  readonly passed: number;
  readonly failed: number;
  readonly errors: string;
  readonly tap: {
    readonly failures: readonly { readonly path: readonly string[]; readonly lines: readonly string[] }[];
  };
}
interface Shared {
  run(file: string): Promise<Result>;
  stop(): void;
}
const module = new URL('../../../scripts/test-runs.mjs', import.meta.url).href;
const { SharedProcess, runByItself }: { SharedProcess: new () => Shared; runByItself: Shared['run'] } =
  await import(module);

const PASSES = "import t from 'tap';\nt.test('adds up', async (t) => t.equal(1 + 1, 2));\n";

async function runAll(t: Test, files: Readonly<Record<string, string>>): Promise<Record<string, Result>> {
  const folder = t.testdir(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${name}.test.js`, text])),
  );
  const shared = new SharedProcess();
  const results: Record<string, Result> = {};
  for (const name of Object.keys(files)) results[name] = await shared.run(join(folder, `${name}.test.js`));
  shared.stop();
  return results;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const reasonsOf = ({ tap }: Result) =>
  tap.failures.flatMap(({ path, lines }) => [...path, ...lines]).join('\n');

t.test('files that pass run one after the other in one process', async (t) => {
  const text = `${PASSES}t.test('where', async (t) => { console.error('process', process.pid); t.pass(); });\n`;
  const { first, second } = await runAll(t, { first: text, second: text });
  t.equal(first?.failed, 0);
  t.equal(second?.passed, 2);
  t.match(first?.errors, /process \d+/);
  t.equal(second?.errors, first?.errors);
});

const BROKEN = [
  ['an assertion', "t.test('adds up', async (t) => t.equal(1 + 1, 3));", ['adds up', '3']],
  ['an error as it is loaded', "throw new Error('not loaded');", ['not loaded']],
  [
    'an error in a callback',
    "t.test('later', () => new Promise(() => setTimeout(() => { throw Error('too late'); })));",
    ['later', 'too late'],
  ],
  [
    'a promise that nobody waits for is rejected',
    "t.test('later', () => new Promise(() => { Promise.reject(Error('too late')); }));",
    ['later', 'too late'],
  ],
  [
    'an error in a test in a test',
    "t.test('outer', (t) => { t.test('inner', () => new Promise(() => setTimeout(() => { throw Error('too late'); }))); t.end(); });",
    ['outer', 'inner', 'too late'],
  ],
  [
    'what it waits for does not come',
    "t.test('waits', () => new Promise(() => {}));",
    ['waits', 'unfinished'],
  ],
  ['it ends the process', "t.test('ends', () => process.exit(0));", ['ended with 0 before its tests did']],
  ['it has no test', '', ['it has no tests']],
  [
    'it leaves the process otherwise than it found it',
    `t.test('leaves', async (t) => {
       process.env.LEFT = '1';
       process.on('SIGHUP', () => {});
       globalThis.setInterval = () => {};
       t.pass();
     });`,
    ['LEFT=1', '1 listeners for SIGHUP', 'setInterval is replaced'],
  ],
] as const;
for (const [what, line, reasons] of BROKEN) {
  t.test(`a file fails, and the next does not: ${what}`, async (t) => {
    const { wrong, after } = await runAll(t, { wrong: `import t from 'tap';\n${line}\n`, after: PASSES });
    t.ok((wrong?.failed ?? 0) > 0);
    for (const reason of reasons) t.match(reasonsOf(wrong!), reason);
    t.match(after, { passed: 1, failed: 0 });
  });
}

t.test('a file that fails only behind another one is told so', async (t) => {
  const remembers = 'globalThis.performance.seen ??= [];\nperformance.seen.push(1);\n';
  const counts = "t.test('is the first', async (t) => t.equal(performance.seen, undefined));\n";
  const { second } = await runAll(t, {
    first: PASSES + remembers,
    second: `import t from 'tap';\n${counts}`,
  });
  t.equal(second?.failed, 1);
  t.match(reasonsOf(second!), 'first.test.ts');
  t.match(reasonsOf(second!), 'it passes by itself; in the same process ran before it');
});

t.test('a process that has ended between two files is replaced', async (t) => {
  const ends = `${PASSES}console.error(process.pid);\nsetTimeout(() => process.exit(0), 200).unref();\n`;
  const folder = t.testdir({ 'ends.test.js': ends, 'after.test.js': PASSES });
  const shared = new SharedProcess();
  const first = await shared.run(join(folder, 'ends.test.js'));
  t.match(first, { passed: 1, failed: 0 });
  t.ok(await eventually(() => !isAlive(Number(first.errors))));
  t.match(await shared.run(join(folder, 'after.test.js')), { passed: 1, failed: 0 });
  shared.stop();
});

t.test('a process lives longer than a file may take', async (t) => {
  const folder = t.testdir({ 'says.test.js': `${PASSES}console.error(process.env.TAP_TIMEOUT);\n` });
  const shared = new SharedProcess();
  t.equal((await shared.run(join(folder, 'says.test.js'))).errors, '0\n');
  shared.stop();
});

t.test('a process of its own says the same', async (t) => {
  const folder = t.testdir({ 'passes.test.js': PASSES, 'fails.test.js': PASSES.replace('2)', '3)') });
  t.match(await runByItself(join(folder, 'passes.test.js')), { passed: 1, failed: 0 });
  t.match(await runByItself(join(folder, 'fails.test.js')), { failed: 1 });
});
