/**
 * Connections from senders, and the requests on each, one after the other. A client gets its next request served once it has
 * taken its last answer; what it has sent before that counts against the byte budget. One that takes nothing, or does not
 * finish a head, is cut off after its time.
 */
import type { Socket } from 'node:net';
import type { HeadFault } from '../../base/http1/request-head.js';
import { ownBytes, readShared } from '../../base/shared-reads.js';
import type { Holder, SharedBudget } from '../shared-budget.js';
import { Caller, type CallerHost, DISCARD_MAX_BYTES, DISCARD_MAX_MS } from './caller.js';
import { HeadReader } from './head-reader.js';
import { unreadable } from './respond.js';

export interface ConnectionsOptions {
  readonly maxConnections: number;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Longest time in which a client takes nothing of what is written to it. */
  readonly writeTimeoutMs: number;
  readonly budget: SharedBudget;
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
  /** Serves one request; the caller's `end` or `destroy` ends it. */
  readonly serve: (caller: Caller) => void;
}

/** How often deadlines are looked at, at most; also how late they may be met. */
const SWEEP_MS = 1000;

/** A client that has sent so much ahead is not read any more. One that has sent less is seen when it leaves. */
export const MAX_AHEAD_BYTES = 16 * 1024;

const HEAD_TOO_LATE: HeadFault = { status: 408, why: 'the head of the request did not come in time' };

export class ClientConnections {
  readonly options: ConnectionsOptions;
  readonly #connections = new Set<ClientConnection>();
  #sweeper: NodeJS.Timeout | undefined;
  draining = false;

  constructor(options: ConnectionsOptions) {
    this.options = options;
  }

  take(socket: Socket): void {
    const { headerTimeoutMs, maxConnections, now, writeTimeoutMs } = this.options;
    if (this.#connections.size >= maxConnections) {
      socket.destroy();
      return;
    }
    this.#connections.add(new ClientConnection(this, socket));
    const sweepMs = Math.min(SWEEP_MS, headerTimeoutMs / 4, writeTimeoutMs / 4);
    this.#sweeper ??= setInterval(() => this.sweep(now()), sweepMs).unref();
  }

  forget(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Deadlines, as it is now. */
  sweep(nowMs: number): void {
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  closeIdle(): void {
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  closeAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

class ClientConnection implements CallerHost {
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly #connections: ClientConnections;
  readonly #heads = new HeadReader();
  readonly #holder: Holder;
  #call: Caller | undefined;
  /** What came, and nobody has taken: half a head, a body that is not asked for yet, the next request. */
  #unread: Buffer | undefined;
  /** Bytes of the budget that are held for it. */
  #held = 0;
  #paused = false;
  /** The request under way is taking what was unread. */
  #feeding = false;
  #nextIsDue = false;
  /** A head that has begun is whole by then; 0: none has. */
  #headUntilMs = 0;
  /** Nothing that comes is served any more: it is thrown away. */
  #closing = false;
  /** The last answer is out: the client closes the connection until then. 0: it is not out yet. */
  #closeUntilMs = 0;
  #discarded = 0;
  /** The client takes nothing since then; 0: it does, or there is nothing to take. */
  #stalledSinceMs = 0;
  #takenBytes = 0;
  #queuedBytes = 0;

  constructor(connections: ClientConnections, socket: Socket) {
    this.#connections = connections;
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.#holder = { tenant: undefined, address: this.remoteAddress };
    socket.setTimeout(connections.options.idleTimeoutMs);
    readShared(socket, this.#onData);
    socket.on('end', this.#onEnd).on('drain', this.#onDrain);
    socket.on('timeout', this.#onTimeout).on('close', this.#onClose).on('error', ignore);
  }

  /** What is still to be written goes out first. */
  closeIfIdle(): void {
    if (this.#call === undefined) this.socket.destroySoon();
  }

  get draining(): boolean {
    return this.#connections.draining;
  }

  destroy(): void {
    this.socket.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  /** The request under way takes more of its body. */
  readOn(): void {
    const call = this.#call;
    if (this.#unread !== undefined && call?.wantsBody === true) this.#feed(call);
    if (this.#call === call && this.#unread === undefined) this.#resume();
  }

  /** The request under way is done, both ways. */
  done(close: boolean): void {
    this.#call = undefined;
    if (close) this.#close(undefined);
    else if (!this.#feeding) this.#goOn();
  }

  /** What comes can not be read: the client is told so, unless an answer has begun. */
  refuse(fault: HeadFault): void {
    this.#call = undefined;
    this.#close(unreadable(fault));
  }

  sweep(nowMs: number): void {
    const { options } = this.#connections;
    if (this.#closing && this.socket.writableLength === 0) {
      if (this.#closeUntilMs === 0) this.#closeUntilMs = nowMs + DISCARD_MAX_MS;
      else if (this.#closeUntilMs <= nowMs) this.destroy();
    }
    if (this.#headUntilMs !== 0 && this.#headUntilMs <= nowMs) this.refuse(HEAD_TOO_LATE);
    if (!this.#takesNothing()) this.#stalledSinceMs = 0;
    else if (this.#stalledSinceMs === 0) this.#stalledSinceMs = nowMs;
    else if (nowMs - this.#stalledSinceMs >= options.writeTimeoutMs) this.destroy();
  }

  /** There is something for the client to take, and it took nothing of it since this was asked last. */
  #takesNothing(): boolean {
    const { socket } = this;
    if (socket.writableLength === 0) return false;
    const taken = socket.bytesWritten - socket.writableLength;
    const queued =
      (socket as unknown as { _handle?: { writeQueueSize?: number } })._handle?.writeQueueSize ?? 0;
    const takesNothing = taken === this.#takenBytes && queued >= this.#queuedBytes;
    this.#takenBytes = taken;
    this.#queuedBytes = queued;
    return takesNothing;
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#closing) {
      this.#discarded += bytes.length;
      if (this.#discarded > DISCARD_MAX_BYTES) this.destroy();
      return;
    }
    this.#unread = this.#unread === undefined ? bytes : Buffer.concat([this.#unread, bytes]);
    this.#give();
    if (this.#unread === undefined) this.#hold(0);
    else this.#keep(this.#unread);
  };

  /** What has come goes to whom it is for. */
  #give(): void {
    if (this.#call === undefined) this.#begin();
    else if (this.#call.wantsBody) this.#feed(this.#call);
  }

  #begin(): void {
    const bytes = withoutEmptyLines(this.#unread);
    this.#unread = bytes;
    if (bytes === undefined || this.#mustWait || this.socket.destroyed) return;
    const heads = this.#heads;
    if (!heads.read(bytes)) {
      const { headerTimeoutMs, now } = this.#connections.options;
      if (heads.fault !== undefined) this.refuse(heads.fault);
      else if (this.#headUntilMs === 0) this.#headUntilMs = now() + headerTimeoutMs;
      return;
    }
    this.#headUntilMs = 0;
    const call = new Caller(this, heads.head, heads.bodyLength);
    this.#call = call;
    this.#unread = heads.end < bytes.length ? bytes.subarray(heads.end) : undefined;
    this.#connections.options.serve(call);
  }

  #feed(call: Caller): void {
    const bytes = this.#unread;
    if (bytes === undefined) return;
    this.#unread = undefined;
    this.#feeding = true;
    const used = call.take(bytes);
    this.#feeding = false;
    if (this.#closing) return;
    if (used < bytes.length) this.#unread = bytes.subarray(used);
    if (this.#call === undefined) this.#goOn();
  }

  /** No request is under way. What the client has not taken of its answers comes first, then what it has sent. */
  #goOn(): void {
    if (this.socket.writableNeedDrain) this.pause();
    else if (this.#unread === undefined) this.#resume();
    else this.#serveSoon();
  }

  /** The bytes are the socket's own: they are copied. */
  #keep(bytes: Buffer): void {
    this.#unread = ownBytes(bytes);
    const isAhead = this.#call === undefined ? this.#mustWait : bytes.length > MAX_AHEAD_BYTES;
    if (isAhead) this.pause();
    if (!this.#hold(bytes.length)) this.destroy();
  }

  /** Holds so much of the budget for what is unread; false: there is no room. */
  #hold(bytes: number): boolean {
    const { budget } = this.#connections.options;
    const more = bytes - this.#held;
    if (more > 0 && budget.reserve(this.#holder, more) !== undefined) return false;
    if (more < 0) budget.release(this.#holder, -more);
    this.#held = bytes;
    return true;
  }

  /** Not from within the last request's end: a client that does not wait neither deepens the stack nor keeps others waiting. */
  #serveSoon(): void {
    if (this.#nextIsDue) return;
    this.#nextIsDue = true;
    setImmediate(() => {
      this.#nextIsDue = false;
      this.#next();
    });
  }

  /** Goes on with what is unread, or reads on. */
  #next(): void {
    if (this.#call !== undefined || this.socket.destroyed || this.#mustWait) return;
    if (this.#unread !== undefined) this.#give();
    if (this.#unread === undefined) this.#hold(0);
    if (this.#call === undefined && !this.#mustWait) this.#resume();
  }

  /** Its next request is not served yet: another turn comes first, or the client takes its answers. */
  get #mustWait(): boolean {
    return this.#nextIsDue || this.socket.writableNeedDrain;
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /**
   * Ends the connection with what is written. A client that is still sending would lose its answer to a connection that is
   * closed at once: what it sends is thrown away for a while.
   */
  #close(last: string | undefined): void {
    const isSending = last !== undefined || this.#unread !== undefined;
    this.#unread = undefined;
    this.#hold(0);
    this.#headUntilMs = 0;
    this.#closing = true;
    if (!isSending) {
      this.socket.destroySoon();
      return;
    }
    this.socket.end(last ?? '', 'latin1');
    this.#resume();
  }

  /** Half a connection is none: a client that sends no more wants no answer, but for the last one. */
  readonly #onEnd = (): void => {
    if (this.#closing) this.socket.destroySoon();
    else this.socket.destroy();
  };

  readonly #onDrain = (): void => {
    if (this.#call === undefined) this.#next();
    else this.#call.onDrain?.();
  };

  /** A request under way has timeouts of its own. */
  readonly #onTimeout = (): void => {
    if (this.#call === undefined) this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#connections.forget(this);
    this.#unread = undefined;
    this.#hold(0);
    this.#call?.gone();
  };
}

/** RFC 9112, 2.2: some clients write an empty line behind a body. */
function withoutEmptyLines(bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined || bytes[0] !== CR) return bytes;
  let at = 0;
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at === bytes.length ? undefined : bytes.subarray(at);
}

const CR = 0x0d;
const LF = 0x0a;

function ignore(): void {}
