/**
 * The inline proxy's HTTP server: which requests are pushes, and how it starts and stops. A stop lets every
 * request end: connections are told to close with their next answer, and idle ones go last.
 */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { listen } from '../../base/listen.js';
import { type WritePathOptions, WritePaths } from '../write-paths.js';
import type { Caller } from './caller.js';
import { ClientConnections } from './client-connections.js';
import { requestIdOf } from './forwarded-headers.js';
import { passThrough } from './pass-through.js';
import { PushExchange, type PushOutcome, type PushParts } from './push-exchange.js';
import { answerBug } from './respond.js';

export interface ServerOptions extends WritePathOptions {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly writeTimeoutMs: number;
}

/** A socket that is idle when the stop begins may have a request on its way: it is served for this long. */
const IDLE_GRACE_MS = 1000;

export class ProxyServer {
  readonly #parts: PushParts;
  readonly #options: ServerOptions;
  readonly #writePaths: WritePaths;
  readonly #server: Server;
  readonly #connections: ClientConnections;
  readonly #onBug: (error: unknown) => void;
  #active = 0;
  #onIdle: (() => void) | undefined;

  constructor(parts: PushParts, options: ServerOptions, onBug: (error: unknown) => void) {
    this.#parts = parts;
    this.#options = options;
    this.#writePaths = new WritePaths(options);
    this.#onBug = onBug;
    this.#connections = new ClientConnections({
      ...options,
      budget: parts.budget,
      now: parts.now,
      serve: (caller) => this.#serve(caller),
    });
    // net's own maxConnections hands what is too much to another worker, and on and on when all are full.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#connections.take(socket),
    );
  }

  /** Resolves with the address it listens on. */
  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host, 'listen.proxy');
  }

  get activeRequests(): number {
    return this.#active;
  }

  /** From now on every answer ends its connection, so that clients move elsewhere. Requests are still served. */
  drain(): void {
    this.#connections.draining = true;
  }

  /** Stops listening, lets what is under way end, and cuts what is left at the deadline. */
  async stop(timeoutMs: number): Promise<void> {
    this.drain();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const grace = Math.min(IDLE_GRACE_MS, timeoutMs);
    await delay(grace);
    const deadline = setTimeout(() => this.#connections.closeAll(), timeoutMs - grace);
    await this.#idle();
    this.#connections.closeIdle();
    await closed;
    clearTimeout(deadline);
  }

  async #serve(caller: Caller): Promise<void> {
    this.#active++;
    const requestId = requestIdOf(caller);
    const route = this.#writePaths.routeOf(caller.method, caller.url);
    const push =
      route === 'other'
        ? undefined
        : new PushExchange(this.#parts, caller, requestId, route, () => this.#ended());
    let outcome: PushOutcome = 'unread';
    try {
      if (push !== undefined) outcome = await push.handle();
      if (outcome === 'unread') await passThrough(this.#parts, caller, requestId);
    } catch (error) {
      outcome = 'answered';
      this.#failed(caller, error);
    }
    if (push === undefined) this.#ended();
    else if (outcome !== 'sent') push.end();
  }

  #failed(caller: Caller, error: unknown): void {
    this.#onBug(error);
    if (caller.answering) caller.destroy();
    else answerBug(caller);
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
