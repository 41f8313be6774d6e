/**
 * The short way through HTTP: plain HTTP/1.1 requests, as every remote-write sender, NGINX and Envoy write them, read
 * straight from the socket. The first request on a connection that is not plain (chunked body, Expect, Upgrade, a head
 * in pieces, anything unclear) hands the connection over to node:http, with every byte that came.
 *
 * docs/performance.md has what this saves.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { MessageHeaders } from '../../base/http1/headers.js';
import { headerOf, type RequestHead } from '../../base/http1/heads.js';
import type { BodyStream } from '../../upstream/call.js';
import type { BodySink } from '../body.js';
import { type Caller, cutWhenSilent, DISCARD_MAX_BYTES, DISCARD_MAX_MS, withEnd } from './caller.js';
import { HeadReader } from './head-reader.js';
import { ownBytes, readAlone, readShared } from './shared-reads.js';

export interface LaneOptions {
  readonly idleTimeoutMs: number;
  /** Serves one request; the caller's `end` or `destroy` ends it. */
  readonly serve: (caller: Caller) => void;
  /** Takes over a connection whose next request is not plain. */
  readonly handOver: (socket: Socket) => void;
}

/** Takes from a server how it reads a connection: those that come are nobody's until somebody else takes them. */
export function takeReader(server: Server): (socket: Socket) => void {
  const [read] = server.listeners('connection') as [(socket: Socket) => void];
  server.removeAllListeners('connection');
  return (socket) => read.call(server, socket);
}

export class Lane {
  readonly options: LaneOptions;
  readonly #connections = new Set<LaneConnection>();
  draining = false;

  constructor(options: LaneOptions) {
    this.options = options;
  }

  take(socket: Socket): void {
    const connection = new LaneConnection(this, socket);
    this.#connections.add(connection);
    socket.once('close', () => this.forget(connection));
  }

  forget(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  closeIdle(): void {
    for (const connection of this.#connections) if (connection.idle) connection.destroy();
  }

  closeAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

class LaneConnection {
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly #lane: Lane;
  readonly #heads = new HeadReader();
  #call: LaneCaller | undefined;
  /** Bytes of a request that came before the one under way was done. */
  #early: Buffer | undefined;

  constructor(lane: Lane, socket: Socket) {
    this.#lane = lane;
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.setTimeout(lane.options.idleTimeoutMs);
    readShared(socket, this.#onData);
    socket.on('end', this.#onEnd).on('drain', this.#onDrain);
    socket.on('timeout', this.#onTimeout).on('close', this.#onClose).on('error', ignore);
  }

  get idle(): boolean {
    return this.#call === undefined;
  }

  get draining(): boolean {
    return this.#lane.draining;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Keeps what came after the request under way, and reads no more until that is done. */
  keep(bytes: Buffer): void {
    this.#early = this.#early === undefined ? ownBytes(bytes) : Buffer.concat([this.#early, bytes]);
    this.socket.pause();
  }

  /** Reads on, unless there is something to do first. */
  resume(): void {
    if (this.#early === undefined) this.socket.resume();
  }

  /** The request under way is done, both ways. */
  done(close: boolean): void {
    this.#call = undefined;
    if (close) {
      this.socket.destroySoon();
      return;
    }
    const early = this.#early;
    this.#early = undefined;
    this.socket.resume();
    // Not from within the last request's end: a client that pipelines must not deepen the stack.
    if (early !== undefined) process.nextTick(() => this.#begin(early));
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#call === undefined) this.#begin(bytes);
    else this.#call.arrived(bytes);
  };

  #begin(bytes: Buffer): void {
    if (this.socket.destroyed) return;
    const heads = this.#heads;
    if (!heads.read(bytes)) {
      this.#handOver(bytes);
      return;
    }
    const call = new LaneCaller(this, heads.head, heads.bodyLength);
    this.#call = call;
    if (heads.end < bytes.length) call.lend(bytes.subarray(heads.end));
    this.#lane.options.serve(call);
    call.keepLent();
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this;
    this.#lane.forget(this);
    socket.off('end', this.#onEnd).off('drain', this.#onDrain);
    socket.off('timeout', this.#onTimeout).off('close', this.#onClose).off('error', ignore);
    socket.setTimeout(0);
    readAlone(socket, this.#onData);
    socket.unshift(ownBytes(bytes));
    this.#lane.options.handOver(socket);
  }

  /** Half a connection is none: as for node:http, a client that sends no more wants no answer. */
  readonly #onEnd = (): void => {
    this.socket.destroy();
  };

  readonly #onDrain = (): void => {
    this.#call?.onDrain?.();
  };

  /** A request under way has timeouts of its own. */
  readonly #onTimeout = (): void => {
    if (this.idle) this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#call?.gone();
  };
}

class LaneCaller implements Caller {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly lowerNames: readonly string[];
  readonly contentLength: number | undefined;
  onDrain: (() => void) | undefined;
  onGone: (() => void) | undefined;
  readonly #connection: LaneConnection;
  readonly #head: RequestHead;
  /** Bytes of the body still to come. */
  #bodyLeft: number;
  #sink: BodySink | undefined;
  /** What came of the body before anybody wanted it: still the connection's own, or copied. */
  #lent: Buffer | undefined;
  #waiting: Buffer | undefined;
  #discarded = 0;
  #discardTimer: NodeJS.Timeout | undefined;

  /** Status line and headers, until the first bytes of the answer show how it is framed. */
  #answerHead: string | undefined;
  #answering = false;
  #chunked = false;
  /** The answer said that it is the connection's last. */
  #close = false;
  #ended = false;
  #gone = false;

  constructor(connection: LaneConnection, head: RequestHead, bodyLength: number) {
    this.#connection = connection;
    this.#head = head;
    this.#bodyLeft = bodyLength;
    this.contentLength = head.contentLength === undefined ? undefined : bodyLength;
    this.method = head.method;
    this.url = head.url;
    this.rawHeaders = head.rawHeaders;
    this.lowerNames = head.lowerNames;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  header(name: string): string | undefined {
    return headerOf(this.#head, name);
  }

  get forwarded(): MessageHeaders | undefined {
    return this.#head.forwarded;
  }

  set forwarded(headers: MessageHeaders) {
    this.#head.forwarded = headers;
  }

  get answering(): boolean {
    return this.#answering;
  }

  /** Nobody who expects `100 Continue` is in the lane. */
  continue(): void {}

  /** What came with the head. It need not be copied if somebody reads the body before `keepLent`. */
  lend(bytes: Buffer): void {
    const part = this.#ownPart(bytes);
    if (part.length > 0) this.#lent = part;
  }

  keepLent(): void {
    const lent = this.#lent;
    this.#lent = undefined;
    if (lent !== undefined) this.#hold(lent);
  }

  /** More bytes, gone when this returns. */
  arrived(bytes: Buffer): void {
    const part = this.#ownPart(bytes);
    if (part.length === 0) return;
    if (this.#ended) this.#discard(part.length);
    else if (this.#sink === undefined) this.#hold(part);
    else this.#give(this.#sink, part);
  }

  readBody(sink: BodySink): void {
    if (this.#gone && this.#bodyLeft > 0) {
      sink.aborted();
      return;
    }
    this.#sink = sink;
    const waiting = this.#lent ?? this.#waiting;
    this.#lent = undefined;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#give(sink, waiting);
    else if (this.#bodyLeft === 0) sink.end();
    this.#connection.resume();
  }

  bodyStream(longestSilenceMs: number): BodyStream | null {
    this.keepLent();
    if (this.#bodyLeft === 0 && this.#waiting === undefined) return null;
    const { socket } = this.#connection;
    return {
      contentLength: this.contentLength,
      start: (sink) => {
        const stop = cutWhenSilent(socket, longestSilenceMs, () => socket.destroy());
        this.readBody(withEnd(sink, stop));
      },
      pause: () => socket.pause(),
      resume: () => this.#connection.resume(),
    };
  }

  writeHead(status: number, statusText: string, headers: MessageHeaders): void {
    this.#answering = true;
    let head = `HTTP/1.1 ${status} ${statusText}\r\n${headers.text}`;
    if (!headers.has('date')) head += dateLine();
    this.#close = this.#connection.draining || this.header('connection') === 'close';
    if (this.#close) head += 'Connection: close\r\n';
    this.#chunked = status !== 204 && status !== 304 && !headers.has('content-length');
    this.#answerHead = head;
  }

  write(chunk: Buffer): boolean {
    const { socket } = this.#connection;
    if (chunk.length === 0) return true;
    const head = this.#takeHead(this.#chunked ? 'Transfer-Encoding: chunked\r\n\r\n' : '\r\n');
    socket.cork();
    if (this.#chunked) socket.write(`${head}${chunk.length.toString(16)}\r\n`, 'latin1');
    else if (head !== '') socket.write(head, 'latin1');
    let more = socket.write(chunk);
    if (this.#chunked) more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  end(chunk?: Buffer): void {
    const { socket } = this.#connection;
    if (this.#answerHead !== undefined) {
      // Nothing is out yet: one small write, with the length known after all.
      const length = this.#chunked ? `Content-Length: ${chunk?.length ?? 0}\r\n\r\n` : '\r\n';
      socket.write(this.#takeHead(length) + (chunk === undefined ? '' : chunk.toString('latin1')), 'latin1');
    } else {
      if (chunk !== undefined) this.write(chunk);
      if (this.#chunked) socket.write('0\r\n\r\n', 'latin1');
    }
    this.#finish();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  /** The connection is closed. */
  gone(): void {
    this.#gone = true;
    clearTimeout(this.#discardTimer);
    if (this.#ended) return;
    if (this.#bodyLeft > 0) this.#sink?.aborted();
    this.onGone?.();
  }

  /** This request's body comes first; what is behind it waits. */
  #ownPart(bytes: Buffer): Buffer {
    const length = Math.min(bytes.length, this.#bodyLeft);
    this.#bodyLeft -= length;
    if (length === bytes.length) return bytes;
    this.#connection.keep(bytes.subarray(length));
    return bytes.subarray(0, length);
  }

  #hold(part: Buffer): void {
    this.#waiting = this.#waiting === undefined ? ownBytes(part) : Buffer.concat([this.#waiting, part]);
    this.#connection.socket.pause();
  }

  #give(sink: BodySink, part: Buffer): void {
    if (!sink.data(part)) {
      this.#sink = NO_SINK;
      this.#connection.socket.pause();
    } else if (this.#bodyLeft === 0) {
      sink.end();
    }
  }

  #takeHead(framing: string): string {
    if (this.#answerHead === undefined) return '';
    const head = this.#answerHead + framing;
    this.#answerHead = undefined;
    return head;
  }

  #finish(): void {
    this.#ended = true;
    this.#lent = undefined;
    this.#waiting = undefined;
    if (this.#bodyLeft === 0) {
      this.#connection.done(this.#close);
      return;
    }
    this.#discardTimer = setTimeout(() => this.destroy(), DISCARD_MAX_MS);
    this.#connection.socket.resume();
  }

  #discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > DISCARD_MAX_BYTES) {
      this.destroy();
    } else if (this.#bodyLeft === 0) {
      clearTimeout(this.#discardTimer);
      this.#connection.done(this.#close);
    }
  }
}

const NO_SINK: BodySink = { data: () => true, end() {}, aborted() {} };

function ignore(): void {}

let dateSecond = 0;
let dateText = '';

function dateLine(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `Date: ${new Date().toUTCString()}\r\n`;
  }
  return dateText;
}
