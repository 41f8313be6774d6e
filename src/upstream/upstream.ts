/**
 * Mimir's distributors: connections to each URL, round robin, and past a URL that refuses them. A request goes out a
 * second time only when no connection could be made, so nothing is ever sent twice.
 */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { downstreamHeaders, type MessageHeaders } from '../base/http1/headers.js';
import { PlainPool } from './plain-pool.js';
import type { UpstreamReceiver } from './receiver.js';

export interface UpstreamOptions {
  readonly urls: readonly string[];
  /** Connections to each URL at most. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** PEM file with the CA of an https upstream; undefined: the system's. */
  readonly caFile: string | undefined;
}

export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  /** Without the next two. */
  readonly headers: MessageHeaders;
  readonly requestId: string;
  /** Of a body that is sent as it comes, if it is known. */
  readonly contentLength: number | undefined;
  /** Whole, or to be sent as it comes, and then once only. */
  readonly body: readonly Buffer[] | Readable | null;
  /** As of `Body`. */
  readonly headRoom: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/** A URL that refused a connection is passed over for this long, as long as another is left. */
const SHUN_MS = 1000;

interface Target {
  readonly basePath: string;
  readonly pool: Pool;
  /** For whole bodies over plain HTTP: far cheaper. */
  readonly plain: PlainPool | undefined;
  shunnedUntilMs: number;
}

export class Upstream {
  readonly #targets: Target[];
  readonly #now: () => number;
  #next = 0;

  constructor(options: UpstreamOptions, now: () => number) {
    this.#now = now;
    const ca = options.caFile === undefined ? undefined : readFileSync(options.caFile);
    this.#targets = options.urls.map((url) => openTarget(url, options, ca, now));
  }

  send(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    this.#attempt(request, receiver, this.#targets.length);
  }

  /** Ends every call that is still out. */
  async destroy(): Promise<void> {
    for (const { plain } of this.#targets) plain?.destroy();
    await Promise.all(this.#targets.map(({ pool }) => pool.destroy()));
  }

  #attempt(request: UpstreamRequest, receiver: UpstreamReceiver, attemptsLeft: number): void {
    const target = this.#pick();
    const { method, body, headRoom, headers, requestId, contentLength, headersTimeoutMs, bodyTimeoutMs } =
      request;
    const path = target.basePath + request.path;
    const onUnreachable = (error: Error): void => {
      target.shunnedUntilMs = this.#now() + SHUN_MS;
      if (attemptsLeft > 1 && canBeSentAgain(request)) this.#attempt(request, receiver, attemptsLeft - 1);
      else receiver.failed('unreachable', error);
    };
    if (target.plain !== undefined && isWhole(body)) {
      target.plain.send(
        { method, path, headers, requestId, body, headRoom, headersTimeoutMs, bodyTimeoutMs },
        receiver,
        onUnreachable,
      );
      return;
    }
    target.pool.dispatch(
      {
        path,
        method: method as Dispatcher.HttpMethod,
        headers: [
          ...headers.list,
          'X-Request-Id',
          requestId,
          ...(contentLength === undefined ? [] : ['Content-Length', String(contentLength)]),
        ],
        body: isWhole(body) ? joined(body) : body,
        headersTimeout: headersTimeoutMs,
        bodyTimeout: bodyTimeoutMs,
      },
      new Call(receiver, onUnreachable),
    );
  }

  #pick(): Target {
    const nowMs = this.#now();
    let picked = this.#rotate();
    for (let i = 1; i < this.#targets.length && picked.shunnedUntilMs > nowMs; i++) picked = this.#rotate();
    return picked;
  }

  #rotate(): Target {
    const target = this.#targets[this.#next % this.#targets.length];
    if (target === undefined) throw new Error('an upstream needs at least one URL');
    this.#next = (this.#next + 1) % this.#targets.length;
    return target;
  }
}

/** One attempt at one URL. */
class Call implements Dispatcher.DispatchHandler {
  readonly #receiver: UpstreamReceiver;
  readonly #onUnreachable: (error: Error) => void;
  #connected = false;
  #aborted = false;

  constructor(receiver: UpstreamReceiver, onUnreachable: (error: Error) => void) {
    this.#receiver = receiver;
    this.#onUnreachable = onUnreachable;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#connected = true;
    this.#receiver.started(() => {
      this.#aborted = true;
      controller.abort(new Error('the client went away'));
    });
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // 1xx answers are for this connection; the final one follows.
    if (status < 200) return;
    const rawHeaders = ((controller.rawHeaders ?? []) as Buffer[]).map((bytes) => bytes.toString('latin1'));
    this.#receiver.response(
      { status, statusText: statusText ?? '', headers: downstreamHeaders(rawHeaders) },
      controller,
    );
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receiver.data(chunk);
  }

  onResponseEnd(): void {
    this.#receiver.end(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#aborted) this.#receiver.failed('aborted', error);
    else if (!this.#connected) this.#onUnreachable(error);
    else this.#receiver.failed(isTimeout(error) ? 'timeout' : 'broken', error);
  }
}

function openTarget(
  url: string,
  options: UpstreamOptions,
  ca: Buffer | undefined,
  now: () => number,
): Target {
  const { origin, pathname, protocol, hostname, port, host } = new URL(url);
  const { connections, connectTimeoutMs } = options;
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs, ...(ca === undefined ? {} : { ca }) },
  });
  const plain =
    protocol === 'http:'
      ? new PlainPool({
          host: hostname.replace(/^\[(.*)\]$/, '$1'),
          port: Number(port || 80),
          authority: host,
          connections,
          connectTimeoutMs,
          now,
        })
      : undefined;
  return { basePath: pathname.replace(/\/$/, ''), pool, plain, shunnedUntilMs: 0 };
}

function isWhole(body: UpstreamRequest['body']): body is readonly Buffer[] {
  return Array.isArray(body);
}

function joined(chunks: readonly Buffer[]): Buffer | null {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function canBeSentAgain({ body }: UpstreamRequest): boolean {
  return body === null || isWhole(body);
}

function isTimeout(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
}
