/** The client's side of one request, as the doors see it: node:http's, or the lane's. */
import type { MessageHeaders } from '../../base/http1/headers.js';
import type { BodyStream } from '../../upstream/call.js';
import type { BodySink, BodySource } from '../body.js';

export interface Caller extends BodySource {
  readonly method: string;
  /** A path with its query, whatever form the request's target came in. */
  readonly url: string;
  /** Names and values in turn, as they came. Content-Length may be left out. */
  readonly rawHeaders: readonly string[];
  /** The names of `rawHeaders` in lower case. */
  readonly lowerNames: readonly string[];
  /** By a name in lower case, other than Content-Length. */
  header(name: string): string | undefined;
  /** Bytes of the body, if the client says so. */
  readonly contentLength: number | undefined;
  readonly remoteAddress: string;
  /** What of the headers goes to the upstream: kept here, since some callers have a head that repeats. */
  forwarded: MessageHeaders | undefined;

  /** Tells a client that waits for `100 Continue` to send its body. */
  continue(): void;
  /** The body, from its beginning. Called once at most, and not beside `bodyStream`. */
  readBody(sink: BodySink): void;
  /** The body as it comes, or null where there is none. A client that stays silent for longer is cut off. */
  bodyStream(longestSilenceMs: number): BodyStream | null;

  /** The answer has begun. */
  readonly answering: boolean;
  writeHead(status: number, statusText: string, headers: MessageHeaders): void;
  /** False: write on when `onDrain` is called. */
  write(chunk: Buffer): boolean;
  onDrain: (() => void) | undefined;
  /** The answer is whole. What is left of the body is thrown away. */
  end(chunk?: Buffer): void;
  /** Cuts the connection. */
  destroy(): void;
  /** Called if the client goes away before it has its whole answer. */
  onGone: (() => void) | undefined;
}

/**
 * A body that nobody uses is read to its end up to this size and time: cutting the connection at once could destroy
 * the answer on its way.
 */
export const DISCARD_MAX_BYTES = 256 * 1024;
export const DISCARD_MAX_MS = 5000;

/** Cuts a client off that stops in the middle of a body. Ends when what it returns is called. */
export function cutWhenSilent(
  socket: { readonly bytesRead: number },
  timeoutMs: number,
  cut: () => void,
): () => void {
  let seen = -1;
  const timer = setInterval(() => {
    if (socket.bytesRead === seen) cut();
    seen = socket.bytesRead;
  }, timeoutMs);
  return () => clearInterval(timer);
}

/** The sink, and something to be done once nothing more comes. */
export function withEnd(sink: BodySink, done: () => void): BodySink {
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
