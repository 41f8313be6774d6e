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

/** A message names the first series at fault, whose labels may be long. */
const MAX_MESSAGE = 1000;

export class RecentRefusals implements RefusalList {
  readonly #ring: (RecentRefusal | undefined)[];
  /** By tenant and reason: the last entry. */
  readonly #last = new WeakMap<object, (RecentRefusal | undefined)[]>();
  readonly #unattributed = {};
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
    const key = tenant ?? this.#unattributed;
    let byReason = this.#last.get(key);
    if (byReason === undefined) {
      byReason = [];
      this.#last.set(key, byReason);
    }
    const last = byReason[REASON_INDEX[refusal.reason]];
    if (last !== undefined && last.shadow === shadow && atMs - last.atMs < 1000) {
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

  /** The newest first. */
  newest(limit: number, { tenant, reason, sinceMs = 0 }: RefusalFilter = {}): RecentRefusal[] {
    const found: RecentRefusal[] = [];
    const held = Math.min(this.#recorded, this.#ring.length);
    for (let i = 1; i <= held && found.length < limit; i++) {
      const entry = this.#ring[(this.#recorded - i) % this.#ring.length];
      if (entry === undefined || entry.atMs < sinceMs) break;
      if (tenant !== undefined && entry.tenant !== tenant) continue;
      if (reason !== undefined && entry.reason !== reason) continue;
      found.push(entry);
    }
    return found;
  }
}
