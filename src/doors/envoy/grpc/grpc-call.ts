/**
 * One gRPC call on an HTTP/2 stream: reads messages within a cap, a budget and a timeout, and answers with messages and a
 * status. Whatever the peer does, a call is answered at most once, and nothing throws.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { ByteBudget } from '../../body.js';
import { framed, type MessageFault, MessageReader } from './message-reader.js';
import { readTimeoutMs } from './timeout.js';

/** The status codes used here. */
export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export type GrpcCode = (typeof GRPC)[keyof typeof GRPC];

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

/** The part of the caller's timeout after which it is answered in any case; the rest is for the network. */
const ANSWERED_BY = 0.75;

/** The memory of a stream of node:http2 and its call without messages, as measured. */
const CALL_BYTES = 16 * 1024;

export class GrpcCall {
  /** The status of the answer; undefined until then. */
  status: GrpcCode | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #now: () => number;
  /** When the caller stops waiting, and when an answer would still reach it. */
  readonly #deadlineMs: number;
  readonly #answerByMs: number;
  readonly #bodyTimeoutMs: number;
  /** What the call holds of a budget, and of messages. */
  #budget: ByteBudget | undefined;
  #reservedBytes = 0;
  #reader: MessageReader | undefined;
  #closed = false;
  #onClose: ((delivered: boolean) => void) | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    bodyTimeoutMs: number,
    now: () => number,
  ) {
    this.#stream = stream;
    this.#now = now;
    this.#bodyTimeoutMs = bodyTimeoutMs;
    const timeoutMs = readTimeoutMs(headers['grpc-timeout']) ?? Number.POSITIVE_INFINITY;
    this.#deadlineMs = now() + timeoutMs;
    this.#answerByMs = now() + timeoutMs * ANSWERED_BY;
    stream.on('error', () => {});
    stream.once('close', () => {
      this.#closed = true;
      this.#onClose?.(this.status !== undefined && stream.rstCode === NGHTTP2_NO_ERROR);
    });
  }

  /** It has its answer, or the caller is gone. */
  get isClosed(): boolean {
    return this.#closed || this.status !== undefined || this.#stream.aborted;
  }

  /** No answer would reach the caller any more: it has given up, or been answered. */
  get isOver(): boolean {
    return this.isClosed || this.#now() > this.#deadlineMs;
  }

  /** Until when an answer would reach the caller, with a margin. Infinity if it waits for ever. */
  get answerInMs(): number {
    return Math.max(0, this.#answerByMs - this.#now());
  }

  /**
   * Called once, when nothing more will happen, with whether the answer was delivered completely, as far as HTTP/2 tells.
   */
  onClose(then: (delivered: boolean) => void): void {
    if (this.#closed) then(false);
    else this.#onClose = then;
  }

  /**
   * The only message of the call, valid until `release`. Until then the memory of the call and the message is reserved from
   * the budget.
   */
  async read(maxBytes: number, budget: ByteBudget): Promise<Buffer | MessageFault> {
    if (!this.#enter(budget)) return 'over_budget';
    const timeoutMs = Math.min(this.#bodyTimeoutMs, this.answerInMs);
    const message = await this.#readOne(new MessageReader(maxBytes, this.#reserve), timeoutMs);
    // The stream of a call that was reset may end as if it were complete.
    if (this.#stream.aborted || this.#stream.rstCode !== NGHTTP2_NO_ERROR) return 'aborted';
    return message;
  }

  #readOne(reader: MessageReader, timeoutMs: number): Promise<Buffer | MessageFault> {
    this.#reader = reader;
    const stream = this.#stream;
    return new Promise((resolve) => {
      const settle = (outcome: Buffer | MessageFault): void => {
        clearTimeout(timer);
        stream.off('data', onData).off('end', onEnd).off('close', onClose);
        resolve(outcome);
      };
      const onData = (chunk: Buffer): void => {
        const taken = reader.add(chunk, 0);
        if (typeof taken === 'string') settle(taken);
        else if (taken < chunk.length) settle('malformed');
      };
      const onEnd = (): void => settle(reader.isWhole ? reader.message() : 'malformed');
      const onClose = (): void => settle('aborted');
      const timer = setTimeout(() => settle('timeout'), timeoutMs);
      stream.on('data', onData).once('end', onEnd).once('close', onClose);
    });
  }

  /**
   * All messages of the call as they arrive; each is valid until the next is requested. Ends early, with an error for the
   * caller, when one is invalid.
   */
  async *messages(maxBytes: number, budget: ByteBudget): AsyncGenerator<Buffer> {
    if (!this.#enter(budget)) return this.failRead('over_budget');
    let reader = new MessageReader(maxBytes, this.#reserve);
    try {
      // Destroying the stream on return would lose its answer.
      for await (const piece of this.#stream.iterator({ destroyOnReturn: false })) {
        const chunk = piece as Buffer;
        for (let at = 0; at < chunk.length; ) {
          this.#reader = reader;
          const taken = reader.add(chunk, at);
          if (typeof taken === 'string') return this.failRead(taken);
          at += taken;
          if (!reader.isWhole) continue;
          yield reader.message();
          this.#leave(reader);
          reader = new MessageReader(maxBytes, this.#reserve);
        }
      }
    } catch {
      // A reset: the caller is gone.
      return;
    }
    if (!reader.isEmpty) this.failRead('malformed');
  }

  /** The call's messages are no longer used. */
  release(): void {
    this.#reader?.release();
    this.#budget?.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  /** One message of several; `end` follows. */
  write(message: Uint8Array): void {
    if (this.#closed || this.status !== undefined) return;
    if (!this.#stream.headersSent) this.#respond();
    this.#stream.write(framed(message));
  }

  /** Resolves when what was written is on its way. False: the client does not read, or is gone. */
  drained(): Promise<boolean> {
    const stream = this.#stream;
    if (!stream.writableNeedDrain) return Promise.resolve(!this.#closed);
    return new Promise((resolve) => {
      const settle = (drained: boolean): void => {
        clearTimeout(timer);
        stream.off('drain', onDrain).off('close', onClose);
        resolve(drained);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      const timer = setTimeout(() => settle(false), this.#bodyTimeoutMs);
      stream.once('drain', onDrain).once('close', onClose);
    });
  }

  /** Ends it without an answer, as the caller reads none. */
  reset(): void {
    this.#stream.close(NGHTTP2_CANCEL);
  }

  end(): void {
    if (this.#closed || this.status !== undefined) return;
    if (!this.#stream.headersSent) this.#respond();
    this.status = GRPC.OK;
    this.#stream.end();
  }

  /** The only answer. */
  reply(message: Uint8Array): void {
    if (this.#closed || this.status !== undefined) return;
    this.#respond();
    this.status = GRPC.OK;
    this.#stream.end(framed(message));
  }

  fail(code: GrpcCode, message: string): void {
    if (this.#closed || this.status !== undefined) return;
    this.status = code;
    const status = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
    if (this.#stream.headersSent) {
      this.#trailers = status;
      this.#stream.end();
    } else {
      this.#stream.respond({ ...HEADERS, ...status }, { endStream: true });
      this.#leaveRest();
    }
  }

  /** Answers a call whose message could not be read. */
  failRead(fault: MessageFault): void {
    const [code, message] = READ_FAULTS[fault];
    this.fail(code, message);
  }

  #enter(budget: ByteBudget): boolean {
    this.#budget = budget;
    return this.#reserve(CALL_BYTES);
  }

  readonly #reserve = (bytes: number): boolean => {
    if (this.#budget?.reserve(bytes) !== true) return false;
    this.#reservedBytes += bytes;
    return true;
  };

  #leave(reader: MessageReader): void {
    reader.release();
    this.#budget?.release(this.#reservedBytes - CALL_BYTES);
    this.#reservedBytes = CALL_BYTES;
  }

  #trailers: Record<string, string> = { 'grpc-status': String(GRPC.OK) };

  #respond(): void {
    this.#stream.respond(HEADERS, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (this.#closed) return;
      this.#stream.sendTrailers(this.#trailers);
      this.#leaveRest();
    });
  }

  /** The answer was sent before the request was complete: the caller need not send the rest. */
  #leaveRest(): void {
    if (this.#stream.readableEnded) return;
    this.#stream.resume();
    setImmediate(() => this.#stream.close(NGHTTP2_NO_ERROR));
  }
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

const READ_FAULTS: Record<MessageFault, readonly [GrpcCode, string]> = {
  too_large: [GRPC.RESOURCE_EXHAUSTED, 'the message is too large'],
  over_budget: [GRPC.RESOURCE_EXHAUSTED, 'too many bytes are in flight'],
  timeout: [GRPC.DEADLINE_EXCEEDED, 'the message did not arrive in time'],
  aborted: [GRPC.CANCELLED, 'the call was cancelled'],
  compressed: [GRPC.UNIMPLEMENTED, 'compressed messages are not taken'],
  malformed: [GRPC.INTERNAL, 'expected one whole message'],
};
