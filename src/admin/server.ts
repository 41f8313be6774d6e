/** The admin listener: metrics and probes, for Prometheus and Kubernetes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen } from '../listen.js';

export interface Readiness {
  readonly ready: boolean;
  /** Shown by /readyz, ready or not. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What the listener shows: of this process, or of all workers together. */
export interface AdminSource {
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
  readiness(): Readiness | Promise<Readiness>;
  /** False: it hangs, and nothing but an end will help. */
  healthy(): boolean | Promise<boolean>;
}

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
}

export class AdminServer {
  readonly #server: Server;
  readonly #options: AdminOptions;
  readonly #source: AdminSource;

  constructor(options: AdminOptions, source: AdminSource) {
    this.#options = options;
    this.#source = source;
    this.#server = createServer({ requestTimeout: 10_000 }, (req, res) => {
      this.#handle(req, res).catch(() => res.destroy());
    });
    this.#server.maxConnections = 100;
  }

  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host, 'listen.admin');
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    req.resume();
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    switch (req.url?.split('?', 1)[0]) {
      case '/metrics': {
        const { registry } = this.#source;
        const text = await registry.metrics();
        res.writeHead(200, { 'Content-Type': registry.contentType }).end(text);
        return;
      }
      case '/healthz': {
        const healthy = await this.#source.healthy();
        res
          .writeHead(healthy ? 200 : 503, { 'Content-Type': 'text/plain' })
          .end(healthy ? 'ok\n' : 'hangs\n');
        return;
      }
      case '/readyz': {
        const { ready, details } = await this.#source.readiness();
        sendJson(res, ready ? 200 : 503, { ready, ...details });
        return;
      }
      default:
        sendJson(res, 404, { error: 'not found', paths: ['/metrics', '/healthz', '/readyz'] });
    }
  }
}

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
}
