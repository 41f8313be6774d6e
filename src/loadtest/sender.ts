/** Sends bodies to the target over a pool of connections, and reports how each was answered. */
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import { readRetryAfterMs } from '../base/retry-after.js';
import type { LoadOptions, WireVersion } from './options.js';

export interface Answer {
  /** 0: no answer. */
  readonly status: number;
  /** Why there was none: a code such as ECONNREFUSED. */
  readonly failure: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** When the request was sent, and when it was answered. */
  readonly sentMs: number;
  readonly endedMs: number;
}

export interface Outgoing {
  readonly tenant: string;
  readonly body: Buffer;
  /** The body is sent slowly over this time. 0: at full speed. */
  readonly slowMs: number;
}

type Connecting = Pick<
  LoadOptions,
  'target' | 'connections' | 'timeoutMs' | 'version' | 'gzip' | 'tenantHeader' | 'headers'
>;

const SLOW_PIECES = 20;
/** Slow pushes occupy connections for long, so they have a pool of their own. */
const SLOW_CONNECTIONS = 256;

export class Sender {
  readonly #pool: Pool;
  readonly #slowPool: Pool;
  readonly #path: string;
  readonly #options: Connecting;
  readonly #headers: readonly string[];
  readonly #now: () => number;

  constructor(options: Connecting, now: () => number) {
    const { origin } = new URL(options.target);
    const pool = (connections: number): Pool =>
      new Pool(origin, { connections, pipelining: 1, connect: { timeout: options.timeoutMs } });
    this.#pool = pool(options.connections);
    this.#slowPool = pool(SLOW_CONNECTIONS);
    this.#path = pushPath(options.target, options.version);
    this.#options = options;
    this.#headers = Object.entries(pushHeaders(options)).flat();
    this.#now = now;
  }

  /** `answered` is called once, never before `send` returns. */
  send({ tenant, body: plain, slowMs }: Outgoing, answered: (answer: Answer) => void): void {
    const { tenantHeader, timeoutMs } = this.#options;
    const body = asSent(plain, this.#options);
    const headers = [...this.#headers, tenantHeader, tenant];
    if (slowMs > 0) headers.push('content-length', String(body.length));
    (slowMs > 0 ? this.#slowPool : this.#pool).dispatch(
      {
        method: 'POST',
        path: this.#path,
        headers,
        // undici accepts any iterable of buffers, though its type does not say so.
        body: slowMs > 0 ? (trickle(body, slowMs) as never) : body,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      },
      new Call(this.#now, answered),
    );
  }

  /** Aborts all requests under way. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#slowPool.destroy()]);
  }
}

/** Remote write is compressed already. */
export function asSent(body: Buffer, { gzip }: Pick<LoadOptions, 'gzip'>): Buffer {
  return gzip ? gzipSync(body, { level: 1 }) : body;
}

/** The path of pushes when the target has none. */
export function pushPath(target: string, version: WireVersion): string {
  const { pathname, search } = new URL(target);
  if (pathname !== '/') return pathname + search;
  return version === 'otlp' ? '/otlp/v1/metrics' : '/api/v1/push';
}

export function pushHeaders({
  version,
  gzip,
  headers,
}: Pick<LoadOptions, 'version' | 'gzip' | 'headers'>): Record<string, string> {
  const own = { 'user-agent': 'mimir-edge-loadtest', ...Object.fromEntries(headers) };
  if (version === 'otlp') {
    return { 'content-type': 'application/x-protobuf', ...(gzip && { 'content-encoding': 'gzip' }), ...own };
  }
  return {
    'content-type':
      version === 1
        ? 'application/x-protobuf'
        : 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': version === 1 ? '0.1.0' : '2.0.0',
    ...own,
  };
}

class Call implements Dispatcher.DispatchHandler {
  readonly #now: () => number;
  readonly #answered: (answer: Answer) => void;
  #sentMs: number;
  #status = 0;
  #retryAfterMs: number | undefined;

  constructor(now: () => number, answered: (answer: Answer) => void) {
    this.#now = now;
    this.#answered = answered;
    this.#sentMs = now();
  }

  onRequestStart(): void {
    this.#sentMs = this.#now();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#retryAfterMs = readRetryAfterMs(headers['retry-after'], Date.now());
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#answered({
      status: this.#status,
      failure: undefined,
      retryAfterMs: this.#retryAfterMs,
      sentMs: this.#sentMs,
      endedMs: this.#now(),
    });
  }

  /** A connection that breaks after the headers of a whole answer has still answered. */
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
    this.#answered({
      status: this.#status,
      failure: this.#status === 0 ? code : undefined,
      retryAfterMs: this.#retryAfterMs,
      sentMs: this.#sentMs,
      endedMs: this.#now(),
    });
  }
}

async function* trickle(body: Buffer, slowMs: number): AsyncGenerator<Buffer> {
  const step = Math.ceil(body.length / SLOW_PIECES);
  for (let at = 0; at < body.length; at += step) {
    yield body.subarray(at, at + step);
    await delay(slowMs / SLOW_PIECES);
  }
}
