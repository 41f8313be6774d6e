/**
 * Hours and days of tenants out of a Prometheus, for the time before the edge kept a book: out of the edge's own metrics or
 * Mimir's. Asked for in small ranges, one question at a time, so that it harms nobody who looks at dashboards.
 *
 * A Prometheus knows counters at its scrapes alone. `resolutionSeconds` of such records says how far apart points are; within
 * a window of an arrival curve is what came in the fewest steps that are no shorter, and shorter windows are not known. What
 * `increase` makes of a counter is an estimate.
 */
import { messageOf } from '../base/message-of.js';
import { AnswerTooLarge, type PrometheusOptions } from '../base/prometheus.js';
import {
  EDGE_METRICS,
  type Level,
  type MetricsOf,
  MIMIR_METRICS,
  type Quantity,
  type Question,
} from './prometheus-metrics.js';
import { PrometheusReader, type PrometheusSeries } from './prometheus-series.js';
import { DAY_MS, dayOf, HOUR_MS, KEPT_DAYS, KEPT_HOURS, merged } from './records.js';
import { CURVE_WINDOWS, type UsageHistory, type UsageRecord } from './usage-record.js';

export interface PrometheusHistoryOptions extends PrometheusOptions {
  /** Undefined: all that there are. */
  readonly tenants?: readonly string[];
  /** Whole hours are read that lie between. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined: those that there are at the beginning, the edge's if there are both. */
  readonly metrics?: 'edge' | 'mimir';
  /** Further matchers, as in PromQL: `cluster="prod"`. */
  readonly selector?: string;
  /** Seconds from one point to the next, at least: scrapes that are rarer make it longer. */
  readonly stepSeconds?: number;
  /** Ingesters that hold each series. */
  readonly replicationFactor?: number;
  /** More tenants are an error. */
  readonly maxTenants?: number;
  /** 0 to 1. */
  readonly progress?: (done: number) => void;
}

const STEP_SECONDS = 60;
/** Prometheus answers no more than 11,000 points of a series, and this bounds what one answer takes in memory. */
const MOST_POINTS = 50_000;
const MOST_SECONDS_A_QUESTION = 6 * 3600;
const REPLICATION_FACTOR = 3;
const MAX_TENANTS = 10_000;
/** What is needed to know that a counter grew between two points. */
const SCRAPES_A_STEP = 4;
const SCRAPES_SECONDS = 600;
const TENANTS_A_MATCHER = 500;

/** Tenants in the order of their names. Rejects when the Prometheus can not be asked, or knows nothing of tenants. */
export async function readPrometheusHistory(options: PrometheusHistoryOptions): Promise<UsageHistory[]> {
  const reader = new PrometheusReader(options);
  try {
    return await new Reading(reader, options).all();
  } finally {
    await reader.close();
  }
}

class Reading {
  readonly #reader: PrometheusReader;
  readonly #options: PrometheusHistoryOptions;
  readonly #tenants = new Map<string, TenantReading>();

  constructor(reader: PrometheusReader, options: PrometheusHistoryOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  async all(): Promise<UsageHistory[]> {
    const { fromMs, toMs, progress, maxTenants = MAX_TENANTS } = this.#options;
    const from = Math.ceil(fromMs / HOUR_MS) * 3600;
    const to = Math.floor(toMs / HOUR_MS) * 3600;
    if (to <= from) return [];
    const metrics = await this.#metricsAt(from, to);
    const tenants = await this.#countTenants(metrics, to);
    if (tenants > maxTenants) {
      throw new Error(
        `there are ${tenants} tenants, and at most ${maxTenants} are read: name those that matter`,
      );
    }
    const step = await this.#step(metrics, to);
    let range = rangeFor(tenants, step);
    for (let at = from; at < to; ) {
      const until = Math.min(to, at + range);
      try {
        await this.#readRange(metrics, at, until, step);
      } catch (error) {
        if (!(error instanceof AnswerTooLarge) || range <= step) throw error;
        range = Math.max(step, Math.floor(range / 2 / step) * step);
        continue;
      }
      at = until;
      progress?.((at - from) / (to - from));
    }
    return [...this.#tenants]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([tenant, reading]) => reading.history(tenant, to * 1000));
  }

  async #metricsAt(from: number, to: number): Promise<MetricsOf> {
    const wanted = [EDGE_METRICS, MIMIR_METRICS].filter(
      ({ of }) => this.#options.metrics === undefined || of === this.#options.metrics,
    );
    for (const at of [from + 3600, to]) {
      for (const metrics of wanted) if ((await this.#countTenants(metrics, at)) > 0) return metrics;
    }
    const names = wanted.map(({ requests }) => requests).join(' nor ');
    throw new Error(`${this.#options.url} has no tenants in this time: neither ${names} is there`);
  }

  async #countTenants({ requests }: MetricsOf, at: number): Promise<number> {
    let count = 0;
    for (const match of this.#matchers()) {
      const found = await this.#reader.query(
        `count(count by (user) (last_over_time(${requests}{${match}}[1h])))`,
        at,
      );
      count += found[0]?.points[0]?.[1] ?? 0;
    }
    return count;
  }

  async #step({ requests }: MetricsOf, at: number): Promise<number> {
    const least = this.#options.stepSeconds ?? STEP_SECONDS;
    const [match = ''] = this.#matchers();
    const found = await this.#reader.query(
      `quantile(0.5, count_over_time(${requests}{${match}}[${SCRAPES_SECONDS}s]))`,
      at,
    );
    const scrapes = found[0]?.points[0]?.[1] ?? 0;
    const needed = scrapes > 0 ? (SCRAPES_A_STEP * SCRAPES_SECONDS) / scrapes : 0;
    // An hour has a whole number of steps.
    return [60, 120, 300, 600, 900, 1800, 3600].find((step) => step >= Math.max(least, needed)) ?? 3600;
  }

  async #readRange(metrics: MetricsOf, from: number, to: number, step: number): Promise<void> {
    const points = new Map<string, Map<number, Point>>();
    for (const question of metrics.questions) {
      for (const match of this.#matchers()) {
        const expr = question.expr.replaceAll('MATCH', match).replaceAll('STEP', `${step}s`);
        // A point has what came before it.
        const answer = await this.#reader.range(expr, from + step, to, step).catch((error: unknown) => {
          if (error instanceof AnswerTooLarge) throw error;
          throw new Error(`${question.what}: ${messageOf(error)}`);
        });
        for (const series of answer) this.#put(points, question, series, step);
      }
    }
    const covered = new Set([...points.values()].flatMap((ofTenant) => [...ofTenant.keys()]));
    for (const tenant of points.keys()) {
      if (!this.#tenants.has(tenant)) this.#tenants.set(tenant, new TenantReading(step));
    }
    for (const [tenant, reading] of this.#tenants) {
      const ofTenant = points.get(tenant);
      for (let start = from; start < to; start += step) {
        if (covered.has(start)) reading.add(start, ofTenant?.get(start) ?? emptyPoint());
        else reading.skip(start);
      }
    }
  }

  #put(
    points: Map<string, Map<number, Point>>,
    { what, replicated }: Question,
    { labels, points: values }: PrometheusSeries,
    step: number,
  ): void {
    const tenant = labels['user'];
    if (tenant === undefined || tenant === '') return;
    const ofTenant = points.get(tenant) ?? new Map<number, Point>();
    points.set(tenant, ofTenant);
    const divisor = replicated ? (this.#options.replicationFactor ?? REPLICATION_FACTOR) : 1;
    for (const [at, value] of values) {
      if (!Number.isFinite(value) || value < 0) continue;
      const start = at - step;
      const point = ofTenant.get(start) ?? emptyPoint();
      ofTenant.set(start, point);
      addTo(point, what, labels['reason'] ?? '', value / divisor);
    }
  }

  #matchers(): string[] {
    const { tenants, selector = '' } = this.#options;
    if (tenants === undefined) return [selector];
    const each: string[] = [];
    for (let first = 0; first < tenants.length; first += TENANTS_A_MATCHER) {
      const names = tenants
        .slice(first, first + TENANTS_A_MATCHER)
        .map(escaped)
        .join('|');
      each.push([`user=~"${names}"`, selector].filter((one) => one !== '').join(','));
    }
    return each;
  }
}

function rangeFor(tenants: number, step: number): number {
  const steps = Math.max(1, Math.floor(MOST_POINTS / Math.max(1, tenants)));
  return Math.min(Math.floor(MOST_SECONDS_A_QUESTION / step), steps) * step;
}

/** For a regular expression in a string of PromQL. */
function escaped(tenant: string): string {
  const pattern = tenant.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return pattern.replace(/[\\"]/g, '\\$&');
}

interface Point {
  requests: number;
  items: number;
  bytes: number;
  newSeries: number;
  activeSeries: number;
  series: number;
  refused: Map<string, { pushes: number; samples: number }>;
}

function emptyPoint(): Point {
  return {
    requests: 0,
    items: 0,
    bytes: Number.NaN,
    newSeries: Number.NaN,
    activeSeries: Number.NaN,
    series: Number.NaN,
    refused: new Map(),
  };
}

function addTo(point: Point, what: Quantity | Level, reason: string, value: number): void {
  if (what === 'refusedPushes' || what === 'refusedSamples') {
    const before = point.refused.get(reason) ?? { pushes: 0, samples: 0 };
    before[what === 'refusedPushes' ? 'pushes' : 'samples'] += value;
    point.refused.set(reason, before);
  } else {
    point[what] = Number.isNaN(point[what]) ? value : point[what] + value;
  }
}

const KINDS = ['items', 'requests', 'bytes'] as const;

/** One tenant's points, in order, as hours and days. */
class TenantReading {
  readonly #step: number;
  readonly #hours: UsageRecord[] = [];
  readonly #days: UsageRecord[] = [];
  /** Of the last hour, for windows over its end. */
  #last: Record<(typeof KINDS)[number], number>[] = [];
  #points: { readonly start: number; readonly point: Point }[] = [];
  #curves = emptyCurves();
  #hour: number | undefined;

  constructor(step: number) {
    this.#step = step;
  }

  add(start: number, point: Point): void {
    this.#beginHourOf(start);
    this.#points.push({ start, point });
    const bytes = Number.isNaN(point.bytes) ? 0 : point.bytes;
    this.#slide({ items: point.items, requests: point.requests, bytes });
  }

  /** Nobody looked. */
  skip(start: number): void {
    this.#beginHourOf(start);
    this.#slide({ items: 0, requests: 0, bytes: 0 });
  }

  history(tenant: string, toMs: number): UsageHistory {
    this.#endHour();
    return {
      tenant,
      hours: this.#hours.filter(({ startMs }) => startMs >= toMs - KEPT_HOURS * HOUR_MS),
      days: this.#days.filter(({ startMs }) => startMs >= dayOf(toMs) - KEPT_DAYS * DAY_MS),
    };
  }

  #slide(counts: Record<(typeof KINDS)[number], number>): void {
    this.#last.push(counts);
    const most = 3600 / this.#step;
    if (this.#last.length > most) this.#last = this.#last.slice(-most);
    for (const kind of KINDS) {
      const curve = this.#curves[kind];
      let sum = 0;
      let steps = 0;
      for (const [i, window] of CURVE_WINDOWS.entries()) {
        if (window < this.#step) continue;
        const wanted = Math.ceil(window / this.#step);
        for (; steps < wanted; steps++) sum += this.#last.at(-1 - steps)?.[kind] ?? 0;
        curve[i] = Math.max(curve[i] ?? 0, Math.ceil(sum));
      }
    }
  }

  #beginHourOf(start: number): void {
    const hour = Math.floor(start / 3600);
    if (hour === this.#hour) return;
    this.#endHour();
    this.#hour = hour;
    this.#curves = emptyCurves(this.#step);
  }

  #endHour(): void {
    if (this.#hour === undefined || this.#points.length === 0) return;
    const record = this.#record(this.#hour * HOUR_MS);
    this.#points = [];
    this.#hours.push(record);
    if (this.#hours.length > KEPT_HOURS) this.#hours.shift();
    const dayMs = dayOf(record.startMs);
    const day = this.#days.at(-1);
    if (day?.startMs === dayMs) this.#days.pop();
    const parts = day?.startMs === dayMs ? [day, record] : [record];
    this.#days.push(merged(dayMs, DAY_MS / 1000, parts));
  }

  #record(startMs: number): UsageRecord {
    const points = this.#points.map(({ point }) => point);
    const reasons = new Map<string, { pushes: number; samples: number }>();
    for (const [reason, { pushes, samples }] of points.flatMap(({ refused }) => [...refused])) {
      const before = reasons.get(reason) ?? { pushes: 0, samples: 0 };
      reasons.set(reason, { pushes: before.pushes + pushes, samples: before.samples + samples });
    }
    const listed = [...reasons]
      .map(([reason, { pushes, samples }]) => ({
        reason,
        pushes: Math.round(pushes),
        samples: Math.round(samples),
      }))
      .filter(({ pushes, samples }) => pushes > 0 || samples > 0)
      .sort((a, b) => b.pushes - a.pushes || b.samples - a.samples);
    const hasBytes = points.some(({ bytes }) => !Number.isNaN(bytes));
    const [active, series] = [mostOf(points, 'activeSeries'), mostOf(points, 'series')];
    return {
      startMs,
      seconds: 3600,
      coveredSeconds: points.length * this.#step,
      resolutionSeconds: this.#step,
      offered: {
        requests: sumOf(points, 'requests'),
        items: sumOf(points, 'items'),
        bytes: sumOf(points, 'bytes'),
        newSeries: sumOf(points, 'newSeries'),
      },
      refused: {
        requests: listed.reduce((sum, { pushes }) => sum + pushes, 0),
        items: listed.reduce((sum, { samples }) => sum + samples, 0),
        bytes: Number.NaN,
        newSeries: Number.NaN,
      },
      reasons: listed,
      curves: {
        items: this.#curves.items,
        requests: this.#curves.requests,
        ...(hasBytes && { bytes: this.#curves.bytes }),
      },
      peaks: {
        ...(active !== undefined && { activeSeries: active }),
        ...(series !== undefined && { series }),
      },
    };
  }
}

function emptyCurves(step = Number.POSITIVE_INFINITY): Record<(typeof KINDS)[number], number[]> {
  const empty = () => CURVE_WINDOWS.map((window) => (window < step ? Number.NaN : 0));
  return { items: empty(), requests: empty(), bytes: empty() };
}

/** NaN: none of them knows. */
function sumOf(points: readonly Point[], what: 'requests' | 'items' | 'bytes' | 'newSeries'): number {
  const known = points.map((point) => point[what]).filter((value) => !Number.isNaN(value));
  return known.length === 0 ? Number.NaN : Math.round(known.reduce((a, b) => a + b, 0));
}

function mostOf(points: readonly Point[], what: Level): number | undefined {
  const known = points.map((point) => point[what]).filter((value) => !Number.isNaN(value));
  return known.length === 0 ? undefined : Math.ceil(Math.max(...known));
}
