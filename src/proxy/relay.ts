/** Carries the upstream's answer to the client as it comes, whole, at the client's pace. */
import type { IncomingMessage, ServerResponse } from 'node:http';
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
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #observer: RelayObserver;
  readonly #now: () => number;
  readonly #undelivered: () => void;
  readonly #startMs: number;
  #finished: () => void = () => {};
  #abort: (() => void) | undefined;
  #flow: Flow | undefined;
  #clientGone = false;

  /** `undelivered` is called once if the upstream did not take the request and the sender will come again. */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    observer: RelayObserver,
    now: () => number,
    undelivered: () => void,
  ) {
    this.#req = req;
    this.#res = res;
    this.#observer = observer;
    this.#now = now;
    this.#undelivered = undelivered;
    this.#startMs = now();
    this.done = new Promise((resolve) => {
      this.#finished = resolve;
    });
    res.once('close', this.#onClose);
  }

  started(abort: () => void): void {
    this.#abort = abort;
    if (this.#clientGone) abort();
  }

  response(status: number, statusText: string, rawHeaders: readonly Buffer[], flow: Flow): void {
    this.#observer.forwarded(status, (this.#now() - this.#startMs) / 1000);
    // 429 is not the edge's to charge for either: Mimir took nothing, and the sender may come again.
    if (status >= 500 || status === 429) this.#undelivered();
    this.#flow = flow;
    this.#res.writeHead(status, statusText, downstreamHeaders(rawHeaders));
  }

  data(chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    this.#flow?.pause();
    this.#res.once('drain', () => this.#flow?.resume());
  }

  end(): void {
    this.#res.end();
    this.#finish();
  }

  failed(failure: UpstreamFailure): void {
    if (failure !== 'aborted') {
      this.#observer.failed(failure);
      // Half an answer may be out: then only a cut connection tells the client that the rest is missing.
      if (this.#res.headersSent) this.#res.destroy();
      else {
        this.#undelivered();
        answerFailure(this.#req, this.#res, failure);
      }
    }
    this.#finish();
  }

  /** The client left before it had its answer: Mimir need not finish it. */
  readonly #onClose = (): void => {
    if (this.#res.writableFinished) return;
    this.#clientGone = true;
    this.#abort?.();
  };

  #finish(): void {
    this.#res.off('close', this.#onClose);
    this.#finished();
  }
}
