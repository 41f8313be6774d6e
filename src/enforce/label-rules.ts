/**
 * Turns the faults that the kernel found in series into reasons, and counts the items that Mimir's ingestion rate charges
 * for the rest. As in Mimir, an invalid series is left out and the rest of the push goes on.
 */
import type { MimirLimits } from '../limits/limits.js';
import { metadataWithout } from '../payload/otlp-metadata.js';
import {
  FAULT,
  type Push,
  RECORD_DATA_FAULT,
  RECORD_EXEMPLARS,
  RECORD_FAULT,
  RECORD_HISTOGRAMS,
  RECORD_SAMPLES,
  RECORD_UNCHARGED,
  RECORD_WORDS,
} from '../payload/push.js';
import { LeftOut, type SeriesReason } from './left-out.js';
import type { Reason } from './reasons.js';
import { chargedInstead } from './repeated-points.js';

/** By the kernel's FAULT number. */
const SERIES_REASONS: Readonly<Record<number, SeriesReason>> = {
  [FAULT.noMetricName]: 'missing_metric_name',
  [FAULT.metricNameInvalid]: 'metric_name_invalid',
  [FAULT.tooManyLabels]: 'max_label_names_per_series',
  [FAULT.tooManyInfoLabels]: 'max_label_names_per_info_series',
  [FAULT.labelNameInvalid]: 'label_invalid',
  [FAULT.labelNameTooLong]: 'label_name_too_long',
  [FAULT.labelValueInvalid]: 'label_value_invalid',
  [FAULT.labelValueTooLong]: 'label_value_too_long',
  [FAULT.duplicateLabel]: 'duplicate_label_names',
  [FAULT.tooFarInFuture]: 'too_far_in_future',
  [FAULT.tooFarInPast]: 'too_far_in_past',
  [FAULT.histogramSchema]: 'invalid_native_histogram_schema',
  [FAULT.histogramBuckets]: 'max_native_histogram_buckets',
  [FAULT.histogramNotReducible]: 'not_reducible_native_histogram',
  [FAULT.histogramCustomBuckets]: 'native_histogram_custom_buckets_not_reducible',
};

export type MetadataReason = Extract<
  Reason,
  'metadata_missing_metric_name' | 'metric_name_too_long' | 'unit_too_long'
>;

const METADATA_REASONS: Readonly<Record<number, MetadataReason>> = {
  [FAULT.metadataNoName]: 'metadata_missing_metric_name',
  [FAULT.metadataNameTooLong]: 'metric_name_too_long',
  [FAULT.metadataUnitTooLong]: 'unit_too_long',
};

/** Nothing in the push is invalid. */
export function isAllValid(push: Push): boolean {
  return push.faultySeries === 0 && push.invalidMetadata === 0;
}

/** Goes over all series that are not left out yet. Undefined when there is nothing to leave out. */
export function findInvalidSeries(
  push: Push,
  limits: Pick<MimirLimits, 'past_grace_period'>,
  before?: LeftOut,
): LeftOut | undefined {
  if (push.faultySeries === 0) return before;
  const leftOut = before ?? new LeftOut(push);
  for (let row = 0; row < push.series; row++) {
    if (before?.has(row)) continue;
    const at = row * RECORD_WORDS;
    const fault = word(push, at + RECORD_FAULT) || word(push, at + RECORD_DATA_FAULT);
    if (fault === FAULT.none) continue;
    const reason = reasonOf(fault, limits);
    if (reason === undefined) leftOut.passOver(push, row);
    else leftOut.add(push, row, reason);
  }
  leftOut.addWholePoints(push);
  return leftOut;
}

/** Without a grace period, the sample is older than the out-of-order window, which is a different error. */
function reasonOf(
  fault: number,
  { past_grace_period }: Pick<MimirLimits, 'past_grace_period'>,
): SeriesReason | undefined {
  const isWindow = fault === FAULT.tooFarInPast && Math.trunc(past_grace_period) === 0;
  return isWindow ? 'sample_too_old' : SERIES_REASONS[fault];
}

/** The reason for the first metadata entry that Mimir refuses. */
export function metadataReason({ metadataFault }: Push): MetadataReason {
  return METADATA_REASONS[metadataFault] ?? 'metadata_missing_metric_name';
}

/** What Mimir's ingestion rate counts for a push whose series are all valid. */
export function itemsOfPush(push: Push): number {
  const { samples, histograms, exemplars, uncharged, series } = push;
  const metadata = validMetadata(push);
  const items = storesNothing(push) ? 0 : samples + histograms + exemplars - uncharged + metadata;
  // Nearly every push has a sample in each series.
  return samples >= series ? items : items + emptySeries(push);
}

/** Mimir stores nothing of it: there are neither samples nor metadata, and exemplars alone are dropped. */
export function storesNothing(push: Push, leftOut?: LeftOut): boolean {
  const points = push.samples + push.histograms - (leftOut?.points ?? 0);
  return points === 0 && (leftOut === undefined ? validMetadata(push) : metadataLeft(push, leftOut)) === 0;
}

/** In OTLP metadata goes with its series; in Remote Write it is separate, or counts as it was sent. */
function metadataLeft(push: Push, { taken }: LeftOut): number {
  return push.metrics === undefined ? validMetadata(push) : metadataWithout(push, taken);
}

function validMetadata({ metadata, invalidMetadata }: Push): number {
  return metadata - invalidMetadata;
}

/**
 * A lower bound on how many series are empty. Mimir ignores them, but each costs the edge as much as a sample, and a push
 * can have a million of them: so each counts as one item.
 */
function emptySeries({ series, samples, histograms, exemplars, metadata }: Push): number {
  return Math.max(0, series - samples - histograms - exemplars - metadata);
}

/**
 * The items without the series that are left out. Metadata of Remote Write counts as it was sent, though in version 2 some
 * may go with its series. `goesWhole`: nothing is cut out of the body, as Mimir drops those series itself.
 */
export function itemsWithout(push: Push, leftOut: LeftOut, goesWhole = false): number {
  const dropsAll = storesNothing(push, leftOut);
  let items = (goesWhole ? validMetadata(push) : metadataLeft(push, leftOut)) + chargedInstead(push, leftOut);
  for (let row = 0; row < push.series; row++) {
    if (!leftOut.has(row)) items += itemsOfSeries(push, row * RECORD_WORDS, dropsAll);
  }
  return items;
}

function itemsOfSeries(push: Push, at: number, dropsAll: boolean): number {
  const received =
    word(push, at + RECORD_SAMPLES) + word(push, at + RECORD_HISTOGRAMS) + word(push, at + RECORD_EXEMPLARS);
  if (received === 0) return 1;
  return dropsAll ? 0 : received - word(push, at + RECORD_UNCHARGED);
}

function word({ records }: Push, index: number): number {
  return records[index] ?? 0;
}
