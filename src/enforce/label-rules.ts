/**
 * Mimir's rules for one series' labels, in Mimir's order: metric name, number of labels, name length, value
 * length. Mimir leaves an invalid series out and takes the rest of the push; so does everything here.
 */
import type { MimirLimits } from '../limits/limits.js';
import {
  type Push,
  RECORD_EXEMPLARS,
  RECORD_FLAG_INFO,
  RECORD_FLAG_NAMED,
  RECORD_FLAGS,
  RECORD_HISTOGRAMS,
  RECORD_LABELS,
  RECORD_LONGEST_NAME,
  RECORD_LONGEST_VALUE,
  RECORD_SAMPLES,
  RECORD_WORDS,
} from '../payload/push.js';
import { LeftOut, type SeriesReason } from './left-out.js';

/** True when no series can break a rule: decided on the push's maxima, without a look at the series. */
export function everySeriesIsValid(push: Push, limits: MimirLimits): boolean {
  return (
    push.unnamedSeries === 0 &&
    push.mostLabels <= allowedLabels(limits) &&
    push.longestLabelName <= limits.max_label_name_length &&
    push.longestLabelValue <= allowedValueLength(limits)
  );
}

/** Looks at every series. Undefined when all are valid after all (info series may have more labels). */
export function findInvalidSeries(push: Push, limits: MimirLimits): LeftOut | undefined {
  let leftOut: LeftOut | undefined;
  for (let row = 0; row < push.series; row++) {
    const reason = brokenRule(push.records, row * RECORD_WORDS, limits);
    if (reason === undefined) continue;
    leftOut ??= new LeftOut(push.series);
    leftOut.add(push, row, reason);
  }
  return leftOut;
}

/** What Mimir's ingestion rate counts in a push whose series are all valid. */
export function itemsOfPush(push: Push, limits: MimirLimits): number {
  const items = push.samples + push.histograms + push.metadata;
  // Nearly every push has a sample in each series and no exemplar.
  if (push.exemplars === 0 && push.samples >= push.series) return items;
  return items + exemplarsOfPush(push, limits) + emptySeries(push);
}

function exemplarsOfPush(push: Push, limits: MimirLimits): number {
  if (limits.max_global_exemplars_per_user === 0) return 0;
  if (limits.max_exemplars_per_series_per_request === 0) return push.exemplars;
  let exemplars = 0;
  for (let row = 0; row < push.series; row++) {
    exemplars += countedExemplars(push.records, row * RECORD_WORDS, limits);
  }
  return exemplars;
}

/**
 * Series without anything in them, at least so many: to Mimir they are nothing, but they cost the edge as much as a sample does,
 * and a push can be made of a million.
 */
function emptySeries({ series, samples, histograms, exemplars, metadata }: Push): number {
  return Math.max(0, series - samples - histograms - exemplars - metadata);
}

/**
 * The same without the series that are left out. Metadata counts as it was sent: in version 2 some of it may go with its
 * series.
 */
export function itemsWithout(push: Push, limits: MimirLimits, leftOut: LeftOut): number {
  let items = push.metadata;
  for (let row = 0; row < push.series; row++) {
    if (!leftOut.has(row)) items += itemsOfSeries(push.records, row * RECORD_WORDS, limits);
  }
  return items;
}

function itemsOfSeries(records: Uint32Array, at: number, limits: MimirLimits): number {
  const items =
    word(records, at + RECORD_SAMPLES) +
    word(records, at + RECORD_HISTOGRAMS) +
    countedExemplars(records, at, limits);
  return items === 0 && word(records, at + RECORD_EXEMPLARS) === 0 ? 1 : items;
}

/** Mimir does not even decode exemplars of a tenant that may have none, and drops what is over the limit. */
function countedExemplars(records: Uint32Array, at: number, limits: MimirLimits): number {
  if (limits.max_global_exemplars_per_user === 0) return 0;
  const exemplars = word(records, at + RECORD_EXEMPLARS);
  const most = limits.max_exemplars_per_series_per_request;
  return most === 0 ? exemplars : Math.min(exemplars, most);
}

function brokenRule(records: Uint32Array, at: number, limits: MimirLimits): SeriesReason | undefined {
  const flags = word(records, at + RECORD_FLAGS);
  if ((flags & RECORD_FLAG_NAMED) === 0) return 'missing_metric_name';
  const labels = word(records, at + RECORD_LABELS);
  if (labels > allowedLabels(limits)) {
    if ((flags & RECORD_FLAG_INFO) === 0) return 'max_label_names_per_series';
    if (labels > allowedInfoLabels(limits)) return 'max_label_names_per_info_series';
  }
  if (word(records, at + RECORD_LONGEST_NAME) > limits.max_label_name_length) return 'label_name_too_long';
  if (word(records, at + RECORD_LONGEST_VALUE) > allowedValueLength(limits)) return 'label_value_too_long';
  return undefined;
}

/** Mimir removes the HA replica label before it counts, so such a tenant's series may arrive with one more. */
function allowedLabels(limits: MimirLimits): number {
  return limits.max_label_names_per_series + (limits.accept_ha_samples ? 1 : 0);
}

function allowedInfoLabels(limits: MimirLimits): number {
  return limits.max_label_names_per_info_series + (limits.accept_ha_samples ? 1 : 0);
}

/** Under the strategies `truncate` and `drop` Mimir shortens a long value and keeps the series. */
function allowedValueLength(limits: MimirLimits): number {
  return limits.label_value_length_over_limit_strategy === 'error'
    ? limits.max_label_value_length
    : Number.POSITIVE_INFINITY;
}

function word(records: Uint32Array, index: number): number {
  return records[index] ?? 0;
}
