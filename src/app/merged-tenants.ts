/**
 * The tenants of several data planes as one list. Counts are added up and never fall, whichever data plane ends. As several
 * data planes may see the same series, active series are those of the one that sees most.
 *
 * A tenant stays while some data plane has it in memory. Of the others, which no longer are in any, the last to leave stay
 * while there are no more than `maxTenants` in all.
 */
import type { TenantState, TopMetrics } from '../admin/edge.js';
import type { TopMetric } from '../enforce/series.js';
import { TALLY_NUMBERS, Tally } from '../enforce/tally.js';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import { effectiveLimits, effectiveMode, type LimitsInForce } from '../limits/effective.js';
import type { Mode, TenantLimits } from '../limits/limits.js';
import type { TenantChanges } from './planes.js';

interface MergedTenantsOptions {
  readonly maxTenants: number;
  /** Replicas share state across machines: the sum here is not the total. */
  readonly beyondMachine: boolean;
  readonly inForce: () => LimitsInForce;
}

interface Series {
  active: number;
  fleet: number;
}

class MergedTenant implements TenantState {
  readonly id: string;
  readonly tally = new Tally();
  readonly #options: MergedTenantsOptions;
  /** By worker: those that have it in memory. */
  readonly holders = new Map<number, Series>();

  constructor(id: string, options: MergedTenantsOptions) {
    this.id = id;
    this.#options = options;
  }

  get limits(): TenantLimits {
    return effectiveLimits(this.#options.inForce().snapshot, this.id);
  }

  get mode(): Mode {
    return effectiveMode(this.#options.inForce(), this.id);
  }

  get series(): { active: number; fleet: number | undefined } | undefined {
    let active = Number.NaN;
    let fleet = Number.NaN;
    for (const held of this.holders.values()) {
      active = larger(active, held.active);
      // A worker that sees none of its series may have an old total.
      if (held.active > 0) fleet = larger(fleet, held.fleet);
    }
    if (Number.isNaN(active)) return undefined;
    if (this.#options.beyondMachine) return { active, fleet: Number.isNaN(fleet) ? undefined : fleet };
    return { active: larger(active, fleet), fleet: undefined };
  }
}

export class MergedTenants {
  readonly #options: MergedTenantsOptions;
  readonly #byId = new Map<string, MergedTenant>();
  /** In no data plane's memory; the first to leave comes first. */
  readonly #unheld = new Set<MergedTenant>();
  readonly #unattributed: Tally = new Tally();
  /** The counts of tenants that were dropped. */
  readonly departed = new Tally();

  constructor(options: MergedTenantsOptions) {
    this.#options = options;
  }

  values(): Iterable<TenantState> {
    return this.#byId.values();
  }

  get(id: string): TenantState | undefined {
    return this.#byId.get(id);
  }

  unattributed(): TenantState {
    const { mode, snapshot } = this.#options.inForce();
    return { id: NO_TENANT, mode, limits: snapshot.defaults, tally: this.#unattributed, series: undefined };
  }

  change(worker: number, { ids, added, discarded, active, fleet, left }: TenantChanges): void {
    const tallies = ids.map((id, index) => {
      if (id === NO_TENANT) return this.#unattributed;
      if (id === OTHER_TENANTS) return this.departed;
      const tenant = this.#hold(id);
      tenant.holders.set(worker, { active: active[index] ?? Number.NaN, fleet: fleet[index] ?? Number.NaN });
      return tenant.tally;
    });
    let next = 0;
    for (const tally of tallies) for (const name of TALLY_NUMBERS) tally[name] += added[next++] ?? 0;
    for (const { tenant, kind, added: counts } of discarded) tallies[tenant]?.absorbDiscarded(kind, counts);
    for (const id of left) this.#release(worker, this.#byId.get(id));
    this.#dropUnheld();
  }

  /** A data plane has ended, with its tenants; its counts remain. */
  end(worker: number): void {
    for (const tenant of this.#byId.values()) this.#release(worker, tenant);
    this.#dropUnheld();
  }

  #hold(id: string): MergedTenant {
    const tenant = this.#byId.get(id) ?? new MergedTenant(id, this.#options);
    this.#byId.set(id, tenant);
    this.#unheld.delete(tenant);
    return tenant;
  }

  #release(worker: number, tenant: MergedTenant | undefined): void {
    if (tenant?.holders.delete(worker) && tenant.holders.size === 0) this.#unheld.add(tenant);
  }

  #dropUnheld(): void {
    for (const tenant of this.#unheld) {
      if (this.#byId.size <= this.#options.maxTenants) return;
      this.#unheld.delete(tenant);
      this.#byId.delete(tenant.id);
      this.departed.absorb(tenant.tally);
    }
  }
}

/** For each metric, the figures of the data plane that sees most of it. */
export function mergedTopMetrics(each: readonly TopMetrics[], most: number): TopMetrics {
  return {
    active: merged(
      each.flatMap(({ active }) => active),
      'series',
      most,
    ),
    new: merged(
      each.flatMap((one) => one.new),
      'newSeries',
      most,
    ),
  };
}

function merged(metrics: readonly TopMetric[], by: 'series' | 'newSeries', most: number): TopMetric[] {
  // Metrics without a known name may be any.
  const nameless = metrics.filter(({ name }) => name === undefined);
  const byName = new Map<string, TopMetric>();
  for (const metric of metrics) {
    if (metric.name === undefined) continue;
    const other = byName.get(metric.name);
    byName.set(metric.name, {
      name: metric.name,
      series: Math.max(metric.series, other?.series ?? 0),
      newSeries: Math.max(metric.newSeries, other?.newSeries ?? 0),
    });
  }
  return [...byName.values(), ...nameless].sort((a, b) => b[by] - a[by]).slice(0, most);
}

function larger(one: number, other: number): number {
  if (Number.isNaN(one)) return other;
  return other > one ? other : one;
}
