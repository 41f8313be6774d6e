/**
 * Runs an area's tests for StrykerJS in a process that keeps them loaded: a mutant is switched on, and the tests that reach
 * it are called until one fails, with tap's own assertions. What a process has met before may make a test fail that would
 * not, or pass for something that is remembered. So one that fails again with no mutant on, and a mutant that no test
 * notices, are run again in a new process, which counts: this one ends itself, and Stryker asks the next.
 */
import { writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';

// tap names a test's folder after the command line, and too long a name is none.
process.argv = [process.execPath, resolve('mutants')];
// tap tells a parent process its timeout, which Stryker would take for an answer.
const { send } = process;
process.send = undefined;
const { Test } = await import('tap');
process.send = send;

/**
 * Stryker calls a mutant endless once its place is passed a hundred times as often as by all tests. One that takes memory each
 * time has all of it by then.
 */
const LESS_ENDLESS = 10;

// That a property fails is enough: nobody reads for what smallest input.
fc.configureGlobal({ endOnFailure: true });

/** A test that is at its end needs no more turns of the event loop than these. */
const MOST_IDLE_TURNS = 100;
/** One that waits for the next turn itself, and then for another one, may need many. */
const MOST_TURNS_WAITED_FOR = 20_000;

/** In place of tap a test file gets what only notes its tests. */
const HOOKS = `
  const noting = 'data:text/javascript,export default { test: (...args) => globalThis.noteTest(...args), teardown() {} }';
  export const resolve = (specifier, context, next) =>
    specifier === 'tap' && context.parentURL?.includes('/build/test/')
      ? { url: noting, shortCircuit: true }
      : next(specifier, context);`;

export const strykerPlugins = [{ kind: 'TestRunner', name: 'loaded', factory: createRunner }];

createRunner.inject = ['options'];
function createRunner(options) {
  return new LoadedTests(options.loaded);
}

class LoadedTests {
  #files;
  #isQuick;
  #leftOutFile;
  #tests = [];
  /** What the changed code reads: which mutant is on, and how often one may be passed before it counts as endless. */
  #switches = {};
  /** Mutants that were noticed: what noticed the last one often notices the next, which is close to it. */
  #noticed = 0;
  #isFresh = true;
  #isSpoiled = false;

  constructor({ testFiles, isQuick, leftOutFile }) {
    this.#files = testFiles;
    this.#isQuick = isQuick;
    this.#leftOutFile = leftOutFile;
    globalThis.__stryker__ = this.#switches;
  }

  /** Whoever wants code that runs as it is loaded to be run again starts another process. */
  capabilities() {
    return { reloadEnvironment: false };
  }

  async dryRun() {
    await this.#load();
    const tests = [];
    for (const test of this.#tests) tests.push(await this.#run(test));
    // Stryker does without them, and does not say so.
    const leftOut = tests.filter(({ status }) => status === 'failed').map(({ id }) => `${id}\n`);
    writeFileSync(this.#leftOutFile, leftOut.join(''));
    return { status: 'complete', tests, mutantCoverage: this.#switches.mutantCoverage };
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit }) {
    if (this.#isSpoiled) process.exit(1);
    if (mutantActivation === 'static') this.#switches.activeMutant = activeMutant.id;
    await this.#load();
    const isFresh = this.#isFresh;
    this.#isFresh = false;
    const reaching = this.#tests
      .filter(({ id }) => testFilter === undefined || testFilter.includes(id))
      .sort((a, b) => b.lastNoticed - a.lastNoticed);
    const others = this.#tests.filter((test) => !reaching.includes(test));
    const tests = isFresh ? [...reaching, ...others] : reaching;
    const mostHits = hitLimit / LESS_ENDLESS;
    Object.assign(this.#switches, { activeMutant: activeMutant.id, hitLimit: mostHits, hitCount: 0 });
    const failed = await this.#firstToFail(tests);
    const isEndless = this.#switches.hitCount > mostHits || failed?.isStuck;
    Object.assign(this.#switches, { activeMutant: undefined, hitLimit: undefined });
    if (failed === undefined && !isEndless) {
      if (!isFresh && !this.#isQuick) process.exit(1);
      return { status: 'survived', nrOfTests: tests.length };
    }
    this.#isSpoiled = failed === undefined || (await this.#run(failed.test)).status === 'failed';
    if (isEndless) return { status: 'timeout' };
    if (this.#isSpoiled && !isFresh) process.exit(1);
    const { test, failureMessage } = failed;
    test.lastNoticed = ++this.#noticed;
    return { status: 'killed', killedBy: [test.id], failureMessage, nrOfTests: tests.indexOf(test) + 1 };
  }

  async #load() {
    if (this.#tests.length > 0) return;
    register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
    for (const file of this.#files) {
      globalThis.noteTest = (...args) =>
        this.#tests.push({ id: `${this.#tests.length} ${file}: ${args[0]}`, args, lastNoticed: 0 });
      await import(pathToFileURL(resolve(file)));
    }
  }

  async #firstToFail(tests) {
    for (const test of tests) {
      const { status, failureMessage, isStuck } = await this.#run(test);
      if (status === 'failed') return { test, failureMessage, isStuck };
    }
  }

  async #run({ id, args }) {
    this.#switches.currentTestId = id;
    const startedAt = performance.now();
    const before = countResources();
    const root = new Test({ name: id.split(' ')[0], timeout: 0 });
    root.resume();
    root.runMain(() => {});
    let thrown;
    const ended = root.test(...args).catch((error) => {
      thrown = error;
    });
    root.end();
    const isStuck = await isNeverToEnd(ended, before);
    this.#switches.currentTestId = undefined;
    const result = { id, name: id, timeSpentMs: performance.now() - startedAt };
    if (root.passing() && thrown === undefined && !isStuck) return { ...result, status: 'success' };
    return { ...result, status: 'failed', isStuck, failureMessage: String(thrown ?? 'an assertion failed') };
  }
}

/**
 * Whether nothing that was begun is left that could end what is waited for: a process by itself would be at its end. `before`:
 * what there was when it began.
 */
async function isNeverToEnd(ended, before) {
  let least = before;
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  for (let idle = 0; !isOver && idle < 1; ) {
    // What an earlier test had begun may end meanwhile, and what is asked of the disk is answered.
    least = Math.min(least, countResources());
    const isAsked = process.getActiveResourcesInfo().some((name) => OF_THE_DISK.test(name));
    const isIdle = countResources() <= least && !isAsked;
    const isWaitedFor = process.getActiveResourcesInfo().includes('Immediate');
    idle = isIdle ? idle + 1 / (isWaitedFor ? MOST_TURNS_WAITED_FOR : MOST_IDLE_TURNS) : 0;
    await (isIdle ? new Promise(setImmediate) : Promise.race([ended, sleep(20, undefined, { ref: false })]));
  }
  return !isOver;
}

const OF_THE_DISK = /^(FSReq|CloseReq)/;

/** What lasts until somebody ends it, or its time comes. */
function countResources() {
  return process.getActiveResourcesInfo().filter((name) => name !== 'Immediate' && !OF_THE_DISK.test(name))
    .length;
}
