/**
 * The inline proxy's HTTP server: which requests are pushes, and how it starts and stops. A stop lets every
 * request end: connections are told to close with their next answer, and idle ones go last.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { listen } from '../listen.js';
import { passThrough } from './pass-through.js';
import { PushExchange, type PushParts } from './push.js';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Exact paths, without the query, whose POSTs are enforced. */
  readonly pushPaths: ReadonlySet<string>;
  readonly maxConnections: number;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** A socket that is idle when the stop begins may have a request on its way: it is served for this long. */
const IDLE_GRACE_MS = 1000;

export class ProxyServer {
  readonly #parts: PushParts;
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #onBug: (error: unknown) => void;
  #draining = false;
  #active = 0;
  #onIdle: (() => void) | undefined;

  constructor(parts: PushParts, options: ServerOptions, onBug: (error: unknown) => void) {
    this.#parts = parts;
    this.#options = options;
    this.#onBug = onBug;
    this.#server = createServer(
      {
        headersTimeout: options.headerTimeoutMs,
        // Bodies have a time of their own (readBody); a passed-through upload may take as long as it flows.
        requestTimeout: 0,
        keepAliveTimeout: options.idleTimeoutMs,
        connectionsCheckingInterval: Math.min(options.headerTimeoutMs, 5000),
        noDelay: true,
      },
      (req, res) => this.#handle(req, res, false),
    );
    this.#server.on('checkContinue', (req, res) => this.#handle(req, res, true));
    this.#server.maxConnections = options.maxConnections;
  }

  /** Resolves with the address it listens on. */
  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host);
  }

  get activeRequests(): number {
    return this.#active;
  }

  /** From now on every answer ends its connection, so that clients move elsewhere. Requests are still served. */
  drain(): void {
    this.#draining = true;
  }

  /** Stops listening, lets what is under way end, and cuts what is left at the deadline. */
  async stop(timeoutMs: number): Promise<void> {
    this.drain();
    // http's own close() would cut idle connections at once, and with them a push that is on its way.
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    const grace = Math.min(IDLE_GRACE_MS, timeoutMs);
    await delay(grace);
    const deadline = setTimeout(() => this.#server.closeAllConnections(), timeoutMs - grace);
    await this.#idle();
    this.#server.closeIdleConnections();
    await closed;
    clearTimeout(deadline);
  }

  #handle(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    this.#active++;
    if (this.#draining) res.setHeader('Connection', 'close');
    req.on('error', () => {});
    this.#route(req, res, expectsContinue)
      .catch((error: unknown) => this.#failed(res, error))
      .finally(() => this.#ended());
  }

  async #route(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): Promise<void> {
    if (this.#isPush(req)) {
      const outcome = await new PushExchange(this.#parts, req, res).handle(expectsContinue);
      if (outcome === 'answered') return;
    }
    await passThrough(this.#parts, req, res, expectsContinue);
  }

  #isPush(req: IncomingMessage): boolean {
    if (req.method !== 'POST') return false;
    const url = req.url ?? '/';
    const query = url.indexOf('?');
    return this.#options.pushPaths.has(query < 0 ? url : url.slice(0, query));
  }

  /** A bug: the sender keeps its data and comes again. */
  #failed(res: ServerResponse, error: unknown): void {
    this.#onBug(error);
    if (res.headersSent) res.destroy();
    else res.writeHead(503, { 'Retry-After': '1' }).end('internal error (err-edge-internal)\n');
  }

  #ended(): void {
    this.#active--;
    if (this.#active === 0) this.#onIdle?.();
  }

  #idle(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
