/**
 * Mimir's distributors: connections to each URL, round robin, and past a URL that refuses them. A request goes out a
 * second time only when no connection could be made, so nothing is ever sent twice.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressChange, AddressHealth, type AddressStatus } from './address-health.js';
import type { UpstreamReceiver, UpstreamRequest } from './call.js';
import { Pool } from './pool.js';

export interface UpstreamOptions {
  readonly urls: readonly string[];
  /** Connections to each URL at most: so many for pushes, and so many for what is passed through. */
  readonly connections: number;
  /** The most of them that what is passed through for one tenant may hold, from 0 to 1. */
  readonly tenantShare: number;
  readonly connectTimeoutMs: number;
  /** Time that a request waits for a connection. */
  readonly queueTimeoutMs: number;
  /** PEM file with the CA of an https upstream; undefined: the system's. */
  readonly caFile: string | undefined;
  /** An address answers no longer, or again. */
  readonly changed?: (change: AddressChange) => void;
}

/** A URL that refused a connection is passed over for this long, as long as another is left. */
const SHUN_MS = 1000;

/** Shared by all pools, which look at it when they connect. */
interface Tls {
  ca: Buffer | undefined;
}

interface Target {
  readonly health: AddressHealth;
  readonly basePath: string;
  /** Pushes do not wait behind what is passed through, nor that behind them. */
  readonly pushes: Pool;
  readonly passes: Pool;
  shunnedUntilMs: number;
}

export class Upstream {
  readonly #targets: Target[];
  readonly #tls: Tls = { ca: undefined };
  readonly #caFile: string | undefined;
  readonly #now: () => number;
  #next = 0;

  constructor(options: UpstreamOptions, now: () => number) {
    this.#now = now;
    this.#caFile = options.caFile;
    this.renewCa();
    this.#targets = options.urls.map((url) => openTarget(url, options, this.#tls, now));
  }

  /** For connections from now on. Throws when the file can not be used: then all is as it was. */
  renewCa(): void {
    if (this.#caFile === undefined) return;
    const ca = readFileSync(this.#caFile);
    // Without a certificate in it nobody, or everybody whom the system trusts, would be trusted.
    new X509Certificate(ca);
    this.#tls.ca = ca;
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#targets.reduce((sum, { pushes, passes }) => sum + pushes.waiting + passes.waiting, 0);
  }

  /** How each URL fares. */
  addresses(): readonly AddressStatus[] {
    return this.#targets.map(({ health }) => health.status());
  }

  /** Of each URL, what became of the requests to it since the start. */
  *outcomes(): Generator<readonly [address: string, counts: ReturnType<AddressHealth['counts']>]> {
    for (const { health } of this.#targets) yield [health.address, health.counts()];
  }

  push(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    const nowMs = this.#now();
    this.#attempt('pushes', request, receiver, this.#targets.length, nowMs, nowMs);
  }

  /** Sends what is no push. */
  pass(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    const nowMs = this.#now();
    this.#attempt('passes', request, receiver, this.#targets.length, nowMs, nowMs);
  }

  /** Ends every call that is still out. */
  destroy(): void {
    for (const { pushes, passes } of this.#targets) {
      pushes.destroy();
      passes.destroy();
    }
  }

  /** Its time begins when it first arrived, whichever URL it waits for. */
  #attempt(
    kind: 'pushes' | 'passes',
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
    attemptsLeft: number,
    arrivedMs: number,
    nowMs: number,
  ): void {
    const target = this.#pick(nowMs);
    const onUnreachable = (error: Error): void => {
      const failedMs = this.#now();
      target.health.failed('unreachable', error);
      target.shunnedUntilMs = failedMs + SHUN_MS;
      if (attemptsLeft > 1) this.#attempt(kind, request, receiver, attemptsLeft - 1, arrivedMs, failedMs);
      else receiver.failed('unreachable', error);
    };
    target[kind].send(request, target.basePath + request.path, receiver, onUnreachable, arrivedMs, nowMs);
  }

  #pick(nowMs: number): Target {
    let picked = this.#rotate();
    for (let i = 1; i < this.#targets.length && picked.shunnedUntilMs > nowMs; i++) picked = this.#rotate();
    return picked;
  }

  #rotate(): Target {
    const target = this.#targets[this.#next % this.#targets.length];
    if (target === undefined) throw new Error('an upstream needs at least one URL');
    this.#next = (this.#next + 1) % this.#targets.length;
    return target;
  }
}

function openTarget(url: string, options: UpstreamOptions, tls: Tls, now: () => number): Target {
  const { pathname, protocol, hostname, port, host } = new URL(url);
  const isTls = protocol === 'https:';
  const { connections, tenantShare, connectTimeoutMs, queueTimeoutMs } = options;
  const health = new AddressHealth(`${protocol}//${host}`, now, options.changed);
  const open = (perTenant: number): Pool =>
    new Pool({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || (isTls ? 443 : 80)),
      authority: host,
      tls: isTls ? tls : undefined,
      connections,
      perTenant,
      connectTimeoutMs,
      queueTimeoutMs,
      health,
      now,
    });
  return {
    health,
    basePath: pathname.replace(/\/$/, ''),
    pushes: open(connections),
    passes: open(Math.max(1, Math.floor(connections * tenantShare))),
    shunnedUntilMs: 0,
  };
}
