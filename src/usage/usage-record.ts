/**
 * What is known of one tenant over one hour or one day, over the whole fleet: what it offered, what was refused of it, its
 * arrival curves and its peaks. Written by the fleet's book or read from a Prometheus; advice, report and page read it. What
 * nobody saw is undefined, never zero.
 */

/** The windows of an arrival curve, in seconds. */
export const CURVE_WINDOWS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] as const;

/** The peaks of a record, in the order in which they are written: new ones come at the end. */
export const PEAKS = [
  'series',
  'activeSeries',
  'seriesPerMetric',
  'seriesPerRequest',
  'labelsPerSeries',
  'bytesPerRequest',
  'labelNameBytes',
  'labelValueBytes',
] as const satisfies readonly (keyof UsageRecord['peaks'])[];

/** For each of CURVE_WINDOWS, the most that arrived within any window of that length. */
export type ArrivalCurve = readonly number[];

export interface UsageRecord {
  readonly startMs: number;
  /** 3,600 for an hour, 86,400 for a day. */
  readonly seconds: number;
  /** How much of it was watched: less where no edge was up, or no frame came. */
  readonly coveredSeconds: number;
  /** 1 where an edge counted; the step where a Prometheus was asked. Shorter windows are then not known, and hold NaN. */
  readonly resolutionSeconds: number;
  /** What the tenant sent, whatever became of it. Retries of what was refused are in it. */
  readonly offered: UsageCounts;
  readonly refused: UsageCounts;
  /** By reason, in the order of pushes lost. Empty where nothing was refused. */
  readonly reasons: readonly { readonly reason: string; readonly pushes: number; readonly samples: number }[];
  /** Undefined where what was asked has no such figures. */
  readonly curves: {
    /** What `ingestion_rate` counts. */
    readonly items?: ArrivalCurve;
    readonly requests?: ArrivalCurve;
    readonly bytes?: ArrivalCurve;
  };
  readonly peaks: {
    readonly series?: number;
    readonly activeSeries?: number;
    /** Of the metric with the most series. */
    readonly seriesPerMetric?: number;
    readonly seriesPerRequest?: number;
    /** Without info series, which have a limit of their own. */
    readonly labelsPerSeries?: number;
    /** On the wire. */
    readonly bytesPerRequest?: number;
    /** Of the longest label name, and of the longest value. */
    readonly labelNameBytes?: number;
    readonly labelValueBytes?: number;
  };
}

export interface UsageCounts {
  readonly requests: number;
  readonly items: number;
  /** On the wire. */
  readonly bytes: number;
  readonly newSeries: number;
}

/** All that is kept of one tenant. Hours reach back two days, days 35; the oldest first; the last of each is under way. */
export interface UsageHistory {
  readonly tenant: string;
  readonly hours: readonly UsageRecord[];
  readonly days: readonly UsageRecord[];
}
