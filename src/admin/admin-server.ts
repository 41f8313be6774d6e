/** The admin listener: metrics and probes for Prometheus and Kubernetes, the JSON API, the status page. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from '../base/listen.js';
import { type Api, PREFIX, sendJson } from './api.js';
import { Assets } from './assets.js';
import { AdminConnections } from './connections.js';
import { checkHost, checkScraper, SECURITY_HEADERS } from './guard.js';
import { Problem } from './problem.js';
import { type MetricsText, Scrapes } from './scrapes.js';

export interface Readiness {
  readonly ready: boolean;
  /** Shown by /readyz, ready or not. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What the listener shows: of this process, or of all workers together. */
interface AdminSource {
  readonly metrics: MetricsText;
  readiness(): Readiness | Promise<Readiness>;
  /** False: it hangs, and nothing but an end will help. */
  healthy(): boolean | Promise<boolean>;
  /** Undefined: there is neither API nor page. */
  readonly api?: Api;
}

interface AdminOptions {
  readonly host: string;
  readonly port: number;
  /** Names that the page and the API are reached under, besides addresses and localhost. */
  readonly names: readonly string[];
  /** A handler threw what it should not have. */
  readonly onBug: (error: unknown) => void;
}

/** A client has so long for a head, and may be silent, or take nothing of its answer, for so long. */
const HEADERS_TIMEOUT_MS = 5000;
const SILENCE_TIMEOUT_MS = 10_000;

export class AdminServer {
  readonly #server: Server;
  readonly #options: AdminOptions;
  readonly #source: AdminSource;
  readonly #assets = new Assets();
  readonly #connections = new AdminConnections();
  readonly #scrapes: Scrapes;

  constructor(options: AdminOptions, source: AdminSource) {
    this.#options = options;
    this.#source = source;
    this.#scrapes = new Scrapes(source.metrics);
    const timeouts = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1000,
    };
    this.#server = createServer(timeouts, (req, res) => {
      this.#handle(req, res).catch((error: unknown) => this.#answerError(req, res, error));
    });
    this.#server.setTimeout(SILENCE_TIMEOUT_MS);
    this.#connections.watch(this.#server);
  }

  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host, 'listen.admin');
  }

  stop(): Promise<void> {
    this.#source.api?.stop();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const [path = '', search = ''] = splitUrl(req.url ?? '');
    if (await this.#probe(req, res, path)) return;
    if (this.#connections.full)
      throw new Problem(503, 'too many requests are under way', { 'Retry-After': '1' });
    if (path === '/metrics') {
      mustRead(req);
      checkScraper(req, this.#options.names);
      await this.#scrapes.answer(req, res);
      return;
    }
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
    checkHost(req, this.#options.names);
    const { api } = this.#source;
    if (api === undefined) throw new Problem(404, 'here are /metrics, /healthz and /readyz');
    if (path.startsWith(`${PREFIX}/`)) {
      res.setHeader('Cache-Control', 'no-store');
      await api.handle(req, res, path.slice(PREFIX.length), search);
      return;
    }
    mustRead(req);
    if (!this.#assets.answer(req, res, path)) {
      throw new Problem(404, `here are /, ${PREFIX}/openapi.json, /metrics, /healthz and /readyz`);
    }
  }

  /** What is asked under whatever name, and must be answered when nothing else is. */
  async #probe(req: IncomingMessage, res: ServerResponse, path: string): Promise<boolean> {
    switch (path) {
      case '/healthz': {
        mustRead(req);
        const healthy = await this.#source.healthy();
        res
          .writeHead(healthy ? 200 : 503, { 'Content-Type': 'text/plain' })
          .end(healthy ? 'ok\n' : 'hangs\n');
        return true;
      }
      case '/readyz': {
        mustRead(req);
        const { ready, details } = await this.#source.readiness();
        sendJson(res, ready ? 200 : 503, { ready, ...details });
        return true;
      }
      default:
        return false;
    }
  }

  #answerError(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    if (res.headersSent || res.destroyed) {
      res.destroy();
      return;
    }
    if (!(error instanceof Problem)) this.#options.onBug(error);
    const problem =
      error instanceof Problem ? error : new Problem(500, 'this is a bug of the edge: its log has more');
    // A body that is not read to its end can not be followed by another request.
    if (!req.complete) res.setHeader('Connection', 'close');
    for (const [name, value] of Object.entries(problem.headers)) res.setHeader(name, value);
    sendJson(res, problem.status, problem.document(), 'application/problem+json');
    req.resume();
  }
}

function mustRead(req: IncomingMessage): void {
  req.resume();
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    throw new Problem(405, 'this can only be read', { Allow: 'GET, HEAD' });
  }
}

function splitUrl(url: string): [path: string, search: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}
