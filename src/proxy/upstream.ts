/**
 * Mimir's distributors: one connection pool a URL, round robin, and past a URL that refuses connections. A request
 * goes out a second time only when no connection could be made, so nothing is ever sent twice.
 */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';

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
  readonly headers: string[];
  /** Chunks are sent as they are. A stream can be sent once only. */
  readonly body: readonly Buffer[] | Readable | null;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/** Calls come in this order: `response`, `data` many times, then `end`; or `failed` in place of what is left. */
export interface UpstreamReceiver {
  /** Called once, before anything else: how to end the call early. */
  started(abort: () => void): void;
  response(status: number, statusText: string, rawHeaders: readonly Buffer[], flow: Flow): void;
  data(chunk: Buffer): void;
  end(): void;
  failed(failure: UpstreamFailure, error: Error): void;
}

export interface Flow {
  pause(): void;
  resume(): void;
}

/** `unreachable`: no connection. `timeout`: connected, no answer in time. `broken`: the connection ended early. */
export type UpstreamFailure = 'unreachable' | 'timeout' | 'broken' | 'aborted';

/** A URL that refused a connection is passed over for this long, as long as another is left. */
const SHUN_MS = 1000;

interface Target {
  readonly origin: string;
  readonly basePath: string;
  readonly pool: Pool;
  shunnedUntilMs: number;
}

export class Upstream {
  readonly #targets: Target[];
  readonly #now: () => number;
  #next = 0;

  constructor(options: UpstreamOptions, now: () => number) {
    this.#now = now;
    const ca = options.caFile === undefined ? undefined : readFileSync(options.caFile);
    this.#targets = options.urls.map((url) => openTarget(url, options, ca));
  }

  send(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    this.#attempt(request, receiver, this.#targets.length);
  }

  async close(): Promise<void> {
    await Promise.all(this.#targets.map(({ pool }) => pool.close()));
  }

  /** Ends every call that is still out. */
  async destroy(): Promise<void> {
    await Promise.all(this.#targets.map(({ pool }) => pool.destroy()));
  }

  #attempt(request: UpstreamRequest, receiver: UpstreamReceiver, attemptsLeft: number): void {
    const target = this.#pick();
    const call = new Call(receiver, (error) => {
      target.shunnedUntilMs = this.#now() + SHUN_MS;
      if (attemptsLeft > 1 && canBeSentAgain(request)) this.#attempt(request, receiver, attemptsLeft - 1);
      else receiver.failed('unreachable', error);
    });
    target.pool.dispatch(
      {
        path: target.basePath + request.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: bodyForUndici(request.body),
        headersTimeout: request.headersTimeoutMs,
        bodyTimeout: request.bodyTimeoutMs,
      },
      call,
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
    this.#receiver.response(status, statusText ?? '', (controller.rawHeaders ?? []) as Buffer[], controller);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receiver.data(chunk);
  }

  onResponseEnd(): void {
    this.#receiver.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#aborted) this.#receiver.failed('aborted', error);
    else if (!this.#connected) this.#onUnreachable(error);
    else this.#receiver.failed(isTimeout(error) ? 'timeout' : 'broken', error);
  }
}

function openTarget(url: string, options: UpstreamOptions, ca: Buffer | undefined): Target {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, {
    connections: options.connections,
    pipelining: 1,
    connect: { timeout: options.connectTimeoutMs, ...(ca === undefined ? {} : { ca }) },
  });
  return { origin, basePath: pathname.replace(/\/$/, ''), pool, shunnedUntilMs: 0 };
}

/** undici writes one buffer at once, and any iterable of buffers without joining them; its type leaves iterables out. */
function bodyForUndici(body: UpstreamRequest['body']): Buffer | Readable | null {
  if (Array.isArray(body) && body.length <= 1) return body[0] ?? null;
  return body as Readable | null;
}

function canBeSentAgain(request: UpstreamRequest): boolean {
  return request.body === null || Array.isArray(request.body);
}

function isTimeout(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
}
