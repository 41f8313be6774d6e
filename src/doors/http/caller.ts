/** The client's side of one request, as the doors see it: its head, its body as somebody reads it, and the answer. */
import { ChunkedBody } from '../../base/http1/chunked.js';
import type { MessageHeaders } from '../../base/http1/headers.js';
import { type HeadFault, headerOf, type RequestHead } from '../../base/http1/request-head.js';
import type { BodyStream } from '../../upstream/call.js';
import type { AnswerForm } from '../answer-form.js';
import type { BodySink, BodySource } from '../body.js';
import type { ReadAs } from '../read-as.js';
import type { KnownSender } from '../senders.js';

/** What a request has of its connection. */
export interface CallerHost {
  readonly socket: {
    readonly bytesRead: number;
    write(data: Buffer | string, encoding?: BufferEncoding): boolean;
    cork(): void;
    uncork(): void;
  };
  readonly remoteAddress: string;
  readonly draining: boolean;
  pause(): void;
  /** Gives the request what comes of its body. */
  readOn(): void;
  /** The request is done, both ways. */
  done(close: boolean): void;
  refuse(fault: HeadFault): void;
  destroy(): void;
}

/**
 * A body that nobody uses is read to its end up to this size and time: cutting the connection at once could destroy
 * the answer on its way.
 */
export const DISCARD_MAX_BYTES = 256 * 1024;
export const DISCARD_MAX_MS = 5000;

const CHUNK: HeadFault = {
  status: 400,
  why: 'a chunk of the body is not as long as it says, or says no length',
};

export class Caller implements BodySource {
  readonly method: string;
  /** A path with its query, whatever form the request's target came in. */
  readonly url: string;
  /** Names and values in turn, as they came, without Content-Length. */
  readonly rawHeaders: readonly string[];
  /** The names of `rawHeaders` in lower case. */
  readonly lowerNames: readonly string[];
  /** Bytes of the body, if the client says so. */
  readonly contentLength: number | undefined;
  /** In which form the edge's own answers are. */
  answerForm: AnswerForm = 'text';
  /** Write on: the client has taken what was written. */
  onDrain: (() => void) | undefined;
  /** Called if the client goes away before it has its whole answer. */
  onGone: (() => void) | undefined;
  readonly #host: CallerHost;
  readonly #head: RequestHead;
  /** Of a body in chunks. */
  readonly #chunks: ChunkedBody | undefined;
  /** Bytes of the body still to come, where they are known. */
  #bodyLeft: number;
  #bodyDone: boolean;
  #sink: BodySink | undefined;
  #discarded = 0;
  #discardTimer: NodeJS.Timeout | undefined;
  #expectsContinue: boolean;

  /** Status line and headers, until the first bytes of the answer show how it is framed. */
  #answerHead: string | undefined;
  #answering = false;
  #answersInChunks = false;
  /** The answer is a head alone. */
  #bodiless = false;
  /** The answer said that it is the connection's last. */
  #close = false;
  #ended = false;
  #gone = false;

  constructor(host: CallerHost, head: RequestHead, bodyLength: number) {
    this.#host = host;
    this.#head = head;
    this.#chunks = head.chunked ? new ChunkedBody() : undefined;
    this.#bodyLeft = bodyLength;
    this.#bodyDone = bodyLength === 0 && !head.chunked;
    this.#expectsContinue = head.expectsContinue;
    this.contentLength = head.contentLength === undefined ? undefined : bodyLength;
    this.method = head.method;
    this.url = head.url;
    this.rawHeaders = head.rawHeaders;
    this.lowerNames = head.lowerNames;
  }

  get remoteAddress(): string {
    return this.#host.remoteAddress;
  }

  /** By a name in lower case, other than Content-Length. */
  header(name: string): string | undefined {
    return headerOf(this.#head, name);
  }

  /** What of the headers goes to the upstream: kept with the head, which mostly repeats. */
  get forwarded(): MessageHeaders | undefined {
    return this.#head.forwarded;
  }

  set forwarded(headers: MessageHeaders) {
    this.#head.forwarded = headers;
  }

  /** Kept with the head, too. */
  get sender(): KnownSender | undefined {
    return this.#head.sender as KnownSender | undefined;
  }

  set sender(known: KnownSender | undefined) {
    this.#head.sender = known;
  }

  /** Kept with the head, too. */
  get readAs(): ReadAs | undefined {
    return this.#head.readAs as ReadAs | undefined;
  }

  set readAs(how: ReadAs) {
    this.#head.readAs = how;
  }

  /** The answer has begun. */
  get answering(): boolean {
    return this.#answering;
  }

  /** The client went away before it had its whole answer. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Tells a client that waits for `100 Continue` to send its body. */
  continue(): void {
    if (this.#expectsContinue && !this.#bodyDone) {
      this.#host.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
    this.#expectsContinue = false;
  }

  /** Somebody reads the body, or it is thrown away. */
  get wantsBody(): boolean {
    return !this.#bodyDone && (this.#sink !== undefined || this.#ended);
  }

  /** Takes what is this request's of bytes that are gone when this returns, and answers how many that are. */
  take(bytes: Buffer): number {
    if (this.#chunks !== undefined) return this.#takeChunks(this.#chunks, bytes);
    const length = Math.min(bytes.length, this.#bodyLeft);
    this.#bodyLeft -= length;
    this.#give(length === bytes.length ? bytes : bytes.subarray(0, length));
    if (this.#bodyLeft === 0) this.#endBody();
    return length;
  }

  /** The body, from its beginning. Called once at most, and not beside `bodyStream`. */
  readBody(sink: BodySink): void {
    if (this.#bodyDone) {
      sink.end();
      return;
    }
    if (this.#gone) {
      sink.aborted();
      return;
    }
    this.#sink = sink;
    this.#host.readOn();
  }

  /** The body as it comes, or null where there is none. A client that stays silent for longer is cut off. */
  bodyStream(longestSilenceMs: number): BodyStream | null {
    if (this.#bodyDone) return null;
    const host = this.#host;
    return {
      contentLength: this.contentLength,
      start: (sink) => {
        const stop = cutWhenSilent(host.socket, longestSilenceMs, () => host.destroy());
        this.readBody(withEnd(sink, stop));
      },
      pause: () => host.pause(),
      resume: () => host.readOn(),
    };
  }

  writeHead(status: number, statusText: string, headers: MessageHeaders): void {
    this.#answering = true;
    let head = `HTTP/1.1 ${status} ${statusText}\r\n${headers.text}`;
    if (!headers.has('date')) head += dateLine();
    // Who was never told to send its body may send another request in its place.
    this.#close = this.#host.draining || this.#head.close || (this.#expectsContinue && !this.#bodyDone);
    if (this.#close) head += 'Connection: close\r\n';
    this.#bodiless = status === 204 || status === 304 || this.method === 'HEAD';
    this.#answersInChunks = !this.#bodiless && !this.#head.old && !headers.has('content-length');
    this.#answerHead = head;
  }

  /** False: write on when `onDrain` is called. */
  write(chunk: Buffer): boolean {
    const { socket } = this.#host;
    if (chunk.length === 0 || this.#bodiless || this.#gone) return true;
    const head = this.#takeHead(this.#answersInChunks ? 'Transfer-Encoding: chunked\r\n\r\n' : '\r\n');
    socket.cork();
    if (this.#answersInChunks) socket.write(`${head}${chunk.length.toString(16)}\r\n`, 'latin1');
    else if (head !== '') socket.write(head, 'latin1');
    let more = socket.write(chunk);
    if (this.#answersInChunks) more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  /** The answer is whole. What is left of the body is thrown away. */
  end(chunk?: Buffer): void {
    if (this.#gone) return;
    const { socket } = this.#host;
    if (this.#answerHead !== undefined) {
      // Nothing is out yet: one small write, with the length known after all.
      const body = chunk === undefined || this.#bodiless ? '' : chunk.toString('latin1');
      const framing = this.#answersInChunks ? `Content-Length: ${body.length}\r\n\r\n` : '\r\n';
      socket.write(this.#takeHead(framing) + body, 'latin1');
    } else {
      if (chunk !== undefined) this.write(chunk);
      if (this.#answersInChunks) socket.write('0\r\n\r\n', 'latin1');
    }
    this.#finish();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#host.destroy();
  }

  /** The connection is closed. */
  gone(): void {
    this.#gone = true;
    clearTimeout(this.#discardTimer);
    if (this.#ended) return;
    if (!this.#bodyDone) this.#sink?.aborted();
    this.onGone?.();
  }

  #takeChunks(chunks: ChunkedBody, bytes: Buffer): number {
    const used = chunks.take(bytes, 0, this.#give);
    if (used < 0) {
      this.#break();
      return bytes.length;
    }
    if (chunks.done) this.#endBody();
    return used;
  }

  readonly #give = (part: Buffer): void => {
    if (this.#ended) {
      this.#discard(part.length);
    } else if (this.#sink?.data(part) === false) {
      this.#sink = NO_SINK;
      this.#host.pause();
    }
  };

  /** Nobody can tell where the body ends, nor what comes behind it. */
  #break(): void {
    if (this.#answering) {
      this.#host.destroy();
      return;
    }
    this.gone();
    this.#host.refuse(CHUNK);
  }

  #endBody(): void {
    this.#bodyDone = true;
    if (!this.#ended) {
      this.#sink?.end();
      return;
    }
    clearTimeout(this.#discardTimer);
    this.#host.done(this.#close);
  }

  #takeHead(framing: string): string {
    if (this.#answerHead === undefined) return '';
    const head = this.#answerHead + framing;
    this.#answerHead = undefined;
    return head;
  }

  #finish(): void {
    this.#ended = true;
    if (this.#bodyDone) {
      this.#host.done(this.#close);
      return;
    }
    this.#discardTimer = setTimeout(() => this.destroy(), DISCARD_MAX_MS);
    this.#host.readOn();
  }

  #discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > DISCARD_MAX_BYTES) this.destroy();
  }
}

const NO_SINK: BodySink = { data: () => true, end() {}, aborted() {} };

/** A body that comes by fewer bytes in the longest silence would hold its connection to Mimir for ever. */
const SLOWEST_BYTES = 1024;

/** Cuts a client off that stops in the middle of a body, or nearly. Ends when what it returns is called. */
function cutWhenSilent(
  socket: { readonly bytesRead: number },
  timeoutMs: number,
  cut: () => void,
): () => void {
  let seen = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    if (socket.bytesRead - seen < SLOWEST_BYTES) cut();
    seen = socket.bytesRead;
  }, timeoutMs);
  return () => clearInterval(timer);
}

/** The sink, and something to be done once nothing more comes. */
function withEnd(sink: BodySink, done: () => void): BodySink {
  return {
    data: (chunk) => {
      const more = sink.data(chunk);
      if (!more) done();
      return more;
    },
    end() {
      done();
      sink.end();
    },
    aborted() {
      done();
      sink.aborted();
    },
  };
}

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
