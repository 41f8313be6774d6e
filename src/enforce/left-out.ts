/**
 * The series of one push that may not pass: their rows, and for each reason how many there are and what they contain. Only
 * created for the first such series. Label rules add to it first, then series limits.
 */

import { rowsThatGoToo } from '../payload/otlp-points.js';
import {
  type Push,
  RECORD_EXEMPLARS,
  RECORD_HISTOGRAMS,
  RECORD_SAMPLES,
  RECORD_WORDS,
} from '../payload/push.js';
import { addRow, hasRow, noRows, type Rows } from '../payload/rows.js';
import type { Reason } from './reasons.js';

/** Reasons for which a single series is left out. */
export type SeriesReason = Extract<
  Reason,
  | 'missing_metric_name'
  | 'metric_name_invalid'
  | 'max_label_names_per_series'
  | 'max_label_names_per_info_series'
  | 'label_invalid'
  | 'label_name_too_long'
  | 'label_value_invalid'
  | 'label_value_too_long'
  | 'duplicate_label_names'
  | 'too_far_in_future'
  | 'too_far_in_past'
  | 'sample_too_old'
  | 'invalid_native_histogram_schema'
  | 'max_native_histogram_buckets'
  | 'not_reducible_native_histogram'
  | 'native_histogram_custom_buckets_not_reducible'
  | 'max_active_series'
  | 'per_user_series_limit'
  | 'per_metric_series_limit'
  | 'too_many_ha_clusters'
>;

export interface LeftOutGroup {
  readonly reason: SeriesReason;
  /** The first few rows, for the message. */
  readonly examples: number[];
  /** Valid series that are left out because their data point has another series that is not. */
  inSamePoints: number;
  series: number;
  samples: number;
  histograms: number;
  exemplars: number;
}

const MOST_EXAMPLES = 3;
/** Stands in for a group. */
const DUPLICATE = 255;

export class LeftOut {
  readonly rows: Rows;
  /** Rows to cut out of the body. Series that Mimir drops by itself may belong to data points that stay. */
  readonly taken: Rows;
  readonly groups: LeftOutGroup[] = [];
  series = 0;
  samples = 0;
  histograms = 0;
  exemplars = 0;
  /** Series that Mimir drops silently: not charged, not tracked, not reported. */
  passedOver = 0;
  /** Series of HA replicas that are not elected, and their points; treated the same way. */
  duplicates = 0;
  duplicatePoints = 0;
  #passedOverPoints = 0;
  #leading = 0;
  /** For OTLP, by row: the number of its group, counted from 1, or DUPLICATE. */
  readonly #groupOf: Uint8Array | undefined;

  constructor({ series, protocol }: Pick<Push, 'series' | 'protocol'>) {
    this.rows = noRows(series);
    this.taken = protocol === 'otlp' ? noRows(series) : this.rows;
    this.#groupOf = protocol === 'otlp' ? new Uint8Array(series) : undefined;
  }

  /** The group that the answer is about. */
  get lead(): LeftOutGroup | undefined {
    return this.groups[this.#leading] ?? this.groups[0];
  }

  /** Samples and histograms that Mimir does not store. */
  get points(): number {
    return this.samples + this.histograms + this.#passedOverPoints + this.duplicatePoints;
  }

  /** How many series do not go on. */
  get count(): number {
    return this.series + this.passedOver + this.duplicates;
  }

  has(row: number): boolean {
    return hasRow(this.rows, row);
  }

  /** Call at most once for each row. */
  add(push: Push, row: number, reason: SeriesReason): void {
    const group = this.#group(reason);
    if (group.examples.length < MOST_EXAMPLES) group.examples.push(row);
    this.#addTo(group, push, row);
  }

  passOver(push: Push, row: number): void {
    addRow(this.rows, row);
    this.passedOver++;
    this.#passedOverPoints += pointsOf(push, row);
  }

  /** The series is from a replica that is not elected. */
  drop(push: Push, row: number): void {
    this.#take(row);
    if (this.#groupOf !== undefined) this.#groupOf[row] = DUPLICATE;
    this.duplicates++;
    this.duplicatePoints += pointsOf(push, row);
  }

  /** A data point of OTLP can not be split: with one of its series all of them are left out. */
  addWholePoints(push: Push): void {
    const groupOf = this.#groupOf;
    if (groupOf === undefined) return;
    for (const [row, because] of rowsThatGoToo(push, (one) => groupOf[one] !== 0)) {
      if (this.has(row)) continue;
      const group = this.groups[(groupOf[because] ?? 0) - 1];
      if (group === undefined) this.drop(push, row);
      else {
        this.#addTo(group, push, row);
        group.inSamePoints++;
      }
    }
  }

  /** Reasons added from now on lead the answer: Mimir's ingesters come last, so their errors win over the distributors'. */
  nextStage(): void {
    this.#leading = this.groups.length;
  }

  #addTo(group: LeftOutGroup, { records }: Push, row: number): void {
    this.#take(row);
    if (this.#groupOf !== undefined) this.#groupOf[row] = this.groups.indexOf(group) + 1;
    const at = row * RECORD_WORDS;
    const samples = records[at + RECORD_SAMPLES] ?? 0;
    const histograms = records[at + RECORD_HISTOGRAMS] ?? 0;
    const exemplars = records[at + RECORD_EXEMPLARS] ?? 0;
    for (const total of [group, this]) {
      total.series++;
      total.samples += samples;
      total.histograms += histograms;
      total.exemplars += exemplars;
    }
  }

  #take(row: number): void {
    addRow(this.rows, row);
    addRow(this.taken, row);
  }

  #group(reason: SeriesReason): LeftOutGroup {
    const known = this.groups.find((group) => group.reason === reason);
    if (known !== undefined) return known;
    const group = {
      reason,
      examples: [],
      inSamePoints: 0,
      series: 0,
      samples: 0,
      histograms: 0,
      exemplars: 0,
    };
    this.groups.push(group);
    return group;
  }
}

function pointsOf({ records }: Push, row: number): number {
  const at = row * RECORD_WORDS;
  return (records[at + RECORD_SAMPLES] ?? 0) + (records[at + RECORD_HISTOGRAMS] ?? 0);
}
