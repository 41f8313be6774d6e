/**
 * Threads for what would hold up the event loop. They may be closed at any time, while they load, too: Piscina tries require
 * before import, and Node 20 aborts the whole process when a thread is ended while it requires an ES module
 * (v8::Module::IsGraphAsync). So threads are without that.
 */
import { Piscina } from 'piscina';

type Options = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

/** Of the process's own flags those that are of use in a thread; one that is for V8 would be an error there. */
const FOR_THREADS = /^--(cpu-prof|heap-prof|enable-source-maps|import=)/;

/** `module` exports what threads are asked to do. */
export function openThreads(module: URL, options: Options): Piscina {
  return new Piscina({
    ...options,
    filename: module.href,
    concurrentTasksPerWorker: 1,
    execArgv: [
      ...process.execArgv.filter((flag) => FOR_THREADS.test(flag)),
      '--no-experimental-require-module',
    ],
  });
}
