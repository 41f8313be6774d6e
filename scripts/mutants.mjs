/**
 * Would a test notice if this line were wrong? StrykerJS changes the sources one place at a time and runs the tests of the
 * same area for each: npm run mutants -- limits controls. Without a name all areas are run, one after the other. It fails
 * where fewer than 90 % of an area's mutants are noticed. docs/mutants.md says why those that are left change nothing.
 *
 *   --survivors   only the places where one survived the last run, for when a test has been added
 *   --jobs 1      mutants at once; two unless told
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';

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
    ],
  },
  controls: {
    sources: ['src/controls/control.ts', 'src/controls/controls.ts'],
    tests: ['controls/control', 'controls/shared-controls'],
  },
  http1: {
    sources: ['src/base/http1/*.ts', 'src/doors/http/head-reader.ts'],
    tests: ['base/target', 'base/headers', 'base/chunked', 'base/heads', 'doors/http/head-reader'],
  },
  format: { sources: ['src/doors/format.ts'], tests: ['doors/format'] },
  envoy: {
    // What reads and writes messages, and which requests are asked about.
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
    ],
  },
  elections: {
    sources: ['src/elections/*.ts'],
    tests: ['elections/election-table', 'elections/shared-elections'],
  },
  // What a replica decides beside the store.
  series: {
    sources: [
      'src/series/fleet-series.ts',
      'src/series/refused-series.ts',
      'src/series/series-answer.ts',
      'src/series/series-rows.ts',
      'src/series/store-view.ts',
    ],
    tests: [
      'series/store-view',
      'series/series-rows',
      'series/series-answer',
      'series/fleet-series',
      'series/refused-series',
    ],
  },
  // How it asks.
  'series-calls': {
    sources: ['src/series/announcements.ts', 'src/series/series-calls.ts', 'src/series/turns.ts'],
    tests: ['series/turns', 'series/announcements', 'series/series-calls'],
  },
  // What a process has in memory. Names and descriptions of metrics are held to the docs by test/telemetry.
  'series-table': {
    sources: [
      'src/series/metric-records.ts',
      'src/series/moment.ts',
      'src/series/series-table.ts',
      'src/series/series-tracker.ts',
      'src/series/table-memory.ts',
      'src/series/tenant-table.ts',
      'src/series/top-metrics.ts',
      'src/series/tracked-series.ts',
    ],
    // Not series/series-table-large: it takes many seconds.
    tests: ['series/series-tracker', 'series/series-table', 'series/top-metrics', 'series/fleet-series'],
  },
};

// What tap gives a file of its own accord is too little on a busy machine.
process.env.TAP_TIMEOUT = '600';

const { values, positionals } = parseArgs({
  options: { survivors: { type: 'boolean', default: false }, jobs: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(AREAS, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no area ${unknown.join(', ')}: choose from ${Object.keys(AREAS).join(', ')}\n`,
  );
  process.exit(2);
}

const results = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(AREAS)) results.push(await run(name));
for (const result of results) tell(result);
if (results.some(({ percent }) => percent < REQUIRED_PERCENT)) process.exitCode = 1;

async function run(name) {
  const { sources, tests } = AREAS[name];
  const folder = `reports/mutants/${name}`;
  const survivorsFile = `${folder}/survivors.json`;
  mkdirSync(folder, { recursive: true });
  const startMs = Date.now();
  const mutants = await new Stryker({
    mutate: values.survivors ? JSON.parse(readFileSync(survivorsFile, 'utf8')) : sources,
    buildCommand: 'node scripts/build.mjs --tests',
    testRunner: 'tap',
    tap: { testFiles: tests.map((test) => `build/test/${test}.test.js`) },
    plugins: ['@stryker-mutator/tap-runner'],
    concurrency: Number(values.jobs),
    // A busy machine must not pass for an endless loop.
    timeoutMS: 20_000,
    // esbuild looks at no types.
    disableTypeChecks: false,
    ignorePatterns: ['/build', '/dist', '/artifacts', '/reports', '/.tap', '/biome.json'],
    reporters: ['progress-append-only', 'html'],
    htmlReporter: { fileName: `${folder}/index.html` },
    logLevel: 'warn',
  }).runMutationTest();
  const result = { name, seconds: Math.round((Date.now() - startMs) / 1000), ...count(mutants) };
  writeFileSync(survivorsFile, JSON.stringify(result.survivors.map(placeOf)));
  return result;
}

/** What does not even load is no mutant; what never ends is noticed. */
function count(mutants) {
  const of = (...statuses) => mutants.filter(({ status }) => statuses.includes(status));
  const survivors = of('Survived', 'NoCoverage');
  const noticed = of('Killed', 'Timeout').length;
  return {
    all: noticed + survivors.length,
    noticed,
    endless: of('Timeout').length,
    unloaded: of('RuntimeError', 'CompileError').length,
    survivors,
    percent: (100 * noticed) / Math.max(1, noticed + survivors.length),
  };
}

function tell({ name, all, noticed, endless, unloaded, survivors, percent, seconds }) {
  for (const mutant of survivors) {
    const { mutatorName, replacement, status } = mutant;
    const becomes = replacement.replaceAll(/\s+/g, ' ').slice(0, 80);
    const reached = status === 'NoCoverage' ? ' (no test comes here)' : '';
    process.stdout.write(`${placeOf(mutant)} ${mutatorName} -> ${becomes}${reached}\n`);
  }
  process.stdout.write(
    `${name}: ${all} mutants, ${noticed} noticed (${endless} of them endless), ${survivors.length} not: ` +
      `${percent.toFixed(1)} % in ${seconds} s; ${unloaded} more did not load\n`,
  );
}

/** As Stryker takes it back: lines from 1, columns from 0. */
function placeOf({ fileName, location: { start, end } }) {
  return `${relative('.', fileName)}:${start.line}:${start.column}-${end.line}:${end.column}`;
}
