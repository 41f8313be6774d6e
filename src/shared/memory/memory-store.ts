/**
 * The store of a process whose workers share buckets, elections and series, as Redis would keep them. Holds the state of a
 * limited number of tenants; beyond it, the least recently used is forgotten, first among those that no document names.
 */

import { ElectionTable, FORGET_MS } from '../../elections/election-table.js';
import type { ElectCall, ElectReply, ResignCall } from '../../elections/shared-elections.js';
import type { HashKey } from '../../payload/hash-key.js';
import type { StoreReply, StoreRequest } from '../protocol.js';
import { MemoryBuckets } from './memory-buckets.js';
import { MemoryLimits } from './memory-limits.js';
import { MemorySeries } from './memory-series.js';
import { TenantsInUse } from './tenants-in-use.js';

/** Each tenant has one of each kind. */
const BUCKETS_PER_TENANT = 3;

interface TenantElections {
  readonly table: ElectionTable;
  usedMs: number;
}

export class MemoryStore {
  /** The one that was offered first. */
  #hashKey: HashKey | undefined;
  readonly #limits = new MemoryLimits();
  readonly #buckets: MemoryBuckets;
  readonly #series: MemorySeries;
  readonly #elections: TenantsInUse<TenantElections>;

  /** `newIncarnation`: never returns the same value, not even after a restart. `isKnown`: a document names the tenant. */
  constructor(
    newIncarnation: () => string,
    maxTenants: number,
    maxSeries: number,
    isKnown: (tenant: string) => boolean = () => true,
  ) {
    this.#series = new MemorySeries({ maxSeries, maxTenants, isKnown, epoch: newIncarnation() });
    this.#elections = new TenantsInUse(maxTenants, isKnown);
    this.#buckets = new MemoryBuckets(newIncarnation, BUCKETS_PER_TENANT * maxTenants);
  }

  get buckets(): number {
    return this.#buckets.size;
  }

  get series(): number {
    return this.#series.series;
  }

  answer(request: StoreRequest, nowMs: number): StoreReply {
    const { tenant } = request;
    switch (request.kind) {
      case 'lease':
        return this.#buckets.lease(tenant, request.call, nowMs);
      case 'elect':
        return this.#elect(tenant, request.call, nowMs);
      case 'resign':
        return this.#resign(tenant, request.call, nowMs);
      case 'admit':
        return this.#series.admit(tenant, request.call, nowMs);
      case 'announce':
        return this.#series.announce(tenant, request.call, nowMs);
      case 'reserve':
        return this.#series.reserve(tenant, request.call, nowMs);
      case 'hashKey':
        this.#hashKey ??= request.call.own;
        return this.#hashKey;
      case 'limits':
        return this.#limits.stand(request.call, nowMs);
    }
  }

  /** Forgets idle series, part of them at each call: called ten times a second. */
  tick(nowMs: number): void {
    this.#series.tick(nowMs);
  }

  /** Forgets state that nobody has used since it became as good as new. */
  expire(nowMs: number): void {
    this.#buckets.expire(nowMs);
    for (const [tenant, { usedMs }] of this.#elections.entries()) {
      if (nowMs - usedMs >= FORGET_MS) this.#elections.delete(tenant);
    }
  }

  #elect(tenant: string, { ha, ...rules }: ElectCall, nowMs: number): ElectReply {
    const table = this.#electionsOf(tenant, nowMs);
    const election = table.elect(ha, rules, nowMs);
    return election && { replica: election.replica, ageMs: nowMs - election.notedMs };
  }

  #resign(tenant: string, { ha }: ResignCall, nowMs: number): undefined {
    this.#electionsOf(tenant, nowMs).resign(ha);
  }

  /** A tenant for which there is no room gets elections for this one call, so both replicas of a pair may be elected. */
  #electionsOf(tenant: string, nowMs: number): ElectionTable {
    const known = this.#elections.use(tenant);
    if (known !== undefined) {
      known.usedMs = nowMs;
      return known.table;
    }
    const table = new ElectionTable();
    const leaves = this.#elections.leavesFor(tenant);
    if (leaves === 'none') return table;
    if (leaves !== 'nobody') this.#elections.delete(leaves[0]);
    this.#elections.add(tenant, { table, usedMs: nowMs });
    return table;
  }
}
