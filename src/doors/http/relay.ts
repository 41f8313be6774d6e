/**
 * Carries the upstream's answer to the client as it comes, whole, at the client's pace. A push that lost some of its series
 * gets an answer of the edge's own once the upstream has taken the rest.
 */

import type { Answer, Flow, UpstreamFailure, UpstreamReceiver } from '../../upstream/call.js';
import type { Caller } from './caller.js';
import { isInDoubt, MOST_WORDS } from './mimir-took.js';
import { answerFailure, answerPartial, countWhole, type PartialAnswer } from './respond.js';

export interface RelayObserver {
  /** The upstream answered now, after this many seconds. `sender`: of a push, as whom it counts. */
  forwarded(status: number, seconds: number, sender: string | undefined, nowMs: number): void;
  failed(failure: UpstreamFailure): void;
}

/** Whose request it is. */
export interface RelayHost {
  /**
   * Called once: with the upstream's status, or with 0 when there was none, and where it is in doubt what that says
   * (mimir-took.ts) with the words of the answer, once they are there.
   */
  answered(status: number, words: string, nowMs: number): void;
  /** Called once, last. `bodySent`: the upstream has all of the body, and nobody reads it any more. */
  ended(bodySent: boolean): void;
}

export class Relay implements UpstreamReceiver {
  readonly #caller: Caller;
  readonly #observer: RelayObserver;
  readonly #now: () => number;
  readonly #sender: string | undefined;
  readonly #host: RelayHost;
  readonly #partial: PartialAnswer | undefined;
  readonly #startMs: number;
  #abort: (() => void) | undefined;
  #flow: Flow | undefined;
  /** In doubt, and to be told with what it says; 0: there is no such answer. */
  #doubtful = 0;
  #words = '';
  #clientGone = false;
  /** The client has its answer; what is still to come is not for it. */
  #replaced = false;

  /** `startMs`: the time now. `sender`: of a push. */
  constructor(
    caller: Caller,
    observer: RelayObserver,
    now: () => number,
    startMs: number,
    sender: string | undefined,
    host: RelayHost,
    partial?: PartialAnswer,
  ) {
    this.#caller = caller;
    this.#observer = observer;
    this.#now = now;
    this.#sender = sender;
    this.#host = host;
    this.#partial = partial;
    this.#startMs = startMs;
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

  response(answer: Answer, flow: Flow): void {
    const { status } = answer;
    const nowMs = this.#now();
    this.#observer.forwarded(status, (nowMs - this.#startMs) / 1000, this.#sender, nowMs);
    if (isInDoubt(status)) this.#doubtful = status;
    else this.#host.answered(status, '', nowMs);
    const partial = this.#partial;
    if (partial !== undefined && (status === 200 || status === 204)) {
      this.#replaced = true;
      answerPartial(this.#caller, partial);
      return;
    }
    this.#flow = flow;
    const headers =
      partial === undefined ? answer.headers : countWhole(this.#caller, answer.headers, partial.written);
    this.#caller.writeHead(status, answer.statusText, headers);
  }

  data(chunk: Buffer): void {
    if (this.#doubtful !== 0) this.#hear(chunk);
    if (!this.#replaced && !this.#caller.write(chunk)) this.#flow?.pause();
  }

  end(sent: boolean): void {
    this.#resolve();
    if (!this.#replaced) this.#caller.end();
    this.#host.ended(sent);
  }

  failed(failure: UpstreamFailure, error: Error, waitMs?: number): void {
    this.#resolve();
    if (failure !== 'aborted') {
      this.#observer.failed(failure);
      // Half an answer may be out: then only a cut connection tells the client that the rest is missing.
      if (this.#caller.answering) {
        if (!this.#replaced) this.#caller.destroy();
      } else {
        this.#host.answered(0, '', this.#now());
        answerFailure(this.#caller, failure, error, waitMs);
      }
    }
    this.#host.ended(false);
  }

  #hear(chunk: Buffer): void {
    if (this.#words.length < MOST_WORDS)
      this.#words += chunk.toString('latin1', 0, MOST_WORDS - this.#words.length);
  }

  /** Nothing more is to be heard of an answer that was in doubt. */
  #resolve(): void {
    if (this.#doubtful === 0) return;
    this.#host.answered(this.#doubtful, this.#words, this.#now());
    this.#doubtful = 0;
  }
}
