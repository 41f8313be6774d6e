/**
 * Frames of this machine on their way to whoever keeps the book: in order, one at a time, each until it is taken. While
 * the store is away they are kept for five minutes; what is older then is lost, counted and said.
 */
import { messageOf } from '../base/message-of.js';

export interface FrameSenderOptions {
  /** Rejects when it was not taken, or is not known to be. */
  readonly send: (frame: Buffer) => Promise<void>;
  readonly now: () => number;
  readonly log: { warn(facts: object, message: string): void; info(facts: object, message: string): void };
}

export interface FrameSenderStatus {
  readonly waiting: number;
  readonly sent: number;
  readonly lost: number;
  /** Undefined: what was sent last was taken. */
  readonly lastError: string | undefined;
  readonly failingSinceMs: number | undefined;
}

const KEPT_MS = 5 * 60_000;
const RETRY_MS = 1000;

export class FrameSender {
  readonly #options: FrameSenderOptions;
  readonly #waiting: { readonly frame: Buffer; readonly atMs: number }[] = [];
  #sending: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #sent = 0;
  #lost = 0;
  #failing: { readonly error: string; readonly sinceMs: number } | undefined;

  constructor(options: FrameSenderOptions) {
    this.#options = options;
  }

  add(frame: Buffer): void {
    this.#waiting.push({ frame, atMs: this.#options.now() });
    void this.flush();
  }

  /** Resolves when none waits any more, or one could not be sent. */
  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  stop(): void {
    clearTimeout(this.#retry);
  }

  status(): FrameSenderStatus {
    return {
      waiting: this.#waiting.length,
      sent: this.#sent,
      lost: this.#lost,
      lastError: this.#failing?.error,
      failingSinceMs: this.#failing?.sinceMs,
    };
  }

  async #sendAll(): Promise<void> {
    clearTimeout(this.#retry);
    this.#drop();
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        await this.#options.send(next.frame);
      } catch (error) {
        this.#failed(messageOf(error));
        return;
      }
      this.#waiting.shift();
      this.#sent++;
    }
    if (this.#failing === undefined) return;
    this.#options.log.info({}, "the fleet's usage hears of this machine again");
    this.#failing = undefined;
  }

  #failed(error: string): void {
    const { now, log } = this.#options;
    if (this.#failing === undefined) {
      log.warn(
        { error },
        "the fleet's usage does not hear of this machine: frames are kept for five minutes",
      );
    }
    this.#failing = { error, sinceMs: this.#failing?.sinceMs ?? now() };
    this.#retry = setTimeout(() => void this.flush(), RETRY_MS).unref();
  }

  #drop(): void {
    const oldestMs = this.#options.now() - KEPT_MS;
    while (this.#waiting[0] !== undefined && this.#waiting[0].atMs < oldestMs) {
      this.#waiting.shift();
      this.#lost++;
    }
  }
}
