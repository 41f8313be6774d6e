/**
 * Runs one task again and again: one run at a time, and the next one a wait after the last one ended. A refresh asks for
 * a run now, and never for more of them: refreshes that come while a run is under way share the one that follows it.
 */
interface PollerOptions {
  readonly run: () => Promise<void> | void;
  /** What a run threw. It is run again all the same. */
  readonly failed: (error: unknown) => void;
  /** Asked after each run: how long until the next one. */
  readonly waitMs: () => number;
}

export class Poller {
  readonly #options: PollerOptions;
  #running: Promise<void> | undefined;
  /** The run that follows the one under way, if a refresh has asked for one. */
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

  /** No run begins any more. Resolves when the one under way has ended. */
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
