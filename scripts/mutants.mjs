/**
 * Would a test notice if this line were wrong? StrykerJS changes the sources one place at a time and runs the tests of the
 * same area for each: npm run mutants -- limits controls. Without a name all areas are run, one after the other. It fails
 * where fewer than 90 % of an area's mutants are noticed. docs/mutants.md says why those that are left change nothing.
 *
 *   --only judge.ts   only those of the area's sources whose path ends so; may be given more than once
 *   --survivors       only the places where one survived, for when a test has been added
 *   --told            what is known from runs before, with no run
 *   --jobs 1          mutants at once; two unless told
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { noteInto, readResults } from './mutant-results.mjs';

const REQUIRED_PERCENT = 90;

/**
 * Sources, and the tests that are to notice, below test/: none that needs a peer. A mutant meets them in this order until
 * one notices, so what takes longest comes last.
 */
const AREAS = {
  limits: {
    sources: ['src/limits/*.ts'],
    // Not limits/odd-documents: it takes many seconds.
    tests: [
      'limits/values',
      'limits/snapshot',
      'limits/overrides-document',
      'limits/diff',
      'limits/tenant-id',
      'limits/snapshot-change',
    ],
  },
  controls: {
    sources: ['src/controls/*.ts'],
    tests: ['controls/control', 'controls/controls', 'controls/shared-controls'],
  },
  http1: {
    sources: ['src/base/http1/*.ts', 'src/doors/http/head-reader.ts'],
    tests: [
      'base/target',
      'base/headers',
      'base/chunked',
      'base/heads',
      'base/request-head',
      'doors/http/head-reader',
    ],
  },
  enforce: {
    sources: ['src/enforce/*.ts'],
    // docs/refusals.md is made of it, and the two are held against each other.
    except: ['src/enforce/reasons.ts'],
    tests: [
      'enforce/refusal',
      'enforce/left-out',
      'enforce/limited-bucket',
      'enforce/label-rules',
      'enforce/charges',
      'enforce/tenant',
      'enforce/rates',
      'enforce/series-limits',
      'enforce/asked-by-doors',
      'enforce/modes-and-tenants',
      'enforce/ha-pairs',
      'enforce/waiting',
      'enforce/tally',
      'enforce/tenant-metrics',
      'enforce/shown-tenants',
      'enforce/eviction',
    ],
  },
  format: { sources: ['src/doors/format.ts'], tests: ['doors/format'] },
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
      'doors/envoy/timeout',
      'doors/envoy/fields',
      'doors/envoy/message-reader',
      'doors/envoy/check-request-fields',
      'doors/envoy/check-response',
      'doors/envoy/messages',
      'doors/write-paths',
      'doors/envoy/check-request',
    ],
  },
  buckets: {
    sources: ['src/buckets/*.ts'],
    // Not buckets/lease-protocol: its schedules take many seconds.
    tests: [
      'buckets/use-window',
      'buckets/local-share',
      'buckets/leased-buckets',
      'buckets/lease',
      'buckets/leased-bucket',
      'buckets/token-bucket',
      'buckets/debts',
      'buckets/free-passes',
      'buckets/waiting-pushes',
    ],
  },
  elections: {
    sources: ['src/elections/*.ts'],
    tests: ['elections/election-table', 'elections/shared-elections'],
  },
  series: {
    sources: ['src/series/*.ts'],
    // Not series/series-table-large: it takes many seconds.
    tests: [
      'series/store-view',
      'series/series-rows',
      'series/series-answer',
      'series/refused-series',
      'series/turns',
      'series/announcements',
      'series/series-calls',
      'series/fleet-series',
      'series/series-tracker',
      'series/series-table',
      'series/top-metrics',
      'series/metric-records',
    ],
  },
};

// Stryker ends what takes too long, not tap.
process.env.TAP_TIMEOUT = '0';

const { values, positionals } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    survivors: { type: 'boolean', default: false },
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
  const { sources, except = [], tests, timeoutMs = 20_000 } = AREAS[name];
  const file = resultsFile(name);
  const files = sources
    .flatMap(filesOf)
    .filter((path) => !except.includes(path) && values.only.some((end) => path.endsWith(end)));
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
    loaded: { testFiles: tests.map((test) => `build/test/${test}.test.js`) },
    coverageAnalysis: 'perTest',
    plugins: ['./mutant-runner.mjs', './mutant-results.mjs'].map((path) =>
      fileURLToPath(import.meta.resolve(path)),
    ),
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

function filesOf(source) {
  if (!source.endsWith('*.ts')) return [source];
  const folder = dirname(source);
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return names.map((name) => join(folder, name));
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

function folderOf(name) {
  return `reports/mutants/${name}`;
}
