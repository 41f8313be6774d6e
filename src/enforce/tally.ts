/**
 * What one tenant sent and what became of it: counters that only grow. The hot path increments plain numbers; exporters
 * read them on demand.
 */
import type { Push } from '../payload/push.js';
import type { LeftOut } from './left-out.js';
import { REASON_INDEX, REASON_NAMES, type Reason } from './reasons.js';

/** Five counters for each reason, side by side. */
export const DISCARDED_REQUESTS = 0;
export const DISCARDED_SAMPLES = 1;
export const DISCARDED_EXEMPLARS = 2;
export const DISCARDED_METADATA = 3;
export const DISCARDED_SERIES = 4;
const FIELDS = 5;

/** All counters except refusals, in the order in which they go to another process. */
export const TALLY_NUMBERS = [
  'requests',
  'accepted',
  'filtered',
  'deduplicated',
  'series',
  'samples',
  'histograms',
  'exemplars',
  'metadata',
  'bodyBytes',
  'uncompressedBytes',
  'newSeries',
  'seriesOverLimit',
  'refusedBytes',
] as const;

/** Maxima of a single push or series since usage was last collected. */
export const PUSH_PEAKS = [
  'seriesPerRequest',
  'labelsPerSeries',
  'bytesPerRequest',
  'labelNameBytes',
  'labelValueBytes',
] as const;

export class Tally {
  requests = 0;
  accepted = 0;
  /** Accepted pushes that lost some of their series. */
  filtered = 0;
  /** Samples and histograms from replicas that are not elected. */
  deduplicated = 0;
  series = 0;
  samples = 0;
  histograms = 0;
  exemplars = 0;
  metadata = 0;
  bodyBytes = 0;
  uncompressedBytes = 0;
  /** New series, and series that were over a limit. */
  newSeries = 0;
  seriesOverLimit = 0;
  /** Body bytes of pushes that were refused as a whole after they were read. */
  refusedBytes = 0;
  /** PUSH_PEAKS; reset when they are collected. */
  seriesPerRequest = 0;
  labelsPerSeries = 0;
  bytesPerRequest = 0;
  labelNameBytes = 0;
  labelValueBytes = 0;
  /** Undefined until the first refusal: most tenants never have one. */
  refused: Float64Array | undefined;
  /** What would have been refused outside shadow mode. */
  shadowed: Float64Array | undefined;

  received(push: Push): void {
    this.series += push.series;
    this.samples += push.samples;
    this.histograms += push.histograms;
    this.exemplars += push.exemplars;
    this.metadata += push.metadata;
    this.bodyBytes += push.compressedBytes;
    this.uncompressedBytes += push.uncompressedBytes;
    if (push.series > this.seriesPerRequest) this.seriesPerRequest = push.series;
    if (push.mostPlainLabels > this.labelsPerSeries) this.labelsPerSeries = push.mostPlainLabels;
    if (push.compressedBytes > this.bytesPerRequest) this.bytesPerRequest = push.compressedBytes;
    if (push.longestLabelName > this.labelNameBytes) this.labelNameBytes = push.longestLabelName;
    if (push.longestLabelValue > this.labelValueBytes) this.labelValueBytes = push.longestLabelValue;
  }

  /** In the order of PUSH_PEAKS. Resets them. */
  takePeaks(): number[] {
    const { seriesPerRequest, labelsPerSeries, bytesPerRequest, labelNameBytes, labelValueBytes } = this;
    this.seriesPerRequest = 0;
    this.labelsPerSeries = 0;
    this.bytesPerRequest = 0;
    this.labelNameBytes = 0;
    this.labelValueBytes = 0;
    return [seriesPerRequest, labelsPerSeries, bytesPerRequest, labelNameBytes, labelValueBytes];
  }

  /** `push` is undefined if its body was not decoded. Series that were left out before keep their own reasons. */
  refuse(reason: Reason, push: Push | undefined, leftOut?: LeftOut): void {
    this.refused ??= new Float64Array(REASON_NAMES.length * FIELDS);
    discard(this.refused, reason, push, leftOut);
    if (push !== undefined) this.refusedBytes += push.compressedBytes;
  }

  shadow(reason: Reason, push: Push | undefined, leftOut?: LeftOut): void {
    this.shadowed ??= new Float64Array(REASON_NAMES.length * FIELDS);
    discard(this.shadowed, reason, push, leftOut);
  }

  /** Some series were left out of a push that goes on. */
  leaveOut(leftOut: LeftOut): void {
    this.filtered++;
    this.refused ??= new Float64Array(REASON_NAMES.length * FIELDS);
    discardSeries(this.refused, leftOut);
  }

  shadowLeaveOut(leftOut: LeftOut): void {
    this.shadowed ??= new Float64Array(REASON_NAMES.length * FIELDS);
    discardSeries(this.shadowed, leftOut);
  }

  /** Adds another tally, or subtracts it: tenants that leave memory stay in the totals. */
  absorb(other: Tally, times: 1 | -1 = 1): void {
    for (const name of TALLY_NUMBERS) this[name] += times * other[name];
    this.absorbDiscarded('refused', other.refused, times);
    this.absorbDiscarded('shadowed', other.shadowed, times);
  }

  absorbDiscarded(kind: 'refused' | 'shadowed', counts: Float64Array | undefined, times: 1 | -1 = 1): void {
    if (counts === undefined) return;
    this[kind] ??= new Float64Array(counts.length);
    const own = this[kind];
    for (let i = 0; i < own.length; i++) add(own, i, times * (counts[i] ?? 0));
  }
}

/** One counter of one reason, in `refused` or `shadowed`. */
export function discarded(counts: Float64Array | undefined, reason: Reason, field: number): number {
  return discardedAt(counts, REASON_INDEX[reason], field);
}

/** The same by the reason's index in REASON_NAMES, for loops over all reasons. */
export function discardedAt(counts: Float64Array | undefined, row: number, field: number): number {
  return counts?.[row * FIELDS + field] ?? 0;
}

function discard(
  counts: Float64Array,
  reason: Reason,
  push: Push | undefined,
  leftOut: LeftOut | undefined,
): void {
  const row = REASON_INDEX[reason] * FIELDS;
  add(counts, row + DISCARDED_REQUESTS, 1);
  if (push === undefined) return;
  add(counts, row + DISCARDED_SAMPLES, push.samples + push.histograms);
  add(counts, row + DISCARDED_EXEMPLARS, push.exemplars);
  add(counts, row + DISCARDED_METADATA, push.metadata);
  add(counts, row + DISCARDED_SERIES, push.series);
  if (leftOut === undefined) return;
  add(counts, row + DISCARDED_SAMPLES, -leftOut.samples - leftOut.histograms);
  add(counts, row + DISCARDED_EXEMPLARS, -leftOut.exemplars);
  add(counts, row + DISCARDED_SERIES, -leftOut.series);
  discardSeries(counts, leftOut);
}

function discardSeries(counts: Float64Array, leftOut: LeftOut): void {
  for (const { reason, series, samples, histograms, exemplars } of leftOut.groups) {
    const row = REASON_INDEX[reason] * FIELDS;
    add(counts, row + DISCARDED_SAMPLES, samples + histograms);
    add(counts, row + DISCARDED_EXEMPLARS, exemplars);
    add(counts, row + DISCARDED_SERIES, series);
  }
}

function add(counts: Float64Array, index: number, n: number): void {
  counts[index] = (counts[index] ?? 0) + n;
}
