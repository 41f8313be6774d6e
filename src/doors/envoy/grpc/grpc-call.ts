/**
 * One gRPC call on an HTTP/2 stream: reads messages within a cap and a time, answers with messages and a status.
 * Whatever the peer does, a call is answered at most once, and nothing is thrown.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type BodyFault, type BodySink, type BodySource, readBody } from '../../body.js';

/** The status codes that are used here. */
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

/** Why there is no message. `malformed`: not one whole message in gRPC's frame. */
export type MessageFault = BodyFault | 'compressed' | 'malformed';

/** Before each message: one byte of flags, four of length. */
const PREFIX_BYTES = 5;
const { NGHTTP2_NO_ERROR } = constants;

export class GrpcCall implements BodySource {
  /** What it was answered with; undefined until then. */
  status: GrpcCode | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #now: () => number;
  /** When the caller no longer waits. */
  readonly #deadlineMs: number;
  readonly #bodyTimeoutMs: number;
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
    const timeoutMs = readTimeoutMs(headers['grpc-timeout']);
    this.#deadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : now() + timeoutMs;
    stream.on('error', () => {});
    stream.once('close', () => {
      this.#closed = true;
      this.#onClose?.(this.status !== undefined && stream.rstCode === NGHTTP2_NO_ERROR);
    });
  }

  /** The caller has given up: nothing that is answered now reaches it. */
  get cancelled(): boolean {
    return this.#closed || this.#stream.aborted || this.#now() > this.#deadlineMs;
  }

  /** Called once, when nothing more will happen: was the answer delivered whole, as far as HTTP/2 tells? */
  onClose(then: (delivered: boolean) => void): void {
    if (this.#closed) then(false);
    else this.#onClose = then;
  }

  /** The one message of the call. What it holds in memory goes through `reserve`; the caller releases it. */
  async read(maxBytes: number, reserve: (bytes: number) => boolean): Promise<Buffer | MessageFault> {
    const timeoutMs = Math.max(0, Math.min(this.#bodyTimeoutMs, this.#deadlineMs - this.#now()));
    const body = await readBody(this, maxBytes + PREFIX_BYTES, timeoutMs, 0, reserve);
    // The stream of a call that was reset may end as if it were whole.
    if (this.#stream.aborted || this.#stream.rstCode !== NGHTTP2_NO_ERROR) return 'aborted';
    if (typeof body === 'string') return body;
    const [first] = body.chunks;
    const bytes =
      body.chunks.length === 1 && first !== undefined ? first : Buffer.concat(body.chunks, body.byteLength);
    return unframed(bytes);
  }

  readBody(sink: BodySink): void {
    const stream = this.#stream;
    const onClose = (): void => {
      stop();
      sink.aborted();
    };
    const onEnd = (): void => {
      stop();
      sink.end();
    };
    const onData = (chunk: Buffer): void => {
      if (!sink.data(chunk)) stop();
    };
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    stream.on('data', onData).once('end', onEnd).once('close', onClose);
  }

  /** All messages of the call, as they come, each within the cap. Ends early when one is at fault. */
  async *messages(maxBytes: number): AsyncGenerator<Buffer> {
    let pending: Buffer = Buffer.alloc(0);
    try {
      for await (const chunk of this.#stream) {
        pending = Buffer.concat([pending, chunk as Buffer]);
        for (let end = endOfFirst(pending); pending.length >= end; end = endOfFirst(pending)) {
          const message = unframed(pending.subarray(0, end));
          if (typeof message === 'string') return this.failRead(message);
          yield message;
          pending = pending.subarray(end);
        }
        if (pending.length > maxBytes + PREFIX_BYTES) return this.failRead('too_large');
      }
    } catch {
      // A reset: whoever called is gone.
      return;
    }
    if (pending.length > 0) this.failRead('malformed');
  }

  /** One message of several; `end` follows. */
  write(message: Uint8Array): void {
    if (this.#closed || this.status !== undefined) return;
    if (!this.#stream.headersSent) this.#respond();
    this.#stream.write(framed(message));
  }

  end(): void {
    if (this.#closed || this.status !== undefined) return;
    if (!this.#stream.headersSent) this.#respond();
    this.status = GRPC.OK;
    this.#stream.end();
  }

  /** The one answer. */
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

  #trailers: Record<string, string> = { 'grpc-status': String(GRPC.OK) };

  #respond(): void {
    this.#stream.respond(HEADERS, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => {
      if (this.#closed) return;
      this.#stream.sendTrailers(this.#trailers);
      this.#leaveRest();
    });
  }

  /** The answer is out before the request was whole: the caller need not send the rest. */
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

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function unframed(bytes: Buffer): Buffer | MessageFault {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES)
    return 'malformed';
  return bytes.readUInt8(0) === 0 ? bytes.subarray(PREFIX_BYTES) : 'compressed';
}

function endOfFirst(bytes: Buffer): number {
  return PREFIX_BYTES + (bytes.length < PREFIX_BYTES ? 0 : bytes.readUInt32BE(1));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** As gRPC writes it: at most eight digits and a unit. What is written otherwise is no timeout. */
function readTimeoutMs(text: string | string[] | undefined): number | undefined {
  if (typeof text !== 'string') return undefined;
  const unit = UNIT_MS[text.slice(-1)];
  const digits = text.slice(0, -1);
  return unit !== undefined && /^\d{1,8}$/.test(digits) ? Number(digits) * unit : undefined;
}
