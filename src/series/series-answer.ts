/** From limits to what the table and the store are asked, and from their outcomes to what the enforcer is told. */
import type { LimitReason, OverLimit, SeriesAnswer, SeriesLimits } from '../enforce/series.js';
import { NEW, NO_LIMIT, REFUSED_METRIC, REFUSED_TENANT, type RowList } from './series-rows.js';
import type { TableLimits } from './series-table.js';

export const ALL_KNOWN: SeriesAnswer = { newAdmitted: 0, overLimit: undefined };
export const LOST: SeriesAnswer = { newAdmitted: 0, overLimit: undefined, lost: true };

export function isLimited(limits: SeriesLimits): boolean {
  return limits.max_global_series_per_user > 0 || limits.max_global_series_per_metric > 0;
}

export function tableLimits(limits: SeriesLimits): TableLimits {
  return {
    mostOfTenant: limitOf(limits.max_global_series_per_user),
    mostOfMetric: limitOf(limits.max_global_series_per_metric),
  };
}

/** In Mimir 0 is no limit. */
function limitOf(limit: number): number {
  return limit > 0 ? Math.min(limit, NO_LIMIT) : NO_LIMIT;
}

export function countOutcome(outcomes: Uint8Array, outcome: number): number {
  let count = 0;
  for (const one of outcomes) if (one === outcome) count++;
  return count;
}

/** `observed`: how many series there were when the first was refused. */
export function answerOf(
  unknown: RowList,
  outcomes: Uint8Array,
  observed: number,
  allOrNothing: boolean,
): SeriesAnswer {
  const overLimit = overLimitOf(unknown, outcomes, observed);
  const newAdmitted = allOrNothing && overLimit !== undefined ? 0 : countOutcome(outcomes, NEW);
  return { newAdmitted, overLimit };
}

function overLimitOf(unknown: RowList, outcomes: Uint8Array, observed: number): OverLimit | undefined {
  const rows: number[] = [];
  const reasons: LimitReason[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome !== REFUSED_TENANT && outcome !== REFUSED_METRIC) continue;
    rows.push(unknown.number(index));
    reasons.push(outcome === REFUSED_TENANT ? 'per_user_series_limit' : 'per_metric_series_limit');
  }
  return rows.length === 0 ? undefined : { rows, reasons, observed };
}
