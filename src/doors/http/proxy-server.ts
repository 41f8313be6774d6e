/**
 * The inline proxy's HTTP server: which requests are pushes, and how it starts and stops. A stop lets every
 * request end: connections are told to close with their next answer, and idle ones go last.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { originForm } from '../../base/http1/target.js';
import { listen } from '../../base/listen.js';
import { WritePaths } from '../write-paths.js';
import type { Caller } from './caller.js';
import { requestIdOf } from './forwarded-headers.js';
import { HttpCaller } from './http-caller.js';
import { Lane, takeReader } from './lane.js';
import { passThrough } from './pass-through.js';
import { PushExchange, type PushParts } from './push-exchange.js';
import { answerBug, TARGET_REFUSAL } from './respond.js';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Paths, without the query, whose pushes are enforced, however they are written. */
  readonly pushPaths: readonly string[];
  /** What becomes of writes that can not be judged. */
  readonly unjudgedWrites: 'refuse' | 'pass';
  readonly maxConnections: number;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** A socket that is idle when the stop begins may have a request on its way: it is served for this long. */
const IDLE_GRACE_MS = 1000;

export class ProxyServer {
  readonly #parts: PushParts;
  readonly #options: ServerOptions;
  readonly #writePaths: WritePaths;
  readonly #server: Server;
  readonly #lane: Lane;
  readonly #onBug: (error: unknown) => void;
  #draining = false;
  #active = 0;
  #connections = 0;
  #onIdle: (() => void) | undefined;

  constructor(parts: PushParts, options: ServerOptions, onBug: (error: unknown) => void) {
    this.#parts = parts;
    this.#options = options;
    this.#writePaths = new WritePaths(options.pushPaths, options.unjudgedWrites);
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
      (req, res) => this.#serveHttp(req, res, false),
    );
    this.#server.on('checkContinue', (req, res) => this.#serveHttp(req, res, true));
    this.#server.on('connect', (_req, socket) => refuseTarget(socket));
    this.#lane = this.#openLane();
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
    this.#draining = true;
    this.#lane.draining = true;
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
    const deadline = setTimeout(() => {
      this.#lane.closeAll();
      this.#server.closeAllConnections();
    }, timeoutMs - grace);
    await this.#idle();
    this.#lane.closeIdle();
    this.#server.closeIdleConnections();
    await closed;
    clearTimeout(deadline);
  }

  /** Every connection begins in the lane; those that it hands over go where they would have gone without it. */
  #openLane(): Lane {
    const lane = new Lane({
      idleTimeoutMs: this.#options.idleTimeoutMs,
      serve: (caller) => this.#serve(caller),
      handOver: takeReader(this.#server),
    });
    this.#server.on('connection', (socket: Socket) => {
      // net's own maxConnections hands what is too much to another worker, and on and on when all are full.
      if (this.#connections >= this.#options.maxConnections) {
        socket.destroy();
        return;
      }
      this.#connections++;
      socket.once('close', () => this.#connections--);
      lane.take(socket);
    });
    return lane;
  }

  #serveHttp(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const url = originForm(req.url ?? '');
    if (url === undefined) {
      refuseTarget(req.socket);
      return;
    }
    if (this.#draining) res.setHeader('Connection', 'close');
    this.#serve(new HttpCaller(req, res, expectsContinue, url));
  }

  async #serve(caller: Caller): Promise<void> {
    this.#active++;
    const requestId = requestIdOf(caller);
    const route = this.#writePaths.routeOf(caller.method, caller.url);
    const push = route === 'other' ? undefined : new PushExchange(this.#parts, caller, requestId, route);
    try {
      if (push === undefined || (await push.handle()) === 'unread') {
        await passThrough(this.#parts, caller, requestId);
      }
    } catch (error) {
      this.#failed(caller, error);
    } finally {
      push?.release();
      this.#ended();
    }
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

/** Where it goes is not clear: nothing that comes on this connection is. */
function refuseTarget(socket: Duplex): void {
  socket.end(TARGET_REFUSAL);
}
