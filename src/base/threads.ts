/**
 * Threads for work that would block the event loop. They may be closed at any time, even while loading. Piscina tries
 * require before import, and Node 20 aborts the whole process when a thread ends while it requires an ES module
 * (v8::Module::IsGraphAsync); so threads run with that disabled.
 */
import { Piscina } from 'piscina';

type Options = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

/** The process's flags that are useful in threads; V8's own would be an error there. */
const FOR_THREADS = /^--(cpu-prof|heap-prof|enable-source-maps|import=)/;

/** `module` exports the functions that threads run. */
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
