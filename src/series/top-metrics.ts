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
const RECORDS_A_STEP = 2048;
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
  readonly newest: Candidate[];
}

/** What is published of a tenant. */
class TenantTops {
  active: Candidate[] = [];
  newest: Candidate[] = [];
  /** By the id of the metric. */
  names = new Map<number, string>();
  /** How many of them have no name yet. */
  unnamed = 0;
  lookedAtMs = Number.NEGATIVE_INFINITY;
}

export class TopMetrics {
  readonly #table: SeriesTable;
  readonly #nameMetric: (push: Push, row: number) => string;
  /** By the tenants' indexes in the table. */
  readonly #tenants = new Map<number, TenantTops>();
  /** What the walk under way has found. */
  #found = new Map<number, Found>();
  /** What the last walk has found and is not published yet. */
  #unpublished = new Map<number, Found>();
  /** The next record of the walk. */
  #record = 0;
  #walkAtMs = Number.NEGATIVE_INFINITY;

  constructor(table: SeriesTable, nameMetric: (push: Push, row: number) => string) {
    this.#table = table;
    this.#nameMetric = nameMetric;
  }

  of(tenantIndex: number, by: 'active' | 'new'): readonly TopMetric[] {
    const tops = this.#tenants.get(tenantIndex);
    if (tops === undefined) return [];
    return (by === 'active' ? tops.active : tops.newest).map(({ id, series, newSeries }) => ({
      name: tops.names.get(id),
      series,
      newSeries,
    }));
  }

  forget(tenantIndex: number): void {
    this.#tenants.delete(tenantIndex);
    this.#found.delete(tenantIndex);
    this.#unpublished.delete(tenantIndex);
  }

  /** Goes on with the walk. */
  walk(nowMs: number, window: number): void {
    if (this.#unpublished.size > 0) {
      this.#publishSome();
      return;
    }
    if (this.#record === 0 && nowMs < this.#walkAtMs) return;
    const { metrics } = this.#table;
    const { records } = metrics;
    const end = Math.min(records, this.#record + RECORDS_A_STEP);
    for (; this.#record < end; this.#record++) this.#look(metrics.at(this.#record), window);
    if (this.#record < records) return;
    this.#record = 0;
    this.#walkAtMs = nowMs + WALK_EVERY_MS;
    this.#finishWalk();
    this.#publishSome();
  }

  /** A push of the tenant: it may have metrics whose names are wanted. */
  lookForNames(tenantIndex: number, push: Push, nowMs: number): void {
    const tops = this.#tenants.get(tenantIndex);
    if (tops === undefined || tops.unnamed === 0 || nowMs - tops.lookedAtMs < NAMES_EVERY_MS) return;
    tops.lookedAtMs = nowMs;
    const { metrics } = this.#table;
    let names = 0;
    this.#table.findWanted(push, tenantIndex, (row, metric) => {
      if (names++ >= NAMES_A_LOOK) return;
      tops.names.set(metrics.idOf(metric), this.#nameMetric(push, row));
      metrics.wantName(metric, false);
      tops.unnamed--;
    });
  }

  #look(metric: number, window: number): void {
    const { metrics } = this.#table;
    const series = metrics.seriesOf(metric);
    if (series === 0) return;
    const tenantIndex = metrics.tenantOf(metric);
    let found = this.#found.get(tenantIndex);
    if (found === undefined) {
      found = { active: [], newest: [] };
      this.#found.set(tenantIndex, found);
    }
    const newSeries = metrics.newSeriesOf(metric, window);
    const last = found.active[TOP - 1]?.series ?? 0;
    const lastNew = found.newest[TOP - 1]?.newSeries ?? 0;
    if (series <= last && newSeries <= lastNew) return;
    const candidate = { metric, id: metrics.idOf(metric), name: undefined, series, newSeries };
    if (series > last) insert(found.active, candidate, (one) => one.series);
    if (newSeries > lastNew) insert(found.newest, candidate, (one) => one.newSeries);
  }

  /** A tenant that nothing was found for has no metrics any more. */
  #finishWalk(): void {
    for (const tenantIndex of this.#tenants.keys()) {
      if (!this.#found.has(tenantIndex)) this.#tenants.delete(tenantIndex);
    }
    this.#unpublished = this.#found;
    this.#found = new Map();
  }

  #publishSome(): void {
    let left = TENANTS_A_STEP;
    for (const [tenantIndex, found] of this.#unpublished) {
      this.#unpublished.delete(tenantIndex);
      this.#publish(tenantIndex, found);
      if (--left === 0) return;
    }
  }

  /** Names that are not there yet are wanted from now on, those of metrics that are not at the top any more are not. */
  #publish(tenantIndex: number, { active, newest }: Found): void {
    const { metrics } = this.#table;
    const tops = this.#tenants.get(tenantIndex) ?? new TenantTops();
    const names = new Map<number, string>();
    const unnamed = new Set<number>();
    for (const { metric, id } of [...active, ...newest]) {
      const name = tops.names.get(id);
      if (name === undefined) unnamed.add(metric);
      else names.set(id, name);
    }
    for (const { metric, id } of [...tops.active, ...tops.newest]) {
      if (metrics.idOf(metric) === id) metrics.wantName(metric, false);
    }
    for (const metric of unnamed) metrics.wantName(metric, true);
    tops.active = active;
    tops.newest = newest;
    tops.names = names;
    tops.unnamed = unnamed.size;
    this.#tenants.set(tenantIndex, tops);
  }
}

/** Into a list of the largest, largest first. */
function insert(list: Candidate[], candidate: Candidate, by: (one: Candidate) => number): void {
  if (list.length === TOP) list.pop();
  let at = list.length;
  while (at > 0 && by(list[at - 1] ?? candidate) < by(candidate)) at--;
  list.splice(at, 0, candidate);
}
