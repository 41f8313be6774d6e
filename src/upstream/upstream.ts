/**
 * Mimir's distributors: a request goes to one of their addresses, and to another one when that takes no connection, or answers 503
 * where a setting says that such a push was not taken. Once, within its time, and within a budget: nothing that may have been
 * taken is ever sent twice.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressChange, AddressHealth, AddressStatus } from './address-health.js';
import { type AddressEvents, Addresses } from './addresses.js';
import { Admission, type AdmissionOptions } from './admission.js';
import { Breaker, type BreakerMode, type BreakerStatus } from './breaker.js';
import type { Attempt, UpstreamReceiver, UpstreamRequest } from './call.js';
import { ReadyChecks } from './ready-checks.js';
import { type SystemResolver, systemResolver } from './resolver.js';
import { RetryBudget } from './retry-budget.js';
import type { UpstreamAddress } from './upstream-address.js';
import { upstreamSource } from './upstream-source.js';

export interface UpstreamOptions {
  readonly urls: readonly string[];
  /** Connections to each address at most: so many for pushes, and so many for what is passed through. */
  readonly connections: number;
  /** The most of them that what is passed through for one tenant may hold, from 0 to 1. */
  readonly tenantShare: number;
  /** And for one address, while others send. */
  readonly addressShare: number;
  readonly connectTimeoutMs: number;
  /** Time that a request waits for a connection. */
  readonly queueTimeoutMs: number;
  /** A connection is used for so long, more or less; 0: for ever. */
  readonly maxConnectionAgeMs: number;
  /** PEM file with the CA of an https upstream; undefined: the system's. */
  readonly caFile: string | undefined;
  readonly resolveMs: number;
  /** host:port; none: the system's. */
  readonly dnsServers: readonly string[];
  /** The edge's own. */
  readonly zone: string;
  readonly slowStartMs: number;
  /** A push that was answered 503 goes to another address. */
  readonly retry503: boolean;
  /** Empty: addresses are not asked. */
  readonly readyPath: string;
  readonly readyMs: number;
  readonly breaker: BreakerMode;
  /** Undefined: all that comes is sent. */
  readonly fairness?: Omit<AdmissionOptions, 'now'> | undefined;
  readonly random?: () => number;
  /** An address answers no longer, or again. */
  readonly changed?: (change: AddressChange) => void;
  readonly events?: AddressEvents;
  readonly breakerMoved?: (status: BreakerStatus) => void;
}

/** Longer than DNS takes that answers: one that does not must not keep the edge from those addresses that are known. */
const START_WAIT_MS = 2000;

const NO_EVENTS: AddressEvents = { resolved: () => {}, notResolved: () => {}, moved: () => {} };

export class Upstream {
  readonly #addresses: Addresses;
  readonly #resolver: SystemResolver;
  /** Undefined: all that comes is sent. */
  readonly admission: Admission | undefined;
  readonly #breaker: Breaker;
  readonly #random: () => number;
  readonly #budget: RetryBudget;
  readonly #checks: ReadyChecks | undefined;
  readonly #tls: { ca: Buffer | undefined } = { ca: undefined };
  readonly #caFile: string | undefined;
  readonly #retry503: boolean;
  readonly #now: () => number;
  /** Requests that went out a second time, and those that the budget kept from it. */
  readonly retries = { sent: 0, overBudget: 0 };

  constructor(options: UpstreamOptions, now: () => number) {
    this.#now = now;
    this.#caFile = options.caFile;
    this.#retry503 = options.retry503;
    this.renewCa();
    this.#budget = new RetryBudget(now());
    this.#random = options.random ?? Math.random;
    this.#breaker = new Breaker({
      mode: options.breaker,
      allFail: () => this.#addresses.allFail(),
      now,
      changed: options.breakerMoved ?? (() => {}),
    });
    const { fairness } = options;
    this.admission =
      fairness === undefined
        ? undefined
        : new Admission(
            { ...fairness, now },
            () => this.#addresses.capacity(),
            () => this.#addresses.usualMs(),
          );
    this.#resolver = systemResolver(options.dnsServers, options.connectTimeoutMs);
    this.#addresses = new Addresses({
      ...options,
      sources: options.urls.map(upstreamSource),
      resolve: this.#resolver.resolve,
      startWaitMs: START_WAIT_MS,
      random: this.#random,
      changed: options.changed ?? (() => {}),
      events: options.events ?? NO_EVENTS,
      tls: this.#tls,
      breaker: this.#breaker,
      admission: this.admission,
      now,
    });
    this.#checks =
      options.readyPath === ''
        ? undefined
        : new ReadyChecks(this.#addresses, options.readyPath, options.readyMs);
  }

  /** Resolves when it is known where the addresses are, or that nobody can say so now, within START_WAIT_MS. */
  async start(): Promise<void> {
    await this.#addresses.start();
    this.#checks?.start();
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
    return this.#addresses.all.reduce((sum, { pushes, passes }) => sum + pushes.waiting + passes.waiting, 0);
  }

  /** How each address fares. */
  addresses(): readonly AddressStatus[] {
    return this.#addresses.all.map((address) => address.status());
  }

  /** Pushes of the last seconds, without those of the tenant whose pushes fail most where others send. */
  pushes(): { readonly requests: number; readonly failed: number } {
    const nowMs = this.#now();
    const sum = { requests: 0, failed: 0 };
    for (const { blame } of this.#addresses.all) {
      blame.tick(nowMs);
      const { requests, failed } = blame.withoutCause();
      sum.requests += requests;
      sum.failed += failed;
    }
    return sum;
  }

  breaker(): BreakerStatus {
    return this.#breaker.status();
  }

  unresolved(): readonly string[] {
    return this.#addresses.unresolved();
  }

  names(): ReturnType<Addresses['names']> {
    return this.#addresses.names();
  }

  /** Of each address, what became of the requests to it since it is known. */
  *outcomes(): Generator<readonly [address: string, counts: ReturnType<AddressHealth['counts']>]> {
    for (const { health } of this.#addresses.all) yield [health.address, health.counts()];
  }

  /** Answers where it goes first; undefined: nowhere. `nowMs`: the time, where the caller has just read it. */
  push(
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
    nowMs = this.#now(),
  ): UpstreamAddress | undefined {
    const pass = this.#breaker.enter(request.place, nowMs);
    if ('trial' in pass) return this.#begin('pushes', request, receiver, pass.trial, nowMs);
    const { waitMs } = pass;
    // Spread, so that those who are told at once do not come at once.
    const spreadMs = waitMs * (1 + this.#random());
    receiver.failed('open', new Error(this.#breaker.cause ?? 'it is being tried'), spreadMs);
    return undefined;
  }

  /** Sends what is no push. */
  pass(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    this.#begin('passes', request, receiver, 0, this.#now());
  }

  /** Ends every call that is still out. */
  destroy(): void {
    this.#checks?.stop();
    this.admission?.close();
    this.#addresses.stop();
    this.#resolver.cancel();
  }

  #begin(
    kind: 'pushes' | 'passes',
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
    trial: number,
    nowMs: number,
  ): UpstreamAddress | undefined {
    const address = this.#addresses.pick(nowMs, kind === 'pushes');
    if (address === undefined) {
      this.#breaker.gone(trial);
      receiver.failed('unreachable', new Error('no name in upstream.url has an address'));
      return undefined;
    }
    this.#budget.sent(senderOf(kind, request), nowMs);
    const path = address.source.basePath + request.path;
    const again = (): boolean => this.#again(kind, request, receiver, address, nowMs);
    const first: Attempt = {
      isProbe: address.standing.state !== 'in',
      trial,
      unreachable: (error: Error) => {
        if (!again()) receiver.failed('unreachable', error);
      },
      refused: () => this.#retry503 && kind === 'pushes' && again(),
    };
    address[kind].send(request, path, receiver, first, nowMs, nowMs);
    return address;
  }

  /** To another address. Its time began when it arrived. False: there is none, or there were too many of late. */
  #again(
    kind: 'pushes' | 'passes',
    request: UpstreamRequest,
    receiver: UpstreamReceiver,
    before: UpstreamAddress,
    arrivedMs: number,
  ): boolean {
    const nowMs = this.#now();
    const address = this.#addresses.pick(nowMs, kind === 'pushes', before);
    if (address === undefined) return false;
    if (!this.#budget.take(senderOf(kind, request), nowMs)) {
      if (address.standing.state !== 'in') address.standing.giveBackProbe();
      this.retries.overBudget++;
      return false;
    }
    this.retries.sent++;
    const path = address.source.basePath + request.path;
    const last: Attempt = {
      isProbe: address.standing.state !== 'in',
      trial: 0,
      unreachable: (error: Error) => receiver.failed('unreachable', error),
      refused: () => false,
    };
    address[kind].send(request, path, receiver, last, arrivedMs, nowMs);
    return true;
  }
}

/** Whoever passes something through may name any tenant: there all are one. */
function senderOf(kind: 'pushes' | 'passes', request: UpstreamRequest): string {
  return kind === 'pushes' ? request.place : '(passed through)';
}
