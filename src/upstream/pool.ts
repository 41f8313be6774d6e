/**
 * Connections to one address, as many as there are calls and at most so many. A call that finds none free waits its turn, for a time;
 * one that nobody waits for any more leaves the queue, and no connection is made for it.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { sharedReads } from '../base/shared-reads.js';
import { type Attempt, Call, type Outcomes, type UpstreamReceiver, type UpstreamRequest } from './call.js';
import { Connection, type KnownHead } from './connection.js';
import { ConnectionShares, type Shares } from './connection-shares.js';
import { TenantQueue } from './tenant-queue.js';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Of its certificate. */
  readonly serverName: string;
  /** For the Host header. */
  readonly authority: string;
  /** Undefined: in plain text. */
  readonly tls: { readonly ca: Buffer | undefined } | undefined;
  readonly connections: number;
  /** What one tenant, and one address, may have of them at one time; undefined: all. */
  readonly shares: Shares | undefined;
  readonly connectTimeoutMs: number;
  readonly queueTimeoutMs: number;
  readonly outcomes: Outcomes;
  /** A connection is used for so long, a tenth more or less; 0: for ever. */
  readonly maxConnectionAgeMs: number;
  /** One has been closed for its age. */
  readonly aged: () => void;
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
}

/** How often deadlines are looked at; also how late they may be met. */
const SWEEP_MS = 250;

export class Pool {
  readonly options: PoolOptions;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #waiting = new TenantQueue();
  readonly #shares: ConnectionShares | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #session: Buffer | undefined;
  #destroyed = false;
  #retired = false;
  /** The last head of an answer: within a second, the next is mostly the same. */
  lastHead: KnownHead | undefined;

  constructor(options: PoolOptions) {
    this.options = options;
    this.#shares = options.shares && new ConnectionShares(options.shares, options.now);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls that are under way or wait. */
  get load(): number {
    return this.#open.size - this.#idle.length + this.#waiting.size;
  }

  send(
    request: UpstreamRequest,
    path: string,
    receiver: UpstreamReceiver,
    attempt: Attempt,
    arrivedMs: number,
    nowMs: number,
  ): void {
    if (this.#destroyed) {
      attempt.unreachable(new Error('the edge is stopping'));
      return;
    }
    const call = new Call(
      this,
      request,
      path,
      receiver,
      this.options.outcomes,
      attempt,
      arrivedMs,
      this.options.queueTimeoutMs,
    );
    receiver.started(call.abort);
    if (call.over) return;
    this.#shares?.came(request);
    if (this.#mayStart(call)) {
      const connection = this.#takeIdle(nowMs);
      if (connection !== undefined) {
        this.#count(call, 1);
        connection.run(call);
        return;
      }
      if (this.#open.size < this.options.connections) {
        this.#connect(call);
        return;
      }
    }
    this.#waiting.add(call);
    this.#keepSweeping();
  }

  /** Ends every call that is still out. */
  destroy(): void {
    this.#destroyed = true;
    clearInterval(this.#sweeper);
    for (const connection of this.#open) connection.destroy();
    this.#sendAway('the edge is stopping');
  }

  /** What is under way is answered; what waits goes elsewhere. */
  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    this.#sendAway('the address is gone');
  }

  /** A connection has no call any more, and can have another. */
  release(connection: Connection, nowMs: number): void {
    if (this.#retired || this.#isAged(connection, nowMs)) {
      connection.destroy();
      return;
    }
    const call = this.#next();
    if (call === undefined) this.#idle.push(connection);
    else connection.run(call);
  }

  /** A connection is closed. */
  closed(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#destroyed || this.#open.size >= this.options.connections) return;
    const call = this.#next();
    if (call !== undefined) this.#open.add(new Connection(this, call));
  }

  /** A call that had a connection is over. */
  ended(call: Call): void {
    this.#count(call, -1);
  }

  drop(call: Call): void {
    this.#waiting.remove(call);
  }

  openSocket(onBytes: (bytes: Buffer) => void): Socket {
    const { host, port, tls, serverName } = this.options;
    if (tls === undefined) return connect({ host, port, noDelay: true, onread: sharedReads(onBytes) });
    const socket = connectTls({
      host,
      port,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    socket.setNoDelay(true);
    socket.on('data', onBytes);
    return socket.on('session', (session) => {
      this.#session = session;
    });
  }

  /** Deadlines, as it is now. */
  sweep(nowMs: number): void {
    for (const connection of [...this.#open]) connection.sweep(nowMs);
    const waited = new Error('no connection became free in time');
    this.options.outcomes.tick(nowMs);
    for (const call of this.#waiting.expired(nowMs)) call.fail('busy', waited);
    if (this.#open.size > 0 || this.#waiting.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #connect(call: Call): void {
    this.#count(call, 1);
    this.#open.add(new Connection(this, call));
    this.#keepSweeping();
  }

  #sendAway(why: string): void {
    for (const call of [...this.#waiting.all()]) {
      this.#waiting.remove(call);
      call.over = true;
      this.options.outcomes.aborted(call);
      call.attempt.unreachable(new Error(why));
    }
  }

  #isAged(connection: Connection, nowMs: number): boolean {
    if (connection.agedAtMs > nowMs) return false;
    this.options.aged();
    return true;
  }

  #next(): Call | undefined {
    if (this.#waiting.size === 0) return undefined;
    const call = this.#waiting.next((next) => this.#mayStart(next));
    if (call !== undefined) this.#count(call, 1);
    return call;
  }

  #mayStart({ request }: Call): boolean {
    return this.#shares === undefined || this.#shares.mayHaveOneMore(request);
  }

  #count({ request }: Call, by: 1 | -1): void {
    this.#shares?.count(request, by);
  }

  /** The one used last: those not needed grow old, and go. */
  #takeIdle(nowMs: number): Connection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.freshUntilMs > nowMs) return connection;
      connection.destroy();
    }
    return undefined;
  }

  /** Nothing wakes an edge without connections. */
  #keepSweeping(): void {
    this.#sweeper ??= setInterval(() => this.sweep(this.options.now()), SWEEP_MS).unref();
  }
}
