/** An upstream that records what arrives, and an edge in front of it, both in this process. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { type AddressInfo, connect, type Server as NetServer } from 'node:net';
import { ByteBudget } from '#src/doors/body.js';
import { ProxyServer, type ServerOptions } from '#src/doors/http/proxy-server.js';
import type { PushOptions } from '#src/doors/http/push-exchange.js';
import { Senders } from '#src/doors/senders.js';
import { SharedBudget } from '#src/doors/shared-budget.js';
import type { Enforcer, EnforcerOptions } from '#src/enforce/enforcer.js';
import type { Refusal } from '#src/enforce/refusal.js';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { Upstream, type UpstreamOptions } from '#src/upstream/upstream.js';
import { enforcer as givenEnforcer } from '../../enforce/fixtures.js';

/** A real push of 500 series with one sample each. */
export const PUSH_500 = readFileSync(
  new URL('../../../../test/data/prom-2.42-samples-500a.snappy', import.meta.url),
);

export interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface GivenUpstream {
  readonly url: string;
  readonly arrived: Arrived[];
  readonly server: Server;
  close(): Promise<void>;
}

type Answer = (req: IncomingMessage, res: ServerResponse, body: Buffer) => void;

/** Reads each request to its end, records it, then answers. */
export async function upstream(answer: Answer = (_req, res) => res.end()): Promise<GivenUpstream> {
  const arrived: Arrived[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('error', () => {});
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = '', url = '', headers, rawHeaders } = req;
      arrived.push({ method, url, headers, rawHeaders, body });
      answer(req, res, body);
    });
  });
  const url = await listen(server);
  return { url, arrived, server, close: () => closeServer(server) };
}

export function listen(server: NetServer): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

export function closeServer(server: Server | TlsServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export interface GivenEdge {
  readonly url: string;
  readonly port: number;
  readonly enforcer: Enforcer;
  readonly budget: ByteBudget;
  readonly senders: Senders;
  readonly proxy: ProxyServer;
  readonly upstream: Upstream;
  readonly refusals: { tenant: string | undefined; refusal: Refusal; shadow: boolean }[];
  /** Seconds that each push was in the edge itself. */
  readonly own: number[];
  readonly failures: string[];
  readonly bugs: unknown[];
  stop(): Promise<void>;
}

export interface GivenEdgeOptions {
  enforcer?: Partial<EnforcerOptions>;
  push?: Partial<PushOptions>;
  server?: Partial<ServerOptions>;
  upstream?: Partial<UpstreamOptions>;
  bytesInFlight?: number;
  tenantShare?: number;
  addressShare?: number;
  decoder?: PooledDecoder;
  /** Of the doors. */
  now?: () => number;
}

export async function edge(
  upstreamUrls: string | string[],
  options: GivenEdgeOptions = {},
): Promise<GivenEdge> {
  const enforcer = givenEnforcer({ now: () => performance.now(), ...options.enforcer });
  const decoder =
    options.decoder ?? new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 64 << 20 });
  const now = options.now ?? (() => performance.now());
  const upstream = new Upstream(
    {
      urls: [upstreamUrls].flat(),
      connections: 16,
      tenantShare: 1,
      addressShare: 1,
      queueTimeoutMs: 20_000,
      connectTimeoutMs: 2000,
      maxConnectionAgeMs: 0,
      caFile: undefined,
      resolveMs: 30_000,
      dnsServers: [],
      zone: '',
      slowStartMs: 0,
      retry503: false,
      breaker: 'off',
      readyPath: '',
      readyMs: 5000,
      ...options.upstream,
    },
    now,
  );
  const senders = new Senders(now);
  const budget = new ByteBudget(options.bytesInFlight ?? 64 << 20);
  const refusals: GivenEdge['refusals'] = [];
  const own: number[] = [];
  const failures: string[] = [];
  const bugs: unknown[] = [];
  const proxy = new ProxyServer(
    {
      enforcer,
      decoder,
      upstream,
      budget: new SharedBudget(budget, options.tenantShare ?? 1, options.addressShare ?? 1, now),
      now,
      senders,
      observer: {
        decoded() {},
        decided() {},
        ownPartDone: (seconds) => own.push(seconds),
        forwarded() {},
        failed: (failure) => failures.push(failure),
        refused: (tenant, refusal, _requestId, shadow) =>
          refusals.push({ tenant: tenant?.id, refusal, shadow }),
      },
      options: {
        tenantHeader: 'x-scope-orgid',
        maxBodyBytes: 1 << 20,
        maxUncompressedBytes: 8 << 20,
        maxSeries: 100_000,
        haTracker: true,
        bodyTimeoutMs: 20_000,
        upstreamHeadersTimeoutMs: 20_000,
        upstreamBodyTimeoutMs: 20_000,
        retryAfter: { enabled: true, minSeconds: 6, maxSeconds: 96, random: () => 0.5 },
        ...options.push,
      },
    },
    {
      host: '127.0.0.1',
      port: 0,
      pushPaths: ['/api/v1/push'],
      unjudgedWrites: 'refuse',
      otlp: false,
      influx: false,
      maxConnections: 1000,
      headerTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      writeTimeoutMs: 10_000,
      ...options.server,
    },
    (bug) => bugs.push(bug),
  );
  const { port } = await proxy.start();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    enforcer,
    budget,
    proxy,
    upstream,
    refusals,
    senders,
    own,
    failures,
    bugs,
    async stop() {
      await proxy.stop(0);
      await upstream.destroy();
      await decoder.close();
    },
  };
}

/** Sends a push as Prometheus does. */
export function send(
  url: string,
  body: Uint8Array = PUSH_500,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/api/v1/push`, {
    method: 'POST',
    ...(signal === undefined ? {} : { signal }),
    headers: {
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': '0.1.0',
      'X-Scope-OrgID': 'a',
      ...headers,
    },
    body,
  });
}

/**
 * Writes raw bytes and resolves with all that comes back until the connection ends, or `until` is seen; `heard` is called
 * with all that has come whenever there is more.
 */
/** As rawExchange, from another address of this machine: a whole push, where nothing else is given. */
export function sendFrom(address: string, port: number, bytes?: string): Promise<string> {
  const head =
    'POST /api/v1/push HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: other\r\nContent-Type: application/x-protobuf\r\n' +
    `Content-Encoding: snappy\r\nContent-Length: ${PUSH_500.length}\r\n\r\n`;
  const push = Buffer.concat([Buffer.from(head), PUSH_500]);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: address });
    socket.on('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString('latin1'));
    });
    socket.write(bytes ?? push);
  });
}

export function rawExchange(
  port: number,
  bytes: string | Buffer,
  until?: string,
  heard?: (received: string) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const done = () => {
      socket.destroy();
      resolve(received);
    };
    socket.on('data', (data) => {
      received += data.toString('latin1');
      heard?.(received);
      if (until !== undefined && received.includes(until)) done();
    });
    socket.on('end', done);
    socket.on('error', reject);
    socket.write(bytes);
  });
}

/** Waits until a condition holds; a test that waits in vain fails on what it checks next. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<boolean> {
  // What takes long is asked less often: the question may be a push, or one that each worker answers.
  const longestMs = Math.max(50, withinMs / 600);
  let pauseMs = 5;
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; ) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(longestMs, pauseMs * 1.2);
  }
  return condition();
}
