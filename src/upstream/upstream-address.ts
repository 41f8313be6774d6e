/** One address of Mimir: how it fares, whether it is sent to, and the connections to it. */
import { isIPv6 } from 'node:net';
import type { AddressHealth, AddressStatus } from './address-health.js';
import type { Admission } from './admission.js';
import { Blame } from './blame.js';
import type { Breaker } from './breaker.js';
import type { Called, Outcomes, UpstreamReceiver, UpstreamRequest } from './call.js';
import type { Capacity } from './capacity.js';
import { Pool, type PoolOptions } from './pool.js';
import type { Endpoint } from './resolver.js';
import { Standing } from './standing.js';
import type { UpstreamSource } from './upstream-source.js';

export interface AddressOptions
  extends Omit<PoolOptions, 'host' | 'port' | 'serverName' | 'authority' | 'shares' | 'outcomes' | 'aged'> {
  /** The most connections that what is passed through for one tenant may hold, from 0 to 1. */
  readonly tenantShare: number;
  /** And for one address, while others send. */
  readonly addressShare: number;
  readonly slowStartMs: number;
  /** Hears what becomes of pushes. */
  readonly breaker: Breaker;
  /** Undefined: what it takes is not found out. */
  readonly admission: Admission | undefined;
}

/** Who knows all addresses: told what may change whether this one is sent to. */
export interface AddressWatcher {
  /** `refused`: it took no connection. */
  failed(address: UpstreamAddress, refused: boolean, nowMs: number): void;
  /** It is in again, or out because a probe failed. */
  moved(address: UpstreamAddress): void;
  /** A connection to it has reached its age. */
  aged(address: UpstreamAddress): void;
}

export class UpstreamAddress {
  readonly source: UpstreamSource;
  readonly endpoint: Endpoint;
  readonly health: AddressHealth;
  readonly standing: Standing;
  /** What of its failures it is to blame for. */
  readonly blame: Blame;
  /** What it takes, where that is found out. */
  readonly capacity: Capacity | undefined;
  /** Pushes do not wait behind what is passed through, nor that behind them. */
  readonly pushes: Pool;
  readonly passes: Pool;
  /** Of questions whether it is ready, which are no requests of anybody's. */
  readonly #checks: Pool;
  readonly #watcher: AddressWatcher;
  readonly #now: () => number;

  constructor(
    source: UpstreamSource,
    endpoint: Endpoint,
    options: AddressOptions,
    health: AddressHealth,
    isNew: boolean,
    watcher: AddressWatcher,
  ) {
    this.source = source;
    this.endpoint = endpoint;
    this.health = health;
    this.#watcher = watcher;
    this.#now = options.now;
    this.capacity = options.admission?.capacity();
    this.blame = new Blame(options.now());
    this.standing = new Standing(options.slowStartMs, options.now(), isNew);
    const { tls, connections, tenantShare, addressShare } = options;
    const partOf = (share: number): number => Math.max(1, Math.floor(connections * share));
    const pool = {
      ...options,
      ...endpoint,
      tls: source.protocol === 'https:' ? tls : undefined,
      serverName: source.host,
      authority: source.authority,
      aged: () => watcher.aged(this),
    };
    this.pushes = new Pool({ ...pool, shares: undefined, outcomes: this.#ofPushes(options.breaker) });
    this.passes = new Pool({
      ...pool,
      outcomes: this.#ofPasses(),
      shares: { perTenant: partOf(tenantShare), perAddress: partOf(addressShare) },
    });
    this.#checks = new Pool({ ...pool, connections: 1, shares: undefined, outcomes: NOT_COUNTED });
  }

  /** Requests that it has, or that wait for it. */
  get load(): number {
    return this.pushes.load + this.passes.load;
  }

  status(): AddressStatus {
    const { state, untilMs } = this.standing;
    return {
      ...this.health.status(),
      name: this.source.text,
      zone: this.source.zone,
      sentTo: state,
      backInSeconds: state === 'out' ? Math.max(0, (untilMs - this.#now()) / 1000) : undefined,
      underWay: this.load,
      limit: this.#limit(),
      gradient: this.capacity?.gradient,
    };
  }

  #limit(): number | undefined {
    const limit = this.capacity?.limit;
    return limit === undefined || limit === Number.POSITIVE_INFINITY ? undefined : limit;
  }

  /** Asks it something, which counts as no request to it. */
  check(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    const nowMs = this.#now();
    const onlyTry = {
      isProbe: false,
      trial: 0,
      unreachable: (error: Error) => receiver.failed('unreachable', error),
      refused: () => false,
    };
    const path = this.source.basePath + request.path;
    this.#checks.send(request, path, receiver, onlyTry, nowMs, nowMs);
  }

  /** It is no address of its name any more: what it has is answered, nothing else begins. */
  retire(): void {
    this.pushes.retire();
    this.passes.retire();
    this.#checks.retire();
  }

  destroy(): void {
    this.pushes.destroy();
    this.passes.destroy();
    this.#checks.destroy();
  }

  /** One that answers 500 may do so for one sender's pushes alone: who is to blame is found out by who else hears it. */
  #ofPushes(breaker: Breaker): Outcomes {
    return {
      answered: (status, call) => {
        this.health.answered(status);
        if (status >= 500) this.#pushFailed(false, call);
        else this.#well(call);
        breaker.answered(status, call);
      },
      failed: (failure, error, call) => {
        this.health.failed(failure, error);
        // That all connections are taken says nothing of the address.
        if (failure === 'busy') {
          this.#unknown(call);
          breaker.aborted(call);
        } else {
          this.#pushFailed(failure === 'unreachable', call);
          breaker.failed(`${this.health.address}: ${error.message}`, call);
        }
      },
      aborted: (call) => {
        this.#unknown(call);
        breaker.aborted(call);
      },
      tick: (nowMs) => {
        this.health.tick(nowMs);
        this.blame.tick(nowMs);
        breaker.tick(nowMs);
      },
    };
  }

  /** What comes of these is up to what is asked, and by whom. That it takes connections, or none, is not. */
  #ofPasses(): Outcomes {
    return {
      answered: (status, call) => {
        this.health.answered(status);
        this.#wellAsProbe(call);
      },
      failed: (failure, error, call) => {
        this.health.failed(failure, error);
        if (failure === 'unreachable') this.#failed(true, call);
        else this.#unknown(call);
      },
      aborted: (call) => this.#unknown(call),
      tick: (nowMs) => {
        this.health.tick(nowMs);
        this.blame.tick(nowMs);
      },
    };
  }

  #well(call: Called): void {
    this.blame.well(call.request.place);
    this.#wellAsProbe(call);
  }

  #wellAsProbe({ attempt }: Called): void {
    if (attempt.isProbe && this.standing.succeeded(this.#now)) this.#watcher.moved(this);
  }

  #unknown({ attempt }: Called): void {
    if (attempt.isProbe) this.standing.giveBackProbe();
  }

  #pushFailed(refused: boolean, call: Called): void {
    this.blame.failed(call.request.place);
    this.#failed(refused, call);
  }

  #failed(refused: boolean, { attempt }: Called): void {
    const nowMs = this.#now();
    if (!attempt.isProbe) this.#watcher.failed(this, refused, nowMs);
    else if (this.standing.failed(nowMs)) this.#watcher.moved(this);
  }
}

const NOT_COUNTED: Outcomes = { answered: () => {}, failed: () => {}, aborted: () => {}, tick: () => {} };

/** As metrics, log and page name it. */
export function addressName({ protocol }: UpstreamSource, { host, port }: Endpoint): string {
  return `${protocol}//${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
