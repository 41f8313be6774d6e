/**
 * Runs test files one after the other in one process, which keeps loaded what they share: told `{ file }` by the
 * process that started it, it answers `{ output }`, what tap says of that file. Each file has a tap of its own. It is over
 * when nothing is left that would keep a process alive, as it would be by itself, and has failed when it leaves the
 * process otherwise than it found it: what the next one tests must not depend on it.
 */
import module from 'node:module';
import { pathToFileURL } from 'node:url';

const { register, registerHooks } = module;
const { send } = process;
const { MOST_SECONDS } = process.env;
// tap itself is not to speak to the parent.
process.send = undefined;
const DOMAIN = new URL('tap-domain.mjs', import.meta.url).href;

/** A test file that imports tap gets its own. */
function resolve(specifier, context, next) {
  if (specifier === 'async-hook-domain') return { url: DOMAIN, shortCircuit: true };
  return specifier === 'tap' && context.parentURL?.endsWith('.test.js')
    ? {
        url: `data:text/javascript,export default globalThis.tapOfFile//${context.parentURL}`,
        shortCircuit: true,
      }
    : next(specifier, context);
}
// Node 20 has the older of the two, of which newer ones warn.
const hooks = `const DOMAIN = '${DOMAIN}'; export ${resolve}`;
if (registerHooks === undefined) register(`data:text/javascript,${encodeURIComponent(hooks)}`);
else registerHooks({ resolve });
const { Test } = await import('tap');

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'Date'];
const timers = Object.fromEntries(TIMERS.map((name) => [name, globalThis[name]]));
globalThis.tapOfFile = undefined;
/** What is under way, until the process has nothing more to do. */
let running;
process.on('message', ({ file }) => {
  process.channel.unref();
  running = begin(file);
});
process.on('beforeExit', () => {
  if (running === undefined) return;
  const { tap, before, output } = running;
  running = undefined;
  if (!tap.results) tap.endAll();
  tap.setTimeout(0);
  process.channel.ref();
  send.call(process, {
    output: output.join(''),
    left: changesSince(before),
    bytes: process.memoryUsage.rss(),
  });
});

function begin(file) {
  const output = [];
  const before = surroundings();
  const tap = new Test({
    name: file.replace(/\.js$/, ''),
    timeout: Number(MOST_SECONDS) * 1000,
  });
  tap.on('data', (chunk) => output.push(chunk));
  tap.on('complete', () => tap.comment(tap.counts.toJSON()));
  tap.runMain(() => {});
  globalThis.tapOfFile = tap;
  import(pathToFileURL(file)).catch((error) => tap.threw(error)).finally(() => tap.end());
  return { tap, before, output };
}

/** What belongs to the whole process, as one line each. */
function surroundings() {
  return [
    ...Object.entries(process.env).map(([name, value]) => `the environment's ${name}=${value}`),
    ...Object.getOwnPropertyNames(globalThis).map((name) => `the global ${name}`),
    ...process.eventNames().map((name) => `${process.listenerCount(name)} listeners for ${String(name)}`),
    ...TIMERS.filter((name) => globalThis[name] !== timers[name]).map((name) => `${name} is replaced`),
    `the folder ${process.cwd()}`,
    `the exit code ${process.exitCode}`,
  ];
}

function changesSince(before) {
  const after = surroundings();
  return after.filter((line) => !before.includes(line));
}
