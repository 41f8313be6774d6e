/** A tenant's hour under way: frames are added to it, and it can be written down and gone on with at any time. */
import {
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  DISCARDED_SERIES,
  PUSH_PEAKS,
  TALLY_NUMBERS,
} from '../enforce/tally.js';
import type { Arrivals } from './arrival-curve.js';
import { type FrameEntry, largest, zeros } from './frame.js';
import { HOUR_MS } from './records.js';
import type { UsageRecord } from './usage-record.js';

const REQUESTS = TALLY_NUMBERS.indexOf('requests');
const BODY_BYTES = TALLY_NUMBERS.indexOf('bodyBytes');
const NEW_SERIES = TALLY_NUMBERS.indexOf('newSeries');
const REFUSED_BYTES = TALLY_NUMBERS.indexOf('refusedBytes');
/** Of a discard: what has a limit of its own, `ingestion_rate`, is samples, exemplars and metadata. */
const DISCARDED_EXEMPLARS = 2;
const DISCARDED_METADATA = 3;
/** These refuse series that were new. */
const SERIES_LIMITS = new Set(['per_user_series_limit', 'per_metric_series_limit']);

export class OpenHour {
  readonly id: string;
  /** Where it is written down. */
  page = 0;
  #requests = 0;
  #items = 0;
  #bytes = 0;
  #newSeries = 0;
  #refusedRequests = 0;
  #refusedItems = 0;
  #refusedBytes = 0;
  #refusedSeries = 0;
  readonly #reasons = new Map<string, { pushes: number; samples: number }>();
  #active = Number.NaN;
  #perMetric = Number.NaN;
  /** In the order of PUSH_PEAKS; 0: not known. */
  readonly #peaks = zeros(PUSH_PEAKS.length);

  constructor(id: string) {
    this.id = id;
  }

  static from(id: string, { offered, refused, reasons, peaks }: UsageRecord): OpenHour {
    const hour = new OpenHour(id);
    hour.#requests = offered.requests;
    hour.#items = offered.items;
    hour.#bytes = offered.bytes;
    hour.#newSeries = offered.newSeries;
    hour.#refusedRequests = refused.requests;
    hour.#refusedItems = refused.items;
    hour.#refusedBytes = refused.bytes;
    hour.#refusedSeries = refused.newSeries;
    for (const { reason, pushes, samples } of reasons) hour.#reasons.set(reason, { pushes, samples });
    hour.#active = peaks.activeSeries ?? Number.NaN;
    hour.#perMetric = peaks.seriesPerMetric ?? Number.NaN;
    for (const [i, name] of PUSH_PEAKS.entries()) hour.#peaks[i] = peaks[name] ?? 0;
    return hour;
  }

  add({ added, items, peaks, discards, active, fleet, perMetric }: FrameEntry): void {
    this.#requests += added[REQUESTS] ?? 0;
    this.#items += items;
    this.#bytes += added[BODY_BYTES] ?? 0;
    this.#newSeries += added[NEW_SERIES] ?? 0;
    this.#refusedBytes += added[REFUSED_BYTES] ?? 0;
    for (let i = 0; i < peaks.length; i++) this.#peaks[i] = Math.max(this.#peaks[i] ?? 0, peaks[i] ?? 0);
    for (const { kind, reason, counts } of discards) if (kind === 'refused') this.#refuse(reason, counts);
    // What all replicas know together is more than any of them sees.
    this.#active = largest(this.#active, largest(active, fleet));
    this.#perMetric = largest(this.#perMetric, perMetric);
  }

  record(hour: number, coveredSeconds: number, arrivals: Arrivals | undefined): UsageRecord {
    return {
      startMs: hour * HOUR_MS,
      seconds: HOUR_MS / 1000,
      coveredSeconds,
      resolutionSeconds: 1,
      offered: {
        requests: this.#requests,
        items: this.#items,
        bytes: this.#bytes,
        newSeries: this.#newSeries,
      },
      refused: {
        requests: this.#refusedRequests,
        items: this.#refusedItems,
        bytes: this.#refusedBytes,
        newSeries: this.#refusedSeries,
      },
      reasons: [...this.#reasons]
        .map(([reason, counts]) => ({ reason, ...counts }))
        .sort((a, b) => b.pushes - a.pushes || b.samples - a.samples),
      curves:
        arrivals === undefined
          ? {}
          : { items: arrivals.curve(0), requests: arrivals.curve(1), bytes: arrivals.curve(2) },
      peaks: {
        ...(!Number.isNaN(this.#active) && { activeSeries: this.#active }),
        ...(!Number.isNaN(this.#perMetric) && { seriesPerMetric: this.#perMetric }),
        ...Object.fromEntries(
          PUSH_PEAKS.map((name, i) => [name, this.#peaks[i] ?? 0]).filter(([, peak]) => peak !== 0),
        ),
      },
    };
  }

  #refuse(reason: string, counts: readonly number[]): void {
    const pushes = counts[DISCARDED_REQUESTS] ?? 0;
    const samples = counts[DISCARDED_SAMPLES] ?? 0;
    this.#refusedRequests += pushes;
    this.#refusedItems += samples + (counts[DISCARDED_EXEMPLARS] ?? 0) + (counts[DISCARDED_METADATA] ?? 0);
    if (SERIES_LIMITS.has(reason)) this.#refusedSeries += counts[DISCARDED_SERIES] ?? 0;
    const before = this.#reasons.get(reason);
    this.#reasons.set(reason, {
      pushes: pushes + (before?.pushes ?? 0),
      samples: samples + (before?.samples ?? 0),
    });
  }
}
