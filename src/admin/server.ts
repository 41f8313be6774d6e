/** The admin listener: metrics and probes, for Prometheus and Kubernetes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { listen } from '../listen.js';

export interface Readiness {
  readonly ready: boolean;
  /** Shown by /readyz, ready or not. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
}

export class AdminServer {
  readonly #server: Server;
  readonly #options: AdminOptions;
  readonly #registry: Registry;
  readonly #readiness: () => Readiness;

  constructor(options: AdminOptions, registry: Registry, readiness: () => Readiness) {
    this.#options = options;
    this.#registry = registry;
    this.#readiness = readiness;
    this.#server = createServer({ requestTimeout: 10_000 }, (req, res) => {
      this.#handle(req, res).catch(() => res.destroy());
    });
    this.#server.maxConnections = 100;
  }

  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host);
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
        const text = await this.#registry.metrics();
        res.writeHead(200, { 'Content-Type': this.#registry.contentType }).end(text);
        return;
      }
      case '/healthz':
        res.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok\n');
        return;
      case '/readyz': {
        const { ready, details } = this.#readiness();
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
