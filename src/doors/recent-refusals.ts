/**
 * The last refusals, in a ring of bounded size. One entry stands for all refusals of a tenant for one reason in one
 * second, so that a tenant that is refused a thousand times a second does not push the others out.
 */
import { REASON_INDEX, type Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';
import type { Tenant } from '../enforce/tenant.js';

export interface RecentRefusal {
  /** On the clock of Date.now(): the first of those that it stands for. */
  readonly atMs: number;
  /** Undefined: the push named none, or none that may send. */
  readonly tenant: string | undefined;
  readonly reason: Reason;
  readonly status: number;
  /** Let pass all the same: shadow mode. */
  readonly shadow: boolean;
  /** Refusals that it stands for. What follows is of the first. */
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

/** What is to be known of them elsewhere. */
export interface RefusalList {
  /** Changes with every refusal. */
  readonly version: number;
  /** The newest first. */
  newest(limit: number, filter?: RefusalFilter): readonly RecentRefusal[];
}

/** Refusals of a tenant for one reason within this time are one entry. */
export const ONE_ENTRY_MS = 1000;
/** A message names the first series at fault, whose labels may be long. */
const MAX_MESSAGE = 1000;

export class RecentRefusals implements RefusalList {
  readonly #ring: (RecentRefusal | undefined)[];
  /** By tenant and reason: the last entry. */
  readonly #last = new WeakMap<object, (RecentRefusal | undefined)[]>();
  readonly #unattributed = {};
  /** For tenants that are gone after their push: those of one name are one entry while no other comes between. */
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

  /** Entries there ever were. */
  get recorded(): number {
    return this.#recorded;
  }

  newest(limit: number, filter: RefusalFilter = {}): RecentRefusal[] {
    return firstMatching(this.#backwards(0), limit, filter);
  }

  /** Those that are held of what was recorded after there had been so many, the oldest first. */
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

/** `newestFirst` is looked at as far as it is needed. */
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
