/**
 * Would a test notice if this line were wrong? StrykerJS changes the sources one place at a time and runs the tests of the
 * same area for each: npm run mutants -- limits controls. Without a name all areas are run, one after the other. It fails
 * where fewer than 90 % of an area's mutants are noticed. docs/mutants.md says why those that are left change nothing.
 *
 *   --only judge.ts   only those of the area's sources whose path ends so; may be given more than once
 *   --tests a.test.ts only those of the area's tests whose path ends so; may be given more than once
 *   --survivors       only the places where one survived, for when a test has been added
 *   --quick           what no test notices is not run again in a process of its own: a --survivors afterwards does that
 *   --told            what is known from runs before, with no run
 *   --jobs 1          mutants at once; two unless told
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { noteInto, readResults } from './mutant-results.mjs';

const REQUIRED_PERCENT = 90;

/** Sources, and the tests that are to notice: none that needs a peer, nor those that take many seconds. */
const AREAS = {
  limits: {
    sources: ['src/limits/*.ts'],
    tests: ['test/limits/*.test.ts'],
    except: ['test/limits/odd-documents.test.ts'],
  },
  controls: { sources: ['src/controls/*.ts'], tests: ['test/controls/*.test.ts'] },
  http1: {
    sources: ['src/base/http1/*.ts', 'src/doors/http/head-reader.ts'],
    tests: [
      'test/base/target.test.ts',
      'test/base/headers.test.ts',
      'test/base/chunked.test.ts',
      'test/base/heads.test.ts',
      'test/base/request-head.test.ts',
      'test/doors/http/head-reader.test.ts',
    ],
  },
  enforce: {
    sources: ['src/enforce/*.ts'],
    tests: ['test/enforce/*.test.ts'],
  },
  format: { sources: ['src/doors/format.ts'], tests: ['test/doors/format.test.ts'] },
  envoy: {
    // What reads and writes messages, and which requests are asked about. A reader has many changes that never end.
    timeoutMs: 8000,
    sources: [
      'src/doors/write-paths.ts',
      'src/doors/envoy/authz/check-request.ts',
      'src/doors/envoy/authz/check-response.ts',
      'src/doors/envoy/grpc/fields.ts',
      'src/doors/envoy/grpc/message-reader.ts',
      'src/doors/envoy/grpc/messages.ts',
      'src/doors/envoy/grpc/timeout.ts',
    ],
    tests: [
      'test/doors/write-paths.test.ts',
      'test/doors/envoy/timeout.test.ts',
      'test/doors/envoy/fields.test.ts',
      'test/doors/envoy/message-reader.test.ts',
      'test/doors/envoy/check-request-fields.test.ts',
      'test/doors/envoy/check-response.test.ts',
      'test/doors/envoy/messages.test.ts',
      'test/doors/envoy/check-request.test.ts',
    ],
  },
  buckets: {
    sources: ['src/buckets/*.ts'],
    tests: ['test/buckets/*.test.ts'],
    except: ['test/buckets/lease-protocol.test.ts'],
  },
  elections: { sources: ['src/elections/*.ts'], tests: ['test/elections/*.test.ts'] },
  series: {
    sources: ['src/series/*.ts'],
    tests: ['test/series/*.test.ts'],
    except: ['test/series/series-table-large.test.ts'],
  },
  upstream: {
    // What is arithmetic: who is to blame, who is sent to, how much, and whose turn it is.
    sources: [
      'src/upstream/blame.ts',
      'src/upstream/breaker.ts',
      'src/upstream/capacity.ts',
      'src/upstream/fair-queue.ts',
      'src/upstream/recent-counts.ts',
      'src/upstream/retry-budget.ts',
      'src/upstream/standing.ts',
      'src/upstream/tenant-queue.ts',
      'src/upstream/turned-away.ts',
    ],
    tests: [
      'test/upstream/blame.test.ts',
      'test/upstream/breaker.test.ts',
      'test/upstream/capacity.test.ts',
      'test/upstream/fair-queue.test.ts',
      'test/upstream/fair-queue-invariants.test.ts',
      'test/upstream/address-health.test.ts',
      'test/upstream/recent-counts.test.ts',
      'test/upstream/retry-budget.test.ts',
      'test/upstream/standing.test.ts',
      'test/upstream/tenant-queue.test.ts',
      'test/upstream/turned-away.test.ts',
    ],
  },
  ladder: {
    sources: ['src/guard/ladder.ts', 'src/controls/guard-control.ts'],
    tests: ['test/guard/ladder.test.ts', 'test/controls/guard-control.test.ts'],
  },
  arrivals: { sources: ['src/usage/arrival-curve.ts'], tests: ['test/usage/arrival-curve.test.ts'] },
};

// Stryker ends what takes too long, not tap.
process.env.TAP_TIMEOUT = '0';

const { values, positionals } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    tests: { type: 'string', multiple: true, default: [''] },
    survivors: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    told: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(AREAS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no area ${unknown.join(', ')}: choose from ${Object.keys(AREAS).join(', ')}\n`,
  );
  process.exit(2);
}

const names = positionals.length > 0 ? positionals : Object.keys(AREAS);
// Stryker ends the process when a signal stops it: then, too, what was found is told.
process.on('exit', () => {
  const percents = names.map(tell);
  if (percents.some((percent) => percent < REQUIRED_PERCENT)) process.exitCode ||= 1;
});
if (!values.told) for (const name of names) await run(name);

async function run(name) {
  const { sources, tests, except = [], timeoutMs = 20_000 } = AREAS[name];
  const file = resultsFile(name);
  const wanted = (path) => !except.includes(path) && !path.endsWith('.peer.test.ts');
  const files = sources
    .flatMap(filesOf)
    .filter((path) => wanted(path) && values.only.some((end) => path.endsWith(end)));
  const survivors = readResults(file).filter((result) => files.includes(result.file) && isSurvivor(result));
  const mutate = values.survivors ? survivors.map(({ place }) => place) : files;
  if (mutate.length === 0) return;
  mkdirSync(folderOf(name), { recursive: true });
  noteInto(file, values.survivors ? [] : files);
  await new Stryker({
    mutate,
    buildCommand: 'node scripts/build.mjs --tests',
    testRunner: 'loaded',
    // Stryker would rewrite it through an API that the compiler does not have; nothing in it has to be rewritten.
    tsconfigFile: 'none',
    loaded: {
      isQuick: values.quick,
      leftOutFile: resolve(leftOutFile(name)),
      testFiles: tests
        .flatMap(filesOf)
        .filter((path) => wanted(path) && values.tests.some((end) => path.endsWith(end)))
        .map((test) => `build/${test.replace(/ts$/, 'js')}`),
    },
    coverageAnalysis: 'perTest',
    plugins: ['./mutant-runner.mjs', './mutant-results.mjs', './mutant-texts.mjs'].map((path) =>
      fileURLToPath(import.meta.resolve(path)),
    ),
    ignorers: ['texts'],
    concurrency: Number(values.jobs),
    // A busy machine must not pass for an endless loop.
    timeoutMS: timeoutMs,
    // esbuild looks at no types.
    disableTypeChecks: false,
    ignorePatterns: ['/build', '/dist', '/artifacts', '/reports', '/.tap', '/biome.json'],
    reporters: ['progress-append-only', 'html', 'results'],
    htmlReporter: { fileName: `${folderOf(name)}/index.html` },
    // It warns of each test file that it is not among the sources.
    logLevel: 'error',
  }).runMutationTest();
}

function filesOf(path) {
  const [folder, end] = path.split('*');
  if (end === undefined) return [path];
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name));
}

/** Says what survived, and how much of the area was noticed. What does not even load is no mutant. */
function tell(name) {
  const results = readResults(resultsFile(name));
  const of = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
  const survivors = results.filter(isSurvivor);
  for (const { place, mutatorName, replacement, status } of survivors) {
    const becomes = replacement.replaceAll(/\s+/g, ' ').slice(0, 80);
    const reached = status === 'NoCoverage' ? ' (no test comes here)' : '';
    process.stdout.write(`${place} ${mutatorName} -> ${becomes}${reached}\n`);
  }
  if (existsSync(leftOutFile(name))) {
    const tests = readFileSync(leftOutFile(name), 'utf8').split('\n').filter(Boolean);
    for (const test of tests) process.stdout.write(`left out, as it fails with no mutant on: ${test}\n`);
  }
  const endless = of('Timeout');
  const noticed = of('Killed') + endless;
  const all = noticed + survivors.length;
  const percent = (100 * noticed) / Math.max(1, all);
  const files = new Set(results.map(({ file }) => file)).size;
  process.stdout.write(
    `${name}: ${all} mutants of ${files} files, ${noticed} noticed (${endless} of them endless), ` +
      `${survivors.length} not: ${percent.toFixed(1)} %; ${results.length - all} more did not load\n`,
  );
  return percent;
}

function isSurvivor({ status }) {
  return status === 'Survived' || status === 'NoCoverage';
}

function resultsFile(name) {
  return `${folderOf(name)}/results.jsonl`;
}

/** Tests that failed with no mutant on, the last time that they were run. */
function leftOutFile(name) {
  return `${folderOf(name)}/left-out.txt`;
}

function folderOf(name) {
  return `reports/mutants/${name}`;
}
