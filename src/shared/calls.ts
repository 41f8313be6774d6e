/**
 * Calls that were sent and are not answered yet. Each has the same timeout, counted from when it is sent. When that is
 * over, the caller is told that the call is late; it stays in flight until it is answered or fails.
 */
import { StoreError, timeoutError } from './store.js';

interface CallsOptions {
  /** How long a call is waited for. */
  readonly timeoutMs: number;
  /** Calls in flight, including late ones. */
  readonly maxInFlight: number;
  readonly now: () => number;
}

/** Reports the outcome of calls to whoever tracks the store's health. */
interface CallsWatch {
  succeeded(shard: number): void;
  failed(shard: number, error: unknown, sentMs: number): void;
  noteError(error: unknown): void;
}

interface CallInFlight {
  readonly shard: number;
  readonly sentMs: number;
  readonly whenLate: (nowMs: number) => void;
  isLate: boolean;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #watch: CallsWatch;
  /** In the order of sending, which is also that of their deadlines. */
  readonly #inTime = new Set<CallInFlight>();
  #late = 0;
  #sent = 0;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: CallsOptions, watch: CallsWatch) {
    this.#options = options;
    this.#watch = watch;
  }

  get inFlight(): number {
    return this.#inTime.size + this.#late;
  }

  get sent(): number {
    return this.#sent;
  }

  get mayBegin(): boolean {
    return this.inFlight < this.#options.maxInFlight;
  }

  /** Undefined: too many calls are in flight. */
  begin(shard: number, whenLate: (nowMs: number) => void): CallInFlight | undefined {
    if (!this.mayBegin) {
      this.#watch.noteError(new StoreError('busy', 'too many calls in flight'));
      return undefined;
    }
    // The clock is read here: a push may have waited for another call before this one.
    const call: CallInFlight = { shard, sentMs: this.#options.now(), whenLate, isLate: false };
    this.#inTime.add(call);
    this.#sent++;
    this.#watchDeadline(this.#options.timeoutMs);
    return call;
  }

  /** Records an answer. True: it came in time. */
  succeeded(call: CallInFlight): boolean {
    if (this.#finish(call)) this.#watch.succeeded(call.shard);
    return !call.isLate;
  }

  failed(call: CallInFlight, error: unknown): void {
    if (this.#finish(call)) this.#watch.failed(call.shard, error, call.sentMs);
  }

  /**
   * The answer, or `lost` when the call failed, was late, or could not be sent; or `moving`, in which case it was not
   * executed.
   */
  withDeadline<R>(shard: number, send: () => Promise<R>): Promise<R | 'lost' | 'moving'> {
    return new Promise((answer) => {
      const call = this.begin(shard, () => answer('lost'));
      if (call === undefined) {
        answer('lost');
        return;
      }
      send().then(
        (reply) => {
          this.succeeded(call);
          answer(reply);
        },
        (error: unknown) => {
          this.failed(call, error);
          answer(error instanceof StoreError && error.kind === 'moving' ? 'moving' : 'lost');
        },
      );
    });
  }

  close(): void {
    clearTimeout(this.#deadline);
  }

  #finish(call: CallInFlight): boolean {
    if (call.isLate) this.#late--;
    else this.#inTime.delete(call);
    return !call.isLate;
  }

  /** One timer for all calls: the one that was sent first is the first to be late. */
  #watchDeadline(inMs: number): void {
    // Replies that arrived while the event loop was busy are read before any call counts as late.
    this.#deadline ??= setTimeout(() => setImmediate(() => this.#findLate()), inMs);
  }

  #findLate(): void {
    this.#deadline = undefined;
    const { timeoutMs, now } = this.#options;
    const nowMs = now();
    for (const call of this.#inTime) {
      const leftMs = call.sentMs + timeoutMs - nowMs;
      if (leftMs > 0) {
        this.#watchDeadline(Math.ceil(leftMs));
        return;
      }
      this.#inTime.delete(call);
      this.#late++;
      call.isLate = true;
      this.#watch.failed(call.shard, timeoutError(timeoutMs), call.sentMs);
      call.whenLate(nowMs);
    }
  }
}
