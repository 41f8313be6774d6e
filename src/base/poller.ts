/**
 * Runs a task repeatedly: one run at a time, with a wait between runs. A refresh requests a run now without adding more:
 * refreshes during a run share the one that follows.
 */
interface PollerOptions {
  readonly run: () => Promise<void> | void;
  /** Called with what a run threw. It is run again all the same. */
  readonly failed: (error: unknown) => void;
  /** Called after each run: the time until the next one. */
  readonly waitMs: () => number;
}

export class Poller {
  readonly #options: PollerOptions;
  #running: Promise<void> | undefined;
  /** The run after the current one, if a refresh has requested one. */
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** For a task that need not run at once. */
  startLater(): void {
    this.#schedule();
  }

  /** Resolves when a run that began after this call has ended. The first refresh starts the polling. */
  refresh(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#run();
    this.#next = this.#running.then(() => {
      this.#next = undefined;
      return this.#run();
    });
    return this.#next;
  }

  /** No further run begins. Resolves when the current one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    clearTimeout(this.#timer);
    this.#running = this.#attempt().then(() => {
      this.#running = undefined;
      if (this.#next === undefined) this.#schedule();
    });
    return this.#running;
  }

  async #attempt(): Promise<void> {
    try {
      await this.#options.run();
    } catch (error) {
      this.#options.failed(error);
    }
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.refresh(), this.#options.waitMs());
    this.#timer.unref();
  }
}
