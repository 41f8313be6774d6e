/**
 * The store of a process that is the ledger for others: their buckets, elections and series, as Redis would have
 * them. Holds
 * what so many tenants need; of more, what was asked for least recently is forgotten.
 */

import type { LeaseCall, LeaseReply } from '../../buckets/lease.js';
import { ElectionTable, FORGET_MS } from '../../elections/election-table.js';
import type { ElectionCall, ElectionReply } from '../../elections/shared-elections.js';
import type { BucketKind } from '../../enforce/ledger.js';
import type { SeriesCall, SeriesReply } from '../../series/series-store.js';
import { LeaseStore } from './lease-store.js';
import { MemorySeries } from './memory-series.js';

export type StoreRequest =
  | {
      readonly about: 'lease';
      readonly tenant: string;
      readonly kind: BucketKind;
      readonly call: LeaseCall;
    }
  | { readonly about: 'election'; readonly tenant: string; readonly call: ElectionCall }
  | { readonly about: 'series'; readonly tenant: string; readonly call: SeriesCall };

export type StoreReply = LeaseReply | ElectionReply | SeriesReply;

/** A tenant has one of each kind. */
const BUCKETS_PER_TENANT = 3;

interface TenantElections {
  readonly table: ElectionTable;
  usedMs: number;
}

export class MemoryStore {
  readonly #maxTenants: number;
  readonly #buckets: LeaseStore;
  readonly #series: MemorySeries;
  /** In the order of last use. */
  readonly #elections = new Map<string, TenantElections>();

  /** No two generations may be the same, not even over two lives of the store. */
  constructor(newGeneration: () => string, maxTenants: number, maxSeries: number) {
    this.#series = new MemorySeries({ maxSeries, maxTenants, epoch: newGeneration() });
    this.#maxTenants = maxTenants;
    this.#buckets = new LeaseStore(newGeneration, BUCKETS_PER_TENANT * maxTenants);
  }

  get buckets(): number {
    return this.#buckets.size;
  }

  get series(): number {
    return this.#series.series;
  }

  answer(request: StoreRequest, nowMs: number): StoreReply {
    if (request.about === 'election') return this.#elect(request.tenant, request.call, nowMs);
    if (request.about === 'series') return this.#series.admit(request.tenant, request.call, nowMs);
    return this.#buckets.apply(`${request.kind} ${request.tenant}`, request.call, nowMs);
  }

  /** Forgets series that are idle, a part of them each time: called ten times a second. */
  tick(nowMs: number): void {
    this.#series.tick(nowMs);
  }

  /** Forgets what nobody has asked for since it was as good as new. */
  expire(nowMs: number): void {
    this.#buckets.expire(nowMs);
    for (const [tenant, { usedMs }] of this.#elections) {
      if (nowMs - usedMs >= FORGET_MS) this.#elections.delete(tenant);
    }
  }

  #elect(tenant: string, { ha, resign, ...times }: ElectionCall, nowMs: number): ElectionReply {
    const { table } = this.#electionsOf(tenant, nowMs);
    if (resign) {
      table.resign(ha);
      return undefined;
    }
    const election = table.elect(ha, { ...times, updateJitterMs: 0 }, nowMs);
    return election && { replica: election.replica, ageMs: nowMs - election.notedMs };
  }

  #electionsOf(tenant: string, nowMs: number): TenantElections {
    let elections = this.#elections.get(tenant);
    if (elections === undefined) {
      const oldest = this.#elections.keys().next();
      if (this.#elections.size >= this.#maxTenants && !oldest.done) this.#elections.delete(oldest.value);
      elections = { table: new ElectionTable(), usedMs: nowMs };
    }
    elections.usedMs = nowMs;
    this.#elections.delete(tenant);
    this.#elections.set(tenant, elections);
    return elections;
  }
}
