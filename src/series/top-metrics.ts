/**
 * Which metrics make a tenant's series: the twenty with the most active ones, and the twenty with the most new ones
 * in the last 10 to 15 minutes. One walk goes over the records of all metrics, some thousand at a time, and finds
 * both; only what it finds gets a name, read from a push that has it.
 */
import type { TopMetric } from '../enforce/series.js';
import type { Push } from '../payload/push.js';
import type { SeriesTable } from './series-table.js';

export const TOP = 20;
/** A walk over a hundred thousand metrics takes five seconds. */
const PLACES_A_STEP = 2048;
const WALK_EVERY_MS = 5000;
/** Of those that a walk has found metrics for: ten thousand at once would hold up everybody else. */
const TENANTS_A_STEP = 256;
/** Looking through a push for names costs about as much as looking up its series, and a name a little more. */
const NAMES_EVERY_MS = 1000;
const NAMES_A_LOOK = 4;

interface Candidate extends TopMetric {
  readonly metric: number;
  readonly id: number;
}

interface Found {
  readonly active: Candidate[];
  readonly fresh: Candidate[];
}

class TenantTops {
  active: Candidate[] = [];
  fresh: Candidate[] = [];
  /** By the id of the metric. */
  names = new Map<number, string>();
  wanted = 0;
  lookedAtMs = Number.NEGATIVE_INFINITY;
}

export class TopMetrics {
  readonly #table: SeriesTable;
  readonly #nameMetric: (push: Push, row: number) => string;
  readonly #tenants = new Map<number, TenantTops>();
  /** What the walk under way has found. */
  #found = new Map<number, Found>();
  /** What the last walk has found and nobody is told yet. */
  #ending = new Map<number, Found>();
  #place = 0;
  #walkAtMs = Number.NEGATIVE_INFINITY;

  constructor(table: SeriesTable, nameMetric: (push: Push, row: number) => string) {
    this.#table = table;
    this.#nameMetric = nameMetric;
  }

  of(tenant: number, by: 'active' | 'new'): readonly TopMetric[] {
    const tops = this.#tenants.get(tenant);
    if (tops === undefined) return [];
    return (by === 'active' ? tops.active : tops.fresh).map(({ id, series, newSeries }) => ({
      name: tops.names.get(id),
      series,
      newSeries,
    }));
  }

  forget(tenant: number): void {
    this.#tenants.delete(tenant);
    this.#found.delete(tenant);
    this.#ending.delete(tenant);
  }

  /** Goes on with the walk. */
  walk(nowMs: number, window: number): void {
    if (this.#ending.size > 0) {
      this.#tellSome();
      return;
    }
    if (this.#place === 0 && nowMs < this.#walkAtMs) return;
    const places = this.#table.metricPlaces;
    const end = Math.min(places, this.#place + PLACES_A_STEP);
    for (; this.#place < end; this.#place++) this.#look(this.#table.metricAt(this.#place), window);
    if (this.#place < places) return;
    this.#place = 0;
    this.#walkAtMs = nowMs + WALK_EVERY_MS;
    this.#finish();
    this.#tellSome();
  }

  /** A push of the tenant: it may have metrics whose names are wanted. */
  seen(tenant: number, push: Push, nowMs: number): void {
    const tops = this.#tenants.get(tenant);
    if (tops === undefined || tops.wanted === 0 || nowMs - tops.lookedAtMs < NAMES_EVERY_MS) return;
    tops.lookedAtMs = nowMs;
    let names = 0;
    this.#table.findWanted(push, tenant, (row, metric) => {
      if (names++ >= NAMES_A_LOOK) return;
      tops.names.set(this.#table.idOfMetric(metric), this.#nameMetric(push, row));
      this.#table.wantName(metric, false);
      tops.wanted--;
    });
  }

  #look(metric: number, window: number): void {
    const table = this.#table;
    const series = table.seriesOfMetric(metric);
    if (series === 0) return;
    const tenant = table.tenantOfMetric(metric);
    let found = this.#found.get(tenant);
    if (found === undefined) {
      found = { active: [], fresh: [] };
      this.#found.set(tenant, found);
    }
    const newSeries = table.newSeriesOfMetric(metric, window);
    const last = found.active[TOP - 1]?.series ?? 0;
    const lastFresh = found.fresh[TOP - 1]?.newSeries ?? 0;
    if (series <= last && newSeries <= lastFresh) return;
    const candidate = { metric, id: table.idOfMetric(metric), name: undefined, series, newSeries };
    if (series > last) insert(found.active, candidate, (one) => one.series);
    if (newSeries > lastFresh) insert(found.fresh, candidate, (one) => one.newSeries);
  }

  /** The walk is over. */
  #finish(): void {
    for (const tenant of this.#tenants.keys()) if (!this.#found.has(tenant)) this.#tenants.delete(tenant);
    this.#ending = this.#found;
    this.#found = new Map();
  }

  #tellSome(): void {
    let left = TENANTS_A_STEP;
    for (const [tenant, found] of this.#ending) {
      this.#ending.delete(tenant);
      this.#tell(tenant, found);
      if (--left === 0) return;
    }
  }

  /** What was found becomes what is told; names that are not there yet are wanted from now on, others no more. */
  #tell(tenant: number, { active, fresh }: Found): void {
    const tops = this.#tenants.get(tenant) ?? new TenantTops();
    const names = new Map<number, string>();
    const unnamed = new Set<number>();
    for (const { metric, id } of [...active, ...fresh]) {
      const name = tops.names.get(id);
      if (name === undefined) unnamed.add(metric);
      else names.set(id, name);
    }
    for (const { metric, id } of [...tops.active, ...tops.fresh]) {
      if (this.#table.idOfMetric(metric) === id) this.#table.wantName(metric, false);
    }
    for (const metric of unnamed) this.#table.wantName(metric, true);
    tops.active = active;
    tops.fresh = fresh;
    tops.names = names;
    tops.wanted = unnamed.size;
    this.#tenants.set(tenant, tops);
  }
}

/** Into a list of the largest, largest first. */
function insert(list: Candidate[], candidate: Candidate, by: (one: Candidate) => number): void {
  if (list.length === TOP) list.pop();
  let at = list.length;
  while (at > 0 && by(list[at - 1] ?? candidate) < by(candidate)) at--;
  list.splice(at, 0, candidate);
}
