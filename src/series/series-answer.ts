/** Converts limits into what the table and the store are asked, and their outcomes into answers for the enforcer. */
import type { LimitReason, OverLimit, SeriesAnswer, SeriesLimits } from '../enforce/series.js';
import { mostSeries } from '../enforce/series-limit.js';
import { NEW, NO_LIMIT, REFUSED_METRIC, REFUSED_TENANT, type RowList } from './series-rows.js';
import type { TableLimits } from './series-table.js';

export const ALL_KNOWN: SeriesAnswer = { newAdmitted: 0, overLimit: undefined };
export const LOST: SeriesAnswer = { newAdmitted: 0, overLimit: undefined, lost: true };
export const BUSY: SeriesAnswer = { newAdmitted: 0, overLimit: undefined, busy: true };

export function isLimited(limits: SeriesLimits): boolean {
  return mostSeries(limits) > 0 || limits.max_global_series_per_metric > 0;
}

export function tableLimits(limits: SeriesLimits): TableLimits {
  return {
    mostOfTenant: limitOf(mostSeries(limits)),
    mostOfMetric: limitOf(limits.max_global_series_per_metric),
    mayFill: isLimited(limits),
  };
}

/** In Mimir 0 means no limit. */
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

/** The whole push goes on. */
export function passesWhole({ overLimit, lost, busy }: SeriesAnswer): boolean {
  return overLimit === undefined && !lost && !busy;
}

/** Combines the answers to two parts of one push. It is undecided if one part is. */
export function joinAnswers(first: SeriesAnswer, second: SeriesAnswer): SeriesAnswer {
  const newAdmitted = first.newAdmitted + second.newAdmitted;
  const { overLimit: one } = first;
  const { overLimit: other } = second;
  if (second.lost || second.busy) return { ...second, newAdmitted };
  const joined = { ...second, newAdmitted };
  if (one === undefined) return joined;
  if (other === undefined) return { ...joined, overLimit: one };
  const refused = [...one.rows, ...other.rows].map((row, index) => {
    const reason = one.reasons[index] ?? other.reasons[index - one.reasons.length];
    return { row, reason: reason ?? 'per_user_series_limit' };
  });
  refused.sort((a, b) => a.row - b.row);
  return {
    ...joined,
    overLimit: {
      rows: refused.map(({ row }) => row),
      reasons: refused.map(({ reason }) => reason),
      observed: one.observed,
    },
  };
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
