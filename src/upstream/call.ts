/** One request on its way through the upstream: what is sent, who hears of the answer, and how long it may take. */
import type { MessageHeaders } from '../base/http1/headers.js';

export interface UpstreamRequest {
  /** Whose it is: a tenant waits behind its own requests alone. */
  readonly tenant: string;
  /** As whom a push counts: names that no document knows are one, however many there are. */
  readonly place: string;
  /** Where it comes from. */
  readonly address: string;
  readonly method: string;
  readonly path: string;
  /** Without Host and the length, which are the upstream's own, and without the request id. */
  readonly headers: MessageHeaders;
  readonly requestId: string;
  /** Whole, or to be sent as it comes, and then once only. */
  readonly body: readonly Buffer[] | BodyStream | null;
  /** Of a whole body, as of `Body`. */
  readonly headRoom: number;
  /** From its arrival here to the head of the answer; 0: any time. */
  readonly headersTimeoutMs: number;
  /** Longest silence within the answer; 0: any. */
  readonly bodyTimeoutMs: number;
}

/** A body that is sent as it comes. */
export interface BodyStream {
  /** Undefined: nobody knows it yet. */
  readonly contentLength: number | undefined;
  /** Called once. */
  start(sink: StreamSink): void;
  pause(): void;
  resume(): void;
}

export interface StreamSink {
  /** False: no more is wanted. The bytes are the source's own again when this returns. */
  data(chunk: Buffer): boolean;
  end(): void;
  /** The rest will not come. */
  aborted(): void;
}

/** Calls come in this order: `response`, `data` many times, then `end`; or `failed` in place of what is left. */
export interface UpstreamReceiver {
  /** Called before anything else, and again for another URL: how to end the call early. */
  started(abort: () => void): void;
  response(answer: Answer, flow: Flow): void;
  data(chunk: Buffer): void;
  /** `sent`: nobody reads the request's body any more. */
  end(sent: boolean): void;
  /** `waitMs`: of `open`, when it may be tried again. */
  failed(failure: UpstreamFailure, error: Error, waitMs?: number): void;
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

/**
 * `unreachable`: no connection. `busy`: all connections were taken for too long, nothing was sent. `timeout`: connected, no
 * answer in time. `broken`: the connection ended early. `open`: no address is well, and nothing was sent.
 */
export type UpstreamFailure = 'unreachable' | 'busy' | 'timeout' | 'broken' | 'aborted' | 'open';

/** What an address may be blamed for, or its connections. */
export type AddressFailure = Exclude<UpstreamFailure, 'aborted' | 'open'>;

/** Who keeps count of what became of the requests to an address. */
export interface Outcomes {
  answered(status: number, call: Called): void;
  failed(failure: AddressFailure, error: Error, call: Called): void;
  /** Nobody waited for the answer, or it goes elsewhere. */
  aborted(call: Called): void;
  /** To be called now and then, so that seconds pass while all goes well. */
  tick(nowMs: number): void;
}

/** What is to be known of a request when it is heard what became of it. */
export interface Called {
  readonly request: Pick<UpstreamRequest, 'place'>;
  readonly attempt: Pick<Attempt, 'isProbe' | 'trial'>;
}

/** One time that a request goes out: what is found out by it, and how it may go out again. */
export interface Attempt {
  /** Whether its address is well again. */
  readonly isProbe: boolean;
  /** Of the breaker: whether pushes may be sent again; 0: nothing. */
  readonly trial: number;
  /** No connection could be made: nothing was sent. */
  unreachable(error: Error): void;
  /** It was answered 503. True: it goes to another address, and this answer to nobody. */
  refused(): boolean;
}

/** Who has a call now: the queue that it waits in, or the connection that it is on. */
export interface CallOwner {
  /** The call is over, and not by its answer. */
  drop(call: Call): void;
}

/** A request at one URL, until it is over there. */
export class Call {
  readonly request: UpstreamRequest;
  /** With the base path of the URL. */
  readonly path: string;
  readonly receiver: UpstreamReceiver;
  /** Of the address that it goes to. */
  readonly outcomes: Outcomes;
  readonly attempt: Attempt;
  /** It has a connection by then, or leaves the queue. */
  readonly queueUntilMs: number;
  /** The head of the answer is there by then. */
  readonly answerUntilMs: number;
  over = false;
  owner: CallOwner;

  constructor(
    owner: CallOwner,
    request: UpstreamRequest,
    path: string,
    receiver: UpstreamReceiver,
    outcomes: Outcomes,
    attempt: Attempt,
    arrivedMs: number,
    queueTimeoutMs: number,
  ) {
    this.owner = owner;
    this.request = request;
    this.path = path;
    this.receiver = receiver;
    this.outcomes = outcomes;
    this.attempt = attempt;
    const { headersTimeoutMs } = request;
    this.answerUntilMs = headersTimeoutMs === 0 ? Number.POSITIVE_INFINITY : arrivedMs + headersTimeoutMs;
    this.queueUntilMs = Math.min(this.answerUntilMs, arrivedMs + queueTimeoutMs);
  }

  /** Nobody waits for it any more. */
  readonly abort = (): void => {
    if (!this.over) this.fail('aborted', new Error('the client went away'));
  };

  fail(failure: AddressFailure | 'aborted', error: Error): void {
    this.over = true;
    this.owner.drop(this);
    if (failure === 'aborted') this.outcomes.aborted(this);
    else this.outcomes.failed(failure, error, this);
    this.receiver.failed(failure, error);
  }

  /** No connection could be made, and it may go elsewhere. */
  unreachable(error: Error): void {
    this.over = true;
    this.outcomes.failed('unreachable', error, this);
    this.attempt.unreachable(error);
  }
}
