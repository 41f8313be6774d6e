/**
 * Each tenant's twenty metrics with the most active series, and the twenty with the most new series in the last 10 to 15
 * minutes. One walk over the records of all metrics, some thousand at a time, finds both; only these get a name, read from
 * a push that has them.
 */
import type { TopMetric } from '../enforce/series.js';
import type { Push } from '../payload/push.js';
import type { SeriesTable } from './series-table.js';

export const TOP = 20;
/** At this rate a walk over a hundred thousand metrics takes five seconds. */
const RECORDS_A_STEP = 2048;
const WALK_EVERY_MS = 5000;
/** Publishing ten thousand tenants at once would block the event loop. */
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

/** The published lists of a tenant. */
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
  /** By the tenant's index in the table. */
  readonly #tenants = new Map<number, TenantTops>();
  /** Found by the current walk. */
  #found = new Map<number, Found>();
  /** Found by the last walk and not published yet. */
  #unpublished = new Map<number, Found>();
  /** The next record to visit. */
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

  /** Continues the walk. */
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

  /** Looks for wanted metric names in a push of the tenant. */
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

  /** A tenant without any finding has no metrics any more. */
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

  /** From now on missing names are wanted, and those of metrics that left the lists are not. */
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

/** Inserts into a list that is sorted in descending order. */
function insert(list: Candidate[], candidate: Candidate, by: (one: Candidate) => number): void {
  if (list.length === TOP) list.pop();
  let at = list.length;
  while (at > 0 && by(list[at - 1] ?? candidate) < by(candidate)) at--;
  list.splice(at, 0, candidate);
}
