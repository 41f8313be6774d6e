/** One address of Mimir: how it fares, whether it is sent to, and the connections to it. */
import { isIPv6 } from 'node:net';
import type { AddressHealth, AddressStatus } from './address-health.js';
import type { Admission } from './admission.js';
import type { Breaker } from './breaker.js';
import type { AddressFailure, Outcomes, UpstreamReceiver, UpstreamRequest } from './call.js';
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

export class UpstreamAddress implements Outcomes {
  readonly source: UpstreamSource;
  readonly endpoint: Endpoint;
  readonly health: AddressHealth;
  readonly standing: Standing;
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
    this.standing = new Standing(options.slowStartMs, options.now(), isNew);
    const { tls, connections, tenantShare, addressShare } = options;
    const partOf = (share: number): number => Math.max(1, Math.floor(connections * share));
    const pool = {
      ...options,
      ...endpoint,
      tls: source.protocol === 'https:' ? tls : undefined,
      serverName: source.host,
      authority: source.authority,
      outcomes: this,
      aged: () => watcher.aged(this),
    };
    this.pushes = new Pool({ ...pool, shares: undefined, outcomes: this.#andTold(options.breaker) });
    this.passes = new Pool({
      ...pool,
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

  answered(status: number): void {
    this.health.answered(status);
    if (status >= 500) this.#failed(false);
    else if (this.standing.succeeded(this.#now)) this.#watcher.moved(this);
  }

  failed(failure: AddressFailure, error: Error): void {
    this.health.failed(failure, error);
    // That all connections are taken says nothing of the address.
    if (failure === 'busy') this.standing.giveBackProbe();
    else this.#failed(failure === 'unreachable');
  }

  aborted(): void {
    this.standing.giveBackProbe();
  }

  tick(nowMs: number): void {
    this.health.tick(nowMs);
  }

  /** Asks it something, which counts as no request to it. */
  check(request: UpstreamRequest, receiver: UpstreamReceiver): void {
    const nowMs = this.#now();
    const onlyTry = {
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

  #andTold(breaker: Breaker): Outcomes {
    return {
      answered: (status) => {
        this.answered(status);
        breaker.answered(status);
      },
      failed: (failure, error) => {
        this.failed(failure, error);
        if (failure === 'busy') breaker.aborted();
        else breaker.failed(`${this.health.address}: ${error.message}`);
      },
      aborted: () => {
        this.aborted();
        breaker.aborted();
      },
      tick: (nowMs) => {
        this.tick(nowMs);
        breaker.tick(nowMs);
      },
    };
  }

  #failed(refused: boolean): void {
    const nowMs = this.#now();
    if (this.standing.failed(nowMs)) this.#watcher.moved(this);
    else this.#watcher.failed(this, refused, nowMs);
  }
}

const NOT_COUNTED: Outcomes = { answered: () => {}, failed: () => {}, aborted: () => {}, tick: () => {} };

/** As metrics, log and page name it. */
export function addressName({ protocol }: UpstreamSource, { host, port }: Endpoint): string {
  return `${protocol}//${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
