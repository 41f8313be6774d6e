/** Carries the upstream's answer to the client as it comes, whole, at the client's pace. */
import type { Caller } from './caller.js';
import { downstreamHeaders } from './headers.js';
import { answerFailure } from './respond.js';
import type { Flow, UpstreamFailure, UpstreamReceiver } from './upstream.js';

export interface RelayObserver {
  /** The upstream answered, after this many seconds. */
  forwarded(status: number, seconds: number): void;
  failed(failure: UpstreamFailure): void;
}

export class Relay implements UpstreamReceiver {
  /** Resolves when nothing more will happen. */
  readonly done: Promise<void>;
  readonly #caller: Caller;
  readonly #observer: RelayObserver;
  readonly #now: () => number;
  readonly #undelivered: () => void;
  readonly #startMs: number;
  #finished: () => void = () => {};
  #abort: (() => void) | undefined;
  #flow: Flow | undefined;
  #clientGone = false;

  /** `undelivered` is called once if the upstream did not take the request and the sender will come again. */
  constructor(caller: Caller, observer: RelayObserver, now: () => number, undelivered: () => void) {
    this.#caller = caller;
    this.#observer = observer;
    this.#now = now;
    this.#undelivered = undelivered;
    this.#startMs = now();
    this.done = new Promise((resolve) => {
      this.#finished = resolve;
    });
    // The client left before it had its answer: Mimir need not finish it.
    caller.onGone = () => {
      this.#clientGone = true;
      this.#abort?.();
    };
    caller.onDrain = () => this.#flow?.resume();
  }

  started(abort: () => void): void {
    this.#abort = abort;
    if (this.#clientGone) abort();
  }

  response(status: number, statusText: string, rawHeaders: readonly string[], flow: Flow): void {
    this.#observer.forwarded(status, (this.#now() - this.#startMs) / 1000);
    // 429 is not the edge's to charge for either: Mimir took nothing, and the sender may come again.
    if (status >= 500 || status === 429) this.#undelivered();
    this.#flow = flow;
    this.#caller.writeHead(status, statusText, downstreamHeaders(rawHeaders));
  }

  data(chunk: Buffer): void {
    if (!this.#caller.write(chunk)) this.#flow?.pause();
  }

  end(): void {
    this.#caller.end();
    this.#finished();
  }

  failed(failure: UpstreamFailure): void {
    if (failure !== 'aborted') {
      this.#observer.failed(failure);
      // Half an answer may be out: then only a cut connection tells the client that the rest is missing.
      if (this.#caller.answering) this.#caller.destroy();
      else {
        this.#undelivered();
        answerFailure(this.#caller, failure);
      }
    }
    this.#finished();
  }
}
