/**
 * One connection to the upstream: a request is written, whole or as it comes, and its answer read straight from the socket;
 * then the next. What is not clear about an answer breaks it, and ends the connection.
 */
import type { Socket } from 'node:net';
import { ChunkedBody } from '../base/http1/chunked.js';
import { endOfHead, MAX_HEAD_BYTES, parseResponseHead } from '../base/http1/heads.js';
import { ownBytes } from '../base/shared-reads.js';
import { type AnswerHead, IDLE_MS, understood } from './answer-head.js';
import type { AddressFailure, BodyStream, Call, CallOwner, StreamSink } from './call.js';

export interface KnownHead {
  readonly bytes: Buffer;
  readonly head: AnswerHead;
}

/** What a connection has of its pool. */
export interface ConnectionHost {
  readonly options: {
    readonly authority: string;
    readonly tls: object | undefined;
    readonly connectTimeoutMs: number;
    readonly maxConnectionAgeMs: number;
    readonly now: () => number;
  };
  lastHead: KnownHead | undefined;
  /** `onBytes` gets what comes, and may use it until it returns. */
  openSocket(onBytes: (bytes: Buffer) => void): Socket;
  release(connection: Connection, nowMs: number): void;
  closed(connection: Connection): void;
  ended(call: Call): void;
}

/** `head`: no answer has begun. */
type Reading = 'head' | AnswerHead['framing'];

export class Connection implements CallOwner {
  freshUntilMs = 0;
  /** Then it gets no other call. */
  readonly agedAtMs: number;
  readonly #pool: ConnectionHost;
  readonly #socket: Socket;
  #connected = false;
  #error: Error | undefined;
  #call: Call | undefined;
  /** A body that is still on its way to the upstream. */
  #sending: BodyStream | undefined;
  #reading: Reading = 'head';
  /** A head that has not come whole yet. */
  #partial: Buffer | undefined;
  #bodyLeft = 0;
  #chunks: ChunkedBody | undefined;
  #keepAliveMs = 0;

  /** Opens it, for this call. */
  constructor(pool: ConnectionHost, call: Call) {
    this.#pool = pool;
    this.#call = call;
    call.owner = this;
    this.agedAtMs = agedAt(pool.options);
    this.#socket = pool.openSocket(this.#onData);
    this.#socket.setTimeout(pool.options.connectTimeoutMs);
    this.#socket.on(pool.options.tls === undefined ? 'connect' : 'secureConnect', () => this.#onConnect());
    this.#socket.on('drain', () => this.#sending?.resume());
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('timeout', () => this.#onTimeout());
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('close', () => this.#onClose());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** To be called on one that has no call. */
  run(call: Call): void {
    this.#call = call;
    call.owner = this;
    this.#write(call);
  }

  drop(call: Call): void {
    this.#call = undefined;
    this.#sending = undefined;
    this.#pool.ended(call);
    // One that is not made yet serves another call.
    if (this.#connected) this.destroy();
  }

  sweep(nowMs: number): void {
    const call = this.#call;
    if (call === undefined) {
      if (this.#connected && this.freshUntilMs <= nowMs) this.destroy();
    } else if (this.#reading === 'head' && call.answerUntilMs <= nowMs) {
      call.fail('timeout', new Error('the upstream did not answer in time'));
    }
  }

  #onConnect(): void {
    this.#connected = true;
    this.#mayBeSilentFor(0);
    if (this.#call === undefined) this.#rest(IDLE_MS);
    else this.#write(this.#call);
  }

  #write({ request, path }: Call): void {
    this.#reading = 'head';
    const socket = this.#socket;
    const { body } = request;
    const head = `${request.method} ${path} HTTP/1.1\r\nHost: ${this.#pool.options.authority}\r\n${request.headers.text}X-Request-Id: ${request.requestId}\r\n${framingOf(request.method, body)}\r\n`;
    if (body === null) {
      socket.write(head, 'latin1');
    } else if (isStream(body)) {
      socket.write(head, 'latin1');
      this.#sending = body;
      body.start(new Sender(this, socket, body));
    } else {
      writeWhole(socket, head, body, request.headRoom);
    }
  }

  /** The whole body is out. */
  sent(): void {
    this.#sending = undefined;
  }

  /** The rest of the body will not come: half a request is none. */
  aborted(): void {
    this.#call?.abort();
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
        this.#reading === 'head' ? this.#takeHead(call, chunk, at) : this.#takeBody(call, chunk, at);
      if (used < 0) {
        this.#fail('broken', new Error('the upstream does not answer in HTTP/1'));
        return;
      }
      at += used;
    }
    if (this.#call === undefined) this.#reuse();
    else if (this.#reading !== 'head') this.#mayBeSilentFor(this.#call.request.bodyTimeoutMs);
  };

  /** 0: for any time. A socket makes a new timer for each call of setTimeout. */
  #mayBeSilentFor(ms: number): void {
    if (this.#socket.timeout !== ms) this.#socket.setTimeout(ms);
  }

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
    const { request, receiver } = call;
    call.outcomes.answered(answer.status, call);
    if (answer.status === 503 && call.attempt.refused()) {
      // What it says goes to nobody, and nothing else is read from here.
      this.#call = undefined;
      call.over = true;
      this.#pool.ended(call);
      this.destroy();
      return;
    }
    const isHead = request.method === 'HEAD';
    this.#reading = isHead ? 'length' : framing;
    this.#bodyLeft = isHead ? 0 : bodyLength;
    this.#keepAliveMs = keepAliveMs;
    if (this.#reading === 'chunked') this.#chunks = new ChunkedBody();
    receiver.response(answer, this.#socket);
    if (this.#call === call && this.#reading === 'length' && this.#bodyLeft === 0) this.#complete(call);
  }

  #takeBody(call: Call, chunk: Buffer, at: number): number {
    const { receiver } = call;
    if (this.#reading === 'chunked') {
      const chunks = this.#chunks as ChunkedBody;
      const used = chunks.take(chunk, at, (piece) => {
        if (!call.over) receiver.data(ownBytes(piece));
      });
      if (chunks.done && this.#call === call) this.#complete(call);
      return used;
    }
    const end = this.#reading === 'close' ? chunk.length : Math.min(chunk.length, at + this.#bodyLeft);
    receiver.data(ownBytes(end - at === chunk.length ? chunk : chunk.subarray(at, end)));
    if (this.#reading === 'length' && this.#call === call) {
      this.#bodyLeft -= end - at;
      if (this.#bodyLeft === 0) this.#complete(call);
    }
    return end - at;
  }

  #complete(call: Call): void {
    const sent = this.#sending === undefined && this.#socket.writableLength === 0;
    this.#call = undefined;
    this.#mayBeSilentFor(0);
    // What answers before it has read everything may take what is left for a request.
    if (!sent) this.#keepAliveMs = 0;
    this.#sending = undefined;
    call.over = true;
    this.#pool.ended(call);
    call.receiver.end(sent);
  }

  /** After an answer, with nothing behind it. */
  #reuse(): void {
    if (this.#keepAliveMs <= 0) this.destroy();
    else this.#rest(this.#keepAliveMs);
  }

  #rest(keepAliveMs: number): void {
    const nowMs = this.#pool.options.now();
    this.freshUntilMs = nowMs + keepAliveMs;
    this.#socket.resume();
    this.#pool.release(this, nowMs);
  }

  #fail(failure: AddressFailure, error: Error): void {
    this.#call?.fail(failure, error);
    this.destroy();
  }

  #onEnd(): void {
    if (this.#call !== undefined && this.#reading === 'close') this.#complete(this.#call);
    this.destroy();
  }

  /** No progress, either way: while it connects, or within an answer. Before that the call has its own time. */
  #onTimeout(): void {
    if (!this.#connected) this.#socket.destroy(new Error('no connection in time'));
    else if (this.#call !== undefined && this.#reading !== 'head')
      this.#fail('timeout', new Error('the upstream is silent'));
  }

  #onClose(): void {
    const call = this.#call;
    const error = this.#error ?? new Error('the connection ended');
    if (call !== undefined && !this.#connected) {
      this.#call = undefined;
      this.#pool.ended(call);
      this.#pool.closed(this);
      call.unreachable(error);
      return;
    }
    call?.fail('broken', error);
    this.#pool.closed(this);
  }
}

/** Spread, so that connections that were made at once do not end at once. */
function agedAt({ maxConnectionAgeMs, now }: ConnectionHost['options']): number {
  if (maxConnectionAgeMs === 0) return Number.POSITIVE_INFINITY;
  return now() + maxConnectionAgeMs * (0.9 + 0.2 * Math.random());
}

/** Carries a body to the upstream at the upstream's pace, in the framing that its head has announced. */
class Sender implements StreamSink {
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #body: BodyStream;
  readonly #chunked: boolean;

  constructor(connection: Connection, socket: Socket, body: BodyStream) {
    this.#connection = connection;
    this.#socket = socket;
    this.#body = body;
    this.#chunked = body.contentLength === undefined;
  }

  data(chunk: Buffer): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    socket.cork();
    if (this.#chunked) socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    // The socket may hold it for longer than the source does.
    let more = socket.write(Buffer.from(chunk));
    if (this.#chunked) more = socket.write('\r\n', 'latin1');
    socket.uncork();
    if (!more) this.#body.pause();
    return true;
  }

  end(): void {
    if (this.#chunked && !this.#socket.destroyed) this.#socket.write('0\r\n\r\n', 'latin1');
    this.#connection.sent();
  }

  aborted(): void {
    this.#connection.aborted();
  }
}

function isStream(body: readonly Buffer[] | BodyStream): body is BodyStream {
  return 'start' in body;
}

function framingOf(method: string, body: readonly Buffer[] | BodyStream | null): string {
  if (body === null) return method === 'GET' || method === 'HEAD' ? '' : 'Content-Length: 0\r\n';
  if (!isStream(body)) {
    let length = 0;
    for (const chunk of body) length += chunk.length;
    return `Content-Length: ${length}\r\n`;
  }
  const { contentLength } = body;
  return contentLength === undefined
    ? 'Transfer-Encoding: chunked\r\n'
    : `Content-Length: ${contentLength}\r\n`;
}

function writeWhole(socket: Socket, head: string, body: readonly Buffer[], headRoom: number): void {
  const [first] = body;
  if (first === undefined || head.length > headRoom) {
    socket.cork();
    socket.write(head, 'latin1');
    for (const chunk of body) socket.write(chunk);
    socket.uncork();
    return;
  }
  // The head goes into the room before the first chunk: one piece is written for less than two.
  const begin = Buffer.from(first.buffer, first.byteOffset - head.length, head.length + first.length);
  begin.write(head, 'latin1');
  if (body.length === 1) {
    socket.write(begin);
    return;
  }
  socket.cork();
  socket.write(begin);
  for (let i = 1; i < body.length; i++) socket.write(body[i] as Buffer);
  socket.uncork();
}

function beginsWith(bytes: Buffer, at: number, wanted: Buffer): boolean {
  const end = at + wanted.length;
  return bytes.length >= end && wanted.compare(bytes, at, end) === 0;
}
