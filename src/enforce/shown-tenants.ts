/**
 * Chooses the tenants that have lines of their own in /metrics, and adds up all others. No counter falls when a tenant
 * gains or loses its lines: its own begin at what it counts from then on, and the line of the others never repeats what
 * they said.
 */
import { Tally } from './tally.js';

export interface CountedTenant {
  readonly id: string;
  readonly tally: Tally;
}

/** A snapshot of all tenants' counts. */
export interface Counted<T extends CountedTenant> {
  readonly tenants: readonly T[];
  /** Of tenants that have left memory. */
  readonly departed: Tally;
}

export interface Shown<T extends CountedTenant> {
  readonly tenants: readonly { readonly tenant: T; readonly tally: Tally }[];
  readonly others: Tally;
}

/** How often the choice is made anew, so that a tenant that sends less for a while keeps its lines. */
const PICK_MS = 5 * 60_000;

interface Place {
  readonly tally: Tally;
  /** What the common line said of it before it had its own. */
  readonly before: Tally;
  /** What its own lines said last. */
  told: Tally;
}

export class ShownTenants {
  readonly #most: number;
  readonly #places = new Map<string, Place>();
  /** What lines that have ended said. */
  readonly #ended = new Tally();
  /** Counted in the common line, or in lines of their own, before. */
  readonly #said = new WeakSet<Tally>();
  /** Samples when the choice was last made. */
  readonly #samples = new WeakMap<Tally, number>();
  #pickedMs = Number.NEGATIVE_INFINITY;

  /** Infinity: all tenants are shown. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether it had lines of its own at the last scrape. */
  has(id: string): boolean {
    return this.#most === Number.POSITIVE_INFINITY || this.#places.has(id);
  }

  show<T extends CountedTenant>({ tenants, departed }: Counted<T>, nowMs: number): Shown<T> {
    if (this.#most === Number.POSITIVE_INFINITY) {
      return { tenants: tenants.map((tenant) => ({ tenant, tally: tenant.tally })), others: departed };
    }
    this.#endThoseGone(tenants);
    if (nowMs - this.#pickedMs >= PICK_MS) this.#giveAll(tenants, nowMs);
    else this.#giveFree(tenants);
    return this.#counted(tenants, departed);
  }

  #counted<T extends CountedTenant>(tenants: readonly T[], departed: Tally): Shown<T> {
    const others = new Tally();
    others.absorb(departed);
    others.absorb(this.#ended, -1);
    const shown: { tenant: T; tally: Tally }[] = [];
    for (const tenant of tenants) {
      this.#said.add(tenant.tally);
      others.absorb(tenant.tally);
      const place = this.#places.get(tenant.id);
      if (place === undefined) continue;
      const tally = since(place);
      place.told = tally;
      others.absorb(tally, -1);
      shown.push({ tenant, tally });
    }
    return { tenants: shown, others };
  }

  /** A tenant that left memory and came back has another tally. */
  #endThoseGone(tenants: readonly CountedTenant[]): void {
    if (this.#places.size === 0) return;
    const tallies = new Set(tenants.map(({ tally }) => tally));
    for (const [id, { tally }] of this.#places) if (!tallies.has(tally)) this.#end(id);
  }

  #giveAll(tenants: readonly CountedTenant[], nowMs: number): void {
    const busiest = this.#busiest(tenants, this.#most);
    const ids = new Set(busiest.map(({ id }) => id));
    for (const id of this.#places.keys()) if (!ids.has(id)) this.#end(id);
    for (const tenant of busiest) if (!this.#places.has(tenant.id)) this.#give(tenant);
    for (const { tally } of tenants) this.#samples.set(tally, tally.samples);
    this.#pickedMs = nowMs;
  }

  #giveFree(tenants: readonly CountedTenant[]): void {
    const free = this.#most - this.#places.size;
    if (free === 0) return;
    const without = tenants.filter(({ id }) => !this.#places.has(id));
    for (const tenant of this.#busiest(without, free)) this.#give(tenant);
  }

  #busiest(tenants: readonly CountedTenant[], most: number): CountedTenant[] {
    const sent = ({ tally }: CountedTenant): number => tally.samples - (this.#samples.get(tally) ?? 0);
    return [...tenants].sort((a, b) => sent(b) - sent(a)).slice(0, most);
  }

  #give({ id, tally }: CountedTenant): void {
    const before = new Tally();
    if (this.#said.has(tally)) before.absorb(tally);
    this.#places.set(id, { tally, before, told: new Tally() });
  }

  #end(id: string): void {
    const place = this.#places.get(id);
    // What it counts from now on goes to the common line.
    if (place !== undefined) this.#ended.absorb(place.told);
    this.#places.delete(id);
  }
}

function since({ tally, before }: Place): Tally {
  const counted = new Tally();
  counted.absorb(tally);
  counted.absorb(before, -1);
  return counted;
}
