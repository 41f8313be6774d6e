/** What whoever sends a request to the upstream is told about its answer, whichever pool it goes through. */
import type { MessageHeaders } from '../base/http1/headers.js';

/** Calls come in this order: `response`, `data` many times, then `end`; or `failed` in place of what is left. */
export interface UpstreamReceiver {
  /** Called once, before anything else: how to end the call early. */
  started(abort: () => void): void;
  response(answer: Answer, flow: Flow): void;
  data(chunk: Buffer): void;
  /** `sent`: nobody reads the request's body any more. */
  end(sent: boolean): void;
  failed(failure: UpstreamFailure, error: Error): void;
}

/** How an answer begins. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  /** Those that are for the client. */
  readonly headers: MessageHeaders;
}

export interface Flow {
  pause(): void;
  resume(): void;
}

/** `unreachable`: no connection. `timeout`: connected, no answer in time. `broken`: the connection ended early. */
export type UpstreamFailure = 'unreachable' | 'timeout' | 'broken' | 'aborted';
