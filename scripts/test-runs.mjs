/** Runs one test file: in a process of its own, or in one that runs others, too (`test-process.mjs`). Both tell the same. */
import { fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { judge } from './tap-output.mjs';

/** A file that takes longer is ended. */
const MOST_SECONDS = 240;
/** A process that has grown to this runs no more files. */
const MOST_BYTES = 500 * 2 ** 20;
const SHARED = fileURLToPath(new URL('test-process.mjs', import.meta.url));

export function sourceOf(file) {
  return file.replace(/^build\//, '').replace(/\.js$/, '.ts');
}

export async function runByItself(file, grep) {
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TAP_TIMEOUT: String(MOST_SECONDS),
      ...(grep === undefined ? {} : { TAP_GREP: grep }),
    },
  });
  const startMs = performance.now();
  const output = gather(child.stdout);
  const errors = gather(child.stderr);
  const { code, signal } = await withinTime(child, new Promise((resolve) => onEnd(child, resolve)));
  return resultOf(file, startMs, errors.take(), judge(output.take(), code, signal));
}

/** A process that runs file after file; another one takes its place when it has ended, or grown. */
export class SharedProcess {
  #child;
  #printed;
  #errors;
  /** The files that it has run. */
  #before = [];

  async run(file) {
    // One that has ended between two files is no file's fault.
    if (this.#child?.connected !== true) this.stop();
    this.#child ??= this.#start();
    const child = this.#child;
    const startMs = performance.now();
    const answer = await withinTime(child, this.#ask(child, file));
    const errors = this.#printed.take() + this.#errors.take();
    const { output = '', code = 0, signal = null, left = [], bytes = 0 } = answer;
    const verdict = judge(output, code, signal);
    const result = resultOf(file, startMs, errors, verdict);
    if (left.length > 0) fail(result, 'it leaves the process otherwise than it found it', left);
    const before = this.#before;
    if (answer.output === undefined || bytes > MOST_BYTES || result.failed > 0) this.stop();
    else before.push(file);
    return result.failed > 0 && before.length > 0 ? this.#again(result, file, before) : result;
  }

  stop() {
    this.#child?.kill();
    this.#child = undefined;
    this.#before = [];
  }

  #start() {
    const child = fork(SHARED, {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // The process lives longer than a file may take.
      env: { ...process.env, TAP_TIMEOUT: '0', MOST_SECONDS: String(MOST_SECONDS) },
    });
    this.#printed = gather(child.stdout);
    this.#errors = gather(child.stderr);
    return child;
  }

  #ask(child, file) {
    return new Promise((resolve) => {
      const ended = onEnd(child, resolve);
      child.once('message', (answer) => {
        child.off('close', ended);
        resolve(answer);
      });
      // Where it has just ended, that is told by its end.
      child.send({ file }, () => {});
    });
  }

  /** Whether it is the file that fails, or what ran before it in the same process, is the first that one wants to know. */
  async #again(result, file, before) {
    const { failed } = await runByItself(file);
    if (failed > 0) return result;
    return fail(result, 'it passes by itself; in the same process ran before it', before.map(sourceOf));
  }
}

function resultOf(file, startMs, errors, verdict) {
  return { source: sourceOf(file), seconds: (performance.now() - startMs) / 1000, errors, ...verdict };
}

function fail(result, because, lines) {
  result.tap.failures.push({ path: [because], lines });
  result.failed = Math.max(1, result.failed);
  return result;
}

function onEnd(child, resolve) {
  const ended = (code, signal) => resolve({ code, signal });
  child.once('close', ended);
  return ended;
}

/** tap ends what takes too long and says where it was; this is for what does not even let it. */
async function withinTime(child, result) {
  const patience = setTimeout(() => child.kill('SIGKILL'), (MOST_SECONDS + 20) * 1000);
  try {
    return await result;
  } finally {
    clearTimeout(patience);
  }
}

function gather(stream) {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return {
    take() {
      const taken = text;
      text = '';
      return taken;
    },
  };
}
