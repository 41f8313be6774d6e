/**
 * Connections to one http:// upstream for pushes: a whole request is written at once and its answer read straight from
 * the socket. What streams, and https, goes through undici; docs/performance.md has what this saves.
 */
import { connect, type Socket } from 'node:net';
import { ChunkedBody } from '../base/http1/chunked.js';
import { downstreamHeaders, type MessageHeaders } from '../base/http1/headers.js';
import {
  endOfHead,
  MAX_HEAD_BYTES,
  parseLength,
  parseResponseHead,
  type ResponseHead,
} from '../base/http1/heads.js';
import type { Answer, UpstreamReceiver } from './receiver.js';

export interface PlainPoolOptions {
  readonly host: string;
  readonly port: number;
  /** For the Host header. */
  readonly authority: string;
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly now: () => number;
}

export interface PlainRequest {
  readonly method: string;
  readonly path: string;
  /** Without Host and Content-Length, which are the pool's own, and without the request id. */
  readonly headers: MessageHeaders;
  readonly requestId: string;
  readonly body: readonly Buffer[];
  /** As of `Body`. */
  readonly headRoom: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

interface Call {
  readonly request: PlainRequest;
  readonly receiver: UpstreamReceiver;
  /** No connection could be made: nothing was sent. */
  readonly onUnreachable: (error: Error) => void;
}

/** An idle connection is not used for longer than this, unless the upstream says how long it keeps it. */
const IDLE_MS = 4000;
/** Given up so long before the upstream would. */
const IDLE_MARGIN_MS = 1000;
const SWEEP_MS = 1000;

export class PlainPool {
  readonly options: PlainPoolOptions;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #waiting: Call[] = [];
  readonly #sweeper: NodeJS.Timeout;
  /** The last head of an answer: within a second, the next is mostly the same. */
  lastHead: KnownHead | undefined;

  constructor(options: PlainPoolOptions) {
    this.options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  send(request: PlainRequest, receiver: UpstreamReceiver, onUnreachable: (error: Error) => void): void {
    const call = { request, receiver, onUnreachable };
    const connection = this.#takeIdle();
    if (connection !== undefined) connection.run(call);
    else if (this.#open.size < this.options.connections) this.#connect(call);
    else this.#waiting.push(call);
  }

  /** Ends every call that is still out. */
  destroy(): void {
    clearInterval(this.#sweeper);
    for (const connection of this.#open) connection.destroy();
    for (const call of this.#waiting.splice(0)) call.onUnreachable(new Error('the edge is stopping'));
  }

  /** A connection is free again. */
  release(connection: Connection): void {
    const call = this.#waiting.shift();
    if (call === undefined) this.#idle.push(connection);
    else connection.run(call);
  }

  /** A connection is closed. */
  closed(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    const call = this.#waiting.shift();
    if (call !== undefined) this.#connect(call);
  }

  #connect(call: Call): void {
    this.#open.add(new Connection(this, call));
  }

  /** The one used last: those not needed grow old, and go. */
  #takeIdle(): Connection | undefined {
    const nowMs = this.options.now();
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.freshUntilMs > nowMs) return connection;
      connection.destroy();
    }
    return undefined;
  }

  #sweep(): void {
    const nowMs = this.options.now();
    for (const connection of [...this.#idle]) if (connection.freshUntilMs <= nowMs) connection.destroy();
  }
}

/** How the end of an answer's body is known. */
type Framing = 'length' | 'chunked' | 'close';

/** What the head of an answer says. */
interface AnswerHead {
  readonly answer: Answer;
  readonly framing: Framing;
  /** For a framing by length. */
  readonly bodyLength: number;
  /** How long the connection may be used again; 0: not at all. */
  readonly keepAliveMs: number;
}

interface KnownHead {
  readonly bytes: Buffer;
  readonly head: AnswerHead;
}

class Connection {
  freshUntilMs = 0;
  readonly #pool: PlainPool;
  readonly #socket: Socket;
  #connected = false;
  #error: Error | undefined;
  #call: Call | undefined;
  /** `head`: no answer has begun. */
  #framing: Framing | 'head' = 'head';
  /** A head that has not come whole yet. */
  #partial: Buffer | undefined;
  #bodyLeft = 0;
  #chunks: ChunkedBody | undefined;
  #keepAliveMs = 0;

  constructor(pool: PlainPool, call: Call) {
    this.#pool = pool;
    const { host, port, connectTimeoutMs } = pool.options;
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.setTimeout(connectTimeoutMs);
    this.#socket.on('connect', () => {
      this.#connected = true;
      this.run(call);
    });
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('timeout', () => this.#onTimeout());
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('close', () => this.#onClose(call));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  run(call: Call): void {
    const { request, receiver } = call;
    this.#call = call;
    this.#framing = 'head';
    receiver.started(() => this.#fail(call, 'aborted', new Error('the client went away')));
    if (this.#call !== call) return;
    const socket = this.#socket;
    // A socket makes a new timer for each call of setTimeout.
    if (socket.timeout !== request.headersTimeoutMs) socket.setTimeout(request.headersTimeoutMs);
    const head = requestHead(request, this.#pool.options.authority);
    const [chunk] = request.body;
    if (chunk !== undefined && request.body.length === 1 && head.length <= request.headRoom) {
      socket.write(withHead(head, chunk));
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    for (const chunk of request.body) socket.write(chunk);
    socket.uncork();
  }

  readonly #onData = (chunk: Buffer): void => {
    let at = 0;
    while (at < chunk.length) {
      const call = this.#call;
      if (call === undefined) {
        // An answer to nothing: what else comes on this connection can not be trusted.
        this.destroy();
        return;
      }
      const used =
        this.#framing === 'head' ? this.#takeHead(call, chunk, at) : this.#takeBody(call, chunk, at);
      if (used < 0) {
        this.#fail(call, 'broken', new Error('the upstream does not answer in HTTP/1'));
        return;
      }
      at += used;
    }
    if (this.#call === undefined) this.#rest();
  };

  /** Bytes used up, or -1 for what is no answer. */
  #takeHead(call: Call, chunk: Buffer, at: number): number {
    const early = this.#partial;
    const last = this.#pool.lastHead;
    if (early === undefined && last !== undefined && beginsWith(chunk, at, last.bytes)) {
      this.#begin(call, last.head);
      return last.bytes.length;
    }
    const bytes = early === undefined ? chunk : Buffer.concat([early, chunk.subarray(at)]);
    const from = early === undefined ? at : 0;
    const end = endOfHead(bytes, from);
    if (end < 0) {
      if (bytes.length - from > MAX_HEAD_BYTES) return -1;
      this.#partial = Buffer.from(bytes.subarray(from));
      return chunk.length - at;
    }
    this.#partial = undefined;
    const parsed = parseResponseHead(bytes.toString('latin1', from, end));
    if (parsed === undefined || parsed.status === 101) return -1;
    // 1xx answers are for this connection; the final one follows.
    if (parsed.status >= 200) {
      const head = understood(parsed);
      if (head === undefined) return -1;
      this.#pool.lastHead = { bytes: Buffer.from(bytes.subarray(from, end)), head };
      this.#begin(call, head);
    }
    return end - from - (early?.length ?? 0);
  }

  #begin(call: Call, { answer, framing, bodyLength, keepAliveMs }: AnswerHead): void {
    this.#framing = framing;
    this.#bodyLeft = bodyLength;
    this.#keepAliveMs = keepAliveMs;
    if (framing === 'chunked') this.#chunks = new ChunkedBody();
    const { request, receiver } = call;
    if (this.#socket.timeout !== request.bodyTimeoutMs) this.#socket.setTimeout(request.bodyTimeoutMs);
    receiver.response(answer, this.#socket);
    if (this.#call === call && framing === 'length' && bodyLength === 0) this.#complete(call);
  }

  #takeBody(call: Call, chunk: Buffer, at: number): number {
    const { receiver } = call;
    if (this.#framing === 'chunked') {
      const chunks = this.#chunks as ChunkedBody;
      const used = chunks.take(chunk, at, (piece) => receiver.data(piece));
      if (chunks.done && this.#call === call) this.#complete(call);
      return used;
    }
    const end = this.#framing === 'close' ? chunk.length : Math.min(chunk.length, at + this.#bodyLeft);
    receiver.data(end - at === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.#framing === 'length' && this.#call === call) {
      this.#bodyLeft -= end - at;
      if (this.#bodyLeft === 0) this.#complete(call);
    }
    return end - at;
  }

  #complete(call: Call): void {
    this.#call = undefined;
    call.receiver.end(this.#socket.writableLength === 0);
  }

  /** After an answer, with nothing behind it: free for the next call. */
  #rest(): void {
    // An upstream that answers before it has read everything may take what is left for a request.
    if (this.#keepAliveMs <= 0 || this.#socket.writableLength > 0) {
      this.destroy();
      return;
    }
    this.freshUntilMs = this.#pool.options.now() + this.#keepAliveMs;
    this.#socket.resume();
    this.#pool.release(this);
  }

  #fail(call: Call, failure: 'aborted' | 'timeout' | 'broken', error: Error): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    this.destroy();
    call.receiver.failed(failure, error);
  }

  #onEnd(): void {
    if (this.#call !== undefined && this.#framing === 'close') this.#complete(this.#call);
    this.destroy();
  }

  #onTimeout(): void {
    if (this.#call !== undefined) this.#fail(this.#call, 'timeout', new Error('the upstream is silent'));
    else this.#socket.destroy(this.#connected ? undefined : new Error('no connection in time'));
  }

  #onClose(firstCall: Call): void {
    this.#pool.closed(this);
    const error = this.#error ?? new Error('the connection ended');
    if (!this.#connected) firstCall.onUnreachable(error);
    else if (this.#call !== undefined) this.#fail(this.#call, 'broken', error);
  }
}

function requestHead({ method, path, headers, requestId, body }: PlainRequest, authority: string): string {
  let length = 0;
  for (const chunk of body) length += chunk.length;
  return `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${headers.text}X-Request-Id: ${requestId}\r\nContent-Length: ${length}\r\n\r\n`;
}

/** The head goes into the room before the chunk: one piece is written for less than two. */
function withHead(head: string, chunk: Buffer): Buffer {
  const whole = Buffer.from(chunk.buffer, chunk.byteOffset - head.length, head.length + chunk.length);
  whole.write(head, 'latin1');
  return whole;
}

function beginsWith(bytes: Buffer, at: number, wanted: Buffer): boolean {
  const end = at + wanted.length;
  return bytes.length >= end && wanted.compare(bytes, at, end) === 0;
}

/** Undefined: nobody could tell where the answer ends. */
function understood({ status, statusText, rawHeaders, persistent }: ResponseHead): AnswerHead | undefined {
  const bodiless = status === 204 || status === 304;
  let framing: Framing = bodiless ? 'length' : 'close';
  let bodyLength = 0;
  let keepAliveMs = persistent ? IDLE_MS : 0;
  let lengths = 0;
  let encodings = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1] as string;
    switch ((rawHeaders[i] as string).toLowerCase()) {
      case 'content-length':
        lengths++;
        if (bodiless) break;
        bodyLength = parseLength(value);
        framing = 'length';
        break;
      case 'transfer-encoding':
        encodings++;
        if (value.toLowerCase() !== 'chunked') return undefined;
        framing = 'chunked';
        break;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') keepAliveMs = 0;
        break;
      case 'keep-alive':
        keepAliveMs = Math.min(keepAliveMs, keepAliveOf(value));
        break;
    }
  }
  if (lengths + encodings > 1 || Number.isNaN(bodyLength)) return undefined;
  return {
    answer: { status, statusText, headers: downstreamHeaders(rawHeaders) },
    framing,
    bodyLength,
    keepAliveMs,
  };
}

/** How long the upstream keeps an idle connection, less a margin: `timeout=5, max=100`. */
function keepAliveOf(value: string): number {
  const [, seconds] = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(value) ?? [];
  return seconds === undefined ? IDLE_MS : Number(seconds) * 1000 - IDLE_MARGIN_MS;
}
