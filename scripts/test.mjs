/**
 * Builds, then runs test files, a few more at once than there are cores, for many wait:
 *
 *   npm test                    every test that needs nothing but Node
 *   npm run test:peers          *.peer.test.ts, which need other programs. REQUIRE_PEERS=1: none may be missing
 *   npm run t -- FILE [FILE]    these alone, or those of a folder; with --grep=PATTERN only tests of that name
 *   npm run watch -- FILE       these, and again after each edit
 *
 * A file that passes takes a line; what fails is told at the end, with how to run it again. The last line counts.
 */
import { existsSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAll } from './build.mjs';
import { runByItself, SharedProcess, sourceOf } from './test-runs.mjs';

/** Seconds of the last runs, by file: what takes longest begins first. */
const TIMES = 'build/test-times.json';
/** What takes longest, for where there was no last run, as in a fresh clone. */
const LONG =
  /^build\/test\/(admin\/api.*|e2e\/(workers.*|serve|reload)|app\/guards|scripts\/test-runs|loadtest\/run|payload\/(kernel|rules|otlp))\.test/;
/** What has an edge in it, or is about the process it runs in, has one of its own. What starts processes needs none. */
const NEEDS_ITS_OWN =
  /^build\/test\/(admin\/api|app\/(advice|budget|guards|metrics|settings|upstream-settings|usage)|demo\/|loadtest\/run)|\.peer\.|\/(format|connection|documented|series-table-large)\.test/;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    grep: { type: 'string' },
    jobs: { type: 'string' },
  },
});
const named = positionals.map((file) =>
  file
    .replace(/^(\.\/)?(build\/)?/, 'build/')
    .replace(/\.ts$/, '.js')
    .replace(/\/$/, ''),
);
const detailed = named.length > 0 && named.length <= 3;

if ((options.watch || process.env.npm_lifecycle_event === 't') && named.length === 0) {
  process.stderr.write('Which test? For example: npm run t -- test/buckets/token-bucket.test.ts\n');
  process.exit(2);
}
process.exitCode = await buildAndRun().catch(notBuilt);
if (options.watch) watchOn();

async function buildAndRun() {
  await buildAll({ tests: true });
  const times = readTimes();
  const missing = named.filter((name) => filesOf(name).length === 0);
  if (missing.length > 0) return sayMissing(missing);
  const secondsOf = (file) => times[file] ?? (LONG.test(file) ? 30 : NEEDS_ITS_OWN.test(file) ? 5 : 1);
  const waiting = filesToRun().sort((a, b) => secondsOf(b) - secondsOf(a));
  // The programs that peers start fill the cores already.
  const jobs = Number(options.jobs ?? (options.peers ? 1 : availableParallelism() + 2));
  const isSmall = waiting.length <= jobs || options.grep !== undefined;
  const results = [];
  const work = async () => {
    const shared = new SharedProcess();
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const isAlone = isSmall || NEEDS_ITS_OWN.test(file);
      const result = isAlone ? await runByItself(file, options.grep) : await shared.run(file);
      results.push(result);
      times[file] = result.seconds;
      tell(result);
    }
    shared.stop();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  writeFileSync(TIMES, JSON.stringify(times, null, 1));
  return summary(results);
}

/** esbuild has said what it did not understand. Whoever watches is about to mend it. */
function notBuilt(error) {
  if (error.errors === undefined) say(error.stack);
  return 1;
}

function filesToRun() {
  return named.length > 0 ? [...new Set(named.flatMap(filesOf))] : filesOf('build/test');
}

/** A file by itself, or the tests of a folder: of those that need other programs, or of the others. */
function filesOf(name) {
  if (!existsSync(name)) return [];
  if (!statSync(name).isDirectory()) return [name];
  return readdirSync(name, { recursive: true })
    .filter((file) => file.endsWith('.test.js') && file.endsWith('.peer.test.js') === options.peers)
    .map((file) => join(name, file));
}

function sayMissing(missing) {
  for (const name of missing) {
    const word = basename(name).split(/[-.]/)[0];
    const alike = filesOf('build/test').filter((file) => basename(file).includes(word));
    say(`There is no test in ${sourceOf(name)}.`);
    if (alike.length > 0) say(`Is it one of these?\n  ${alike.slice(0, 8).map(sourceOf).join('\n  ')}`);
  }
  return 2;
}

function tell({ source, seconds, errors, tap, passed, failed }) {
  const mark = failed === 0 ? 'ok    ' : 'FAILED';
  const counts = failed === 0 ? `${passed}` : `${failed} of ${passed + failed} failed`;
  say(`${mark} ${source}  ${counts}  ${seconds.toFixed(1)} s`);
  if (detailed) {
    for (const test of tap.tests)
      say(
        `  ${test.failed ? 'FAILED' : 'ok    '} ${test.name}${test.ms === undefined ? '' : `  ${Math.round(test.ms)} ms`}`,
      );
  }
  if (!detailed && failed === 0) return;
  for (const line of [...tap.rest, ...errors.trimEnd().split('\n')]) {
    // The log of an edge says something only where a test failed.
    if (line !== '' && (failed > 0 || !line.startsWith('{"level":'))) say(`  | ${line}`);
  }
}

function summary(results) {
  const skipped = results.flatMap(({ source, tap }) => tap.skipped.map((what) => `${source}: ${what}`));
  if (skipped.length > 0 && options.grep === undefined) say(`\nSkipped:\n  ${skipped.join('\n  ')}`);
  const failing = results.filter(({ failed }) => failed > 0);
  for (const { source, tap } of failing) {
    for (const { path, lines } of tap.failures)
      say(`\nFAILED ${source}\n  ${path.join('\n  > ')}\n${lines.map((line) => `    ${line}`).join('\n')}`);
  }
  if (failing.length > 0 && !detailed)
    say(`\nAgain: npm run t -- ${failing.map(({ source }) => source).join(' ')}`);
  const sum = (what) => results.reduce((total, result) => total + result[what], 0);
  say(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  return failing.length === 0 && results.length > 0 ? 0 : 1;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

function readTimes() {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8'));
  } catch {
    return {};
  }
}

/** One run at a time; what changes meanwhile makes another one. */
function watchOn() {
  let due;
  let running = false;
  const again = async () => {
    if (running) {
      due = setTimeout(again, 100);
      return;
    }
    running = true;
    await buildAndRun().catch(notBuilt);
    running = false;
  };
  for (const folder of ['src', 'test']) {
    watch(folder, { recursive: true }, () => {
      clearTimeout(due);
      due = setTimeout(again, 100);
    });
  }
}
