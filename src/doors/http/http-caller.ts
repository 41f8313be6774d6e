/** A request that node:http reads: any that the lane leaves to it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MessageHeaders } from '../../base/http1/headers.js';
import type { BodyStream } from '../../upstream/call.js';
import type { BodySink } from '../body.js';
import { type Caller, cutWhenSilent, DISCARD_MAX_BYTES, DISCARD_MAX_MS, withEnd } from './caller.js';

export class HttpCaller implements Caller {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly contentLength: number | undefined;
  readonly remoteAddress: string;
  forwarded: MessageHeaders | undefined;
  onDrain: (() => void) | undefined;
  onGone: (() => void) | undefined;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  #expectsContinue: boolean;

  /** `url` is the target of the request in origin form. */
  constructor(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean, url: string) {
    this.#req = req;
    this.#res = res;
    this.#expectsContinue = expectsContinue;
    this.method = req.method ?? 'GET';
    this.url = url;
    this.rawHeaders = req.rawHeaders;
    const contentLength = req.headers['content-length'];
    this.contentLength = contentLength === undefined ? undefined : Number(contentLength);
    this.remoteAddress = req.socket.remoteAddress ?? '';
    req.on('error', () => {});
    res.on('drain', () => this.onDrain?.());
    res.once('close', () => {
      if (!res.writableFinished) this.onGone?.();
    });
  }

  continue(): void {
    if (this.#expectsContinue) this.#res.writeContinue();
    this.#expectsContinue = false;
  }

  readBody(sink: BodySink): void {
    const req = this.#req;
    const onData = (chunk: Buffer): void => {
      if (sink.data(chunk)) return;
      stop();
      req.pause();
    };
    const onEnd = (): void => {
      stop();
      sink.end();
    };
    const onClose = (): void => {
      stop();
      sink.aborted();
    };
    const stop = (): void => {
      req.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    req.on('data', onData).on('end', onEnd).on('close', onClose);
  }

  bodyStream(longestSilenceMs: number): BodyStream | null {
    if (this.header('transfer-encoding') === undefined && !this.contentLength) return null;
    const req = this.#req;
    return {
      contentLength: this.contentLength,
      start: (sink) => {
        const stop = cutWhenSilent(req.socket, longestSilenceMs, () => req.destroy());
        this.readBody(withEnd(sink, stop));
      },
      pause: () => void req.pause(),
      resume: () => void req.resume(),
    };
  }

  get lowerNames(): readonly string[] {
    return this.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  }

  /** What came several times is joined: node:http's own `headers` leave all but the first of some names away. */
  header(name: string): string | undefined {
    return this.#req.headersDistinct[name]?.join(', ');
  }

  get answering(): boolean {
    return this.#res.headersSent;
  }

  writeHead(status: number, statusText: string, headers: MessageHeaders): void {
    this.#res.writeHead(status, statusText, headers.list as string[]);
  }

  write(chunk: Buffer): boolean {
    return this.#res.write(chunk);
  }

  end(chunk?: Buffer): void {
    this.#res.end(chunk);
    if (!this.#req.complete) this.#discardBody();
  }

  destroy(): void {
    this.#res.destroy();
  }

  #discardBody(): void {
    const req = this.#req;
    let discarded = 0;
    const cut = (): void => {
      req.socket.destroy();
    };
    const timer = setTimeout(cut, DISCARD_MAX_MS);
    const done = (): void => clearTimeout(timer);
    req.on('data', (chunk: Buffer) => {
      discarded += chunk.length;
      if (discarded > DISCARD_MAX_BYTES) cut();
    });
    req.once('end', done).once('close', done).resume();
  }
}
