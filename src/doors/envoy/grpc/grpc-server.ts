/**
 * A gRPC server on node:http2, with the part of gRPC that Envoy and health checks use. @grpc/grpc-js can not enlarge its
 * server's windows, so that a connection carries 64 KiB per round trip, and uses more CPU: docs/performance.md has the
 * figures.
 *
 * Connections close in two steps, so that no call is lost: first the client is told to open no more streams, and when it
 * must have received that, the connection closes after its last call. Node can only send both at once, so the first step is
 * a frame of our own.
 */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { listen } from '../../../base/listen.js';
import { GRPC, GrpcCall, type GrpcCode } from './grpc-call.js';

export interface GrpcServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly maxConcurrentStreams: number;
  /** Connections are renewed after about this time, so that replicas share Envoys' load. */
  readonly maxConnectionAgeMs: number;
  /** The time that a connection has for TLS, and then for the start of HTTP/2. */
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Undefined: plain text. With a `ca`, clients must present a certificate. */
  readonly tls: SecureContextOptions | undefined;
}

/** Answers a call. Throwing is a bug, and is answered with INTERNAL. */
export type Handler = (call: GrpcCall) => void | Promise<void>;

export interface GrpcObserver {
  /** A call ended with an error of gRPC itself. */
  failed(code: GrpcCode): void;
  bug(error: unknown): void;
}

const { NGHTTP2_NO_ERROR } = constants;

/** By default a connection carries 64 KiB per round trip; this carries any body in one. */
const STREAM_WINDOW_BYTES = 1 << 20;
const CONNECTION_WINDOW_BYTES = 16 << 20;
/**
 * Memory of a connection for heads and for answers that its client does not read; bodies do not count. Node's default of 10
 * MB resets valid streams: a thousand concurrent calls need this much.
 */
const SESSION_MEMORY_MB = 64;
/**
 * Envoy resets a stream when its client leaves or on a timeout, which is not an attack. Only some versions of Node have
 * these options.
 */
const STREAM_RESETS = { streamResetBurst: 10_000, streamResetRate: 1000 };
/** GOAWAY without an error that refuses no stream, not even those under way. */
const NOTICE = Buffer.from('0000080700000000007fffffff00000000', 'hex');
/** By then the client has received it. */
const NOTICE_MS = 1000;
/** A connection that is still open this long after its age is closed. */
const OVERDUE_MS = 60_000;
const AGE_JITTER = 0.1;

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #observer: GrpcObserver;
  readonly #now: () => number;
  readonly #server: Http2Server | Http2SecureServer;
  /** With the timer that ends each. */
  readonly #sessions = new Map<ServerHttp2Session, NodeJS.Timeout>();
  readonly #sockets = new WeakMap<ServerHttp2Session, Socket>();
  #opening: ServerHttp2Session | undefined;
  #connections = 0;
  #active = 0;

  constructor(
    options: GrpcServerOptions,
    handlers: ReadonlyMap<string, Handler>,
    observer: GrpcObserver,
    now: () => number,
  ) {
    this.#options = options;
    this.#handlers = handlers;
    this.#observer = observer;
    this.#now = now;
    this.#server = this.#create();
    this.#server.on('connection', (socket: Socket) => this.#count(socket));
    this.#server.on('session', (session: ServerHttp2Session) => this.#opened(session));
    this.#server.on('sessionError', () => {});
    const connected = options.tls === undefined ? 'connection' : 'secureConnection';
    this.#server.on(connected, (socket: Socket) => this.#connected(socket));
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#serve(stream, headers),
    );
  }

  get connections(): number {
    return this.#connections;
  }

  get activeCalls(): number {
    return this.#active;
  }

  start(): Promise<AddressInfo> {
    return listen(this.#server, this.#options.port, this.#options.host, 'listen.grpc');
  }

  /** For new connections. Throws when the new certificate is unusable: the old one stays. */
  renewTls(context: SecureContextOptions): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(context);
  }

  /** Stops listening and lets calls end. `beforeLast` ends those that would never end by themselves. */
  async stop(timeoutMs: number, beforeLast: () => void): Promise<void> {
    // In some versions of Node the close() of http2 closes sessions too.
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    const notice = Math.min(NOTICE_MS, timeoutMs);
    for (const session of this.#sessions.keys()) this.#tellToLeave(session);
    if (this.#sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, notice));
    beforeLast();
    for (const session of this.#sessions.keys()) session.close();
    const deadline = setTimeout(() => {
      for (const session of this.#sessions.keys()) this.#cut(session);
    }, timeoutMs - notice);
    await closed;
    clearTimeout(deadline);
  }

  #create(): Http2Server | Http2SecureServer {
    const { maxConcurrentStreams, tls } = this.#options;
    const options: SecureServerOptions = {
      ...STREAM_RESETS,
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams },
      maxSessionMemory: SESSION_MEMORY_MB,
    };
    if (tls === undefined) return createServer(options);
    const asksForCertificate = tls.ca !== undefined;
    return createSecureServer({
      ...options,
      ...tls,
      minVersion: 'TLSv1.2',
      handshakeTimeout: this.#options.headerTimeoutMs,
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
    });
  }

  /** Counts from the TCP connection on, even if it never speaks TLS. */
  #count(socket: Socket): void {
    this.#connections++;
    socket.once('close', () => this.#connections--);
    // net's own maxConnections passes excess connections to other workers, in circles when all are full.
    if (this.#connections > this.#options.maxConnections) socket.destroy();
  }

  #opened(session: ServerHttp2Session): void {
    this.#opening = session;
    const preface = setTimeout(() => this.#cut(session), this.#options.headerTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(preface)).once('close', () => clearTimeout(preface));
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.on('error', () => {});
    const age = this.#options.maxConnectionAgeMs * (1 + AGE_JITTER * (2 * Math.random() - 1));
    this.#sessions.set(
      session,
      setTimeout(() => this.#retire(session), age),
    );
    session.once('close', () => {
      clearTimeout(this.#sessions.get(session));
      this.#sessions.delete(session);
    });
  }

  /** Right after `#opened`: http2 creates the session as soon as a connection arrives. */
  #connected(socket: Socket): void {
    if (this.#opening !== undefined) this.#sockets.set(this.#opening, socket);
    this.#opening = undefined;
  }

  /**
   * http2 writes whole frames to the socket, so another frame can go between them. Not with TLS, where there must be one
   * writer: there a call that is under way when the connection closes is lost, unless Envoy renews its connections earlier.
   */
  #tellToLeave(session: ServerHttp2Session): void {
    if (this.#options.tls !== undefined || session.destroyed || session.closed) return;
    this.#sockets.get(session)?.write(NOTICE);
  }

  /** A session that is told to close waits for its client, even when it is destroyed. */
  #cut(session: ServerHttp2Session): void {
    session.destroy();
    this.#sockets.get(session)?.destroy();
  }

  #retire(session: ServerHttp2Session): void {
    this.#tellToLeave(session);
    const close = (): void => {
      session.close();
      this.#sessions.set(
        session,
        setTimeout(() => this.#cut(session), OVERDUE_MS),
      );
    };
    this.#sessions.set(session, setTimeout(close, NOTICE_MS));
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const call = new GrpcCall(stream, headers, this.#options.bodyTimeoutMs, this.#now);
    const unfit = headers[':method'] !== 'POST' ? 405 : isGrpc(headers) ? undefined : 415;
    if (unfit !== undefined) {
      stream.respond({ ':status': unfit }, { endStream: true });
      stream.resume();
      // Its client may never end it.
      setImmediate(() => stream.close(NGHTTP2_NO_ERROR));
      return;
    }
    this.#active++;
    this.#handle(call, headers[':path'] ?? '')
      .catch((error: unknown) => {
        this.#observer.bug(error);
        call.fail(GRPC.INTERNAL, 'internal error');
      })
      .finally(() => {
        this.#active--;
        call.release();
        if (call.status !== undefined && call.status !== GRPC.OK) this.#observer.failed(call.status);
      });
  }

  async #handle(call: GrpcCall, path: string): Promise<void> {
    const handler = this.#handlers.get(path);
    if (handler === undefined) call.fail(GRPC.UNIMPLEMENTED, 'there is no such method');
    else await handler(call);
  }
}

/** Not application/grpc-web, nor messages in another encoding than protobuf. */
const GRPC_TYPE = /^application\/grpc(\+proto)?($|[; ])/;

function isGrpc(headers: IncomingHttpHeaders): boolean {
  return GRPC_TYPE.test(headers['content-type'] ?? '');
}
