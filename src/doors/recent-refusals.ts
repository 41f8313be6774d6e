/**
 * The last refusals, in a ring of bounded size. One entry stands for all refusals of a tenant for one reason within a
 * second, so that a tenant that is refused a thousand times a second does not push others out.
 */
import { REASON_INDEX, type Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';
import type { Tenant } from '../enforce/tenant.js';

export interface RecentRefusal {
  /** By Date.now(), of the first refusal in the entry. */
  readonly atMs: number;
  /** Undefined: the push named no tenant that may send. */
  readonly tenant: string | undefined;
  readonly reason: Reason;
  readonly status: number;
  /** It passed all the same: shadow mode. */
  readonly shadow: boolean;
  /** The number of refusals in this entry. The fields below are those of the first. */
  count: number;
  readonly message: string;
  readonly requestId: string;
  readonly observed: number | undefined;
  readonly allowed: number | undefined;
  readonly retryAfterSeconds: number | undefined;
}

export interface RefusalFilter {
  readonly tenant?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly sinceMs?: number | undefined;
}

/** The list as others read it. */
export interface RefusalList {
  /** Changes with every refusal. */
  readonly version: number;
  /** Newest first. */
  newest(limit: number, filter?: RefusalFilter): readonly RecentRefusal[];
}

/** Refusals of a tenant for one reason within this time are one entry. */
export const ONE_ENTRY_MS = 1000;
/** A message contains the first faulty series, whose labels may be long. */
const MAX_MESSAGE = 1000;

export class RecentRefusals implements RefusalList {
  readonly #ring: (RecentRefusal | undefined)[];
  /** The last entry for each tenant and reason. */
  readonly #last = new WeakMap<object, (RecentRefusal | undefined)[]>();
  readonly #unattributed = {};
  /** Stands for tenants that are not held: refusals with the same name share an entry until another name comes. */
  readonly #withoutRoom = {};
  #recorded = 0;
  #version = 0;

  constructor(size: number) {
    this.#ring = new Array<RecentRefusal | undefined>(size).fill(undefined);
  }

  /** Changes with every refusal. */
  get version(): number {
    return this.#version;
  }

  refused(
    tenant: Tenant | undefined,
    refusal: Refusal,
    requestId: string,
    shadow: boolean,
    atMs: number,
  ): void {
    this.#version++;
    const key = tenant === undefined ? this.#unattributed : tenant.isHeld ? tenant : this.#withoutRoom;
    let byReason = this.#last.get(key);
    if (byReason === undefined) {
      byReason = [];
      this.#last.set(key, byReason);
    }
    const last = byReason[REASON_INDEX[refusal.reason]];
    const isSame = last?.tenant === tenant?.id && last?.shadow === shadow;
    if (last !== undefined && isSame && atMs - last.atMs < ONE_ENTRY_MS) {
      last.count++;
      return;
    }
    const { reason, status, message, observed, allowed, retryAfterSeconds } = refusal;
    const entry: RecentRefusal = {
      atMs,
      tenant: tenant?.id,
      reason,
      status,
      shadow,
      count: 1,
      message: message.slice(0, MAX_MESSAGE),
      requestId,
      observed,
      allowed,
      retryAfterSeconds,
    };
    byReason[REASON_INDEX[reason]] = entry;
    this.#ring[this.#recorded++ % this.#ring.length] = entry;
  }

  /** The number of entries ever recorded. */
  get recorded(): number {
    return this.#recorded;
  }

  newest(limit: number, filter: RefusalFilter = {}): RecentRefusal[] {
    return firstMatching(this.#backwards(0), limit, filter);
  }

  /** The entries still held among those recorded after the given number, oldest first. */
  after(recorded: number): RecentRefusal[] {
    return [...this.#backwards(recorded)].reverse();
  }

  *#backwards(from: number): Generator<RecentRefusal> {
    const oldest = Math.max(from, this.#recorded - this.#ring.length);
    for (let i = this.#recorded - 1; i >= oldest; i--) {
      const entry = this.#ring[i % this.#ring.length];
      if (entry !== undefined) yield entry;
    }
  }
}

/** Reads `newestFirst` only as far as needed. */
export function firstMatching(
  newestFirst: Iterable<RecentRefusal>,
  limit: number,
  { tenant, reason, sinceMs = 0 }: RefusalFilter,
): RecentRefusal[] {
  const found: RecentRefusal[] = [];
  for (const entry of newestFirst) {
    if (found.length >= limit || entry.atMs < sinceMs) break;
    if (tenant !== undefined && entry.tenant !== tenant) continue;
    if (reason !== undefined && entry.reason !== reason) continue;
    found.push(entry);
  }
  return found;
}
