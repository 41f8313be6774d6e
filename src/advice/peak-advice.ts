/** Advice on a limit on a peak, at one time or in one push: the peak and a margin. */
import type { UsageRecord } from '../usage/usage-record.js';
import type { Basis, LimitAdvice, Refusals } from './advice.js';
import { basisOf, LEAST_HOURS } from './basis.js';
import { addRefusals, bounded, directionOf, noAdvice, percent, rounded, shown } from './choose.js';
import { keptPeriods, type Period } from './periods.js';
import { type AdvisedLimit, asksFor, type Policy } from './policy.js';
import { SIZE_CLASSES } from './size-classes.js';

export interface PeakLimit {
  readonly kind: LimitAdvice['kind'];
  readonly limit: AdvisedLimit;
  /** As in "41,220 active series". */
  readonly unit: string;
  readonly peakOf: (record: UsageRecord) => number | undefined;
  /** Undefined: there is no such limit. */
  readonly current: number | undefined;
  /** Reasons for which refused series are missing in the peak; each may have been sent many times. */
  readonly hiddenBy: readonly string[];
  /** Reasons for which refused pushes or series are part of the peak. */
  readonly refusedBy: readonly string[];
  readonly hasClasses: boolean;
  /**
   * The limit is reached by a change of what is sent rather than by growth, and then refuses all of it; so it is raised,
   * and lowered only if a policy names it.
   */
  readonly isOnlyRaised: boolean;
}

interface Peak {
  readonly period: Period;
  /** Of everything that was offered. */
  readonly peak: number;
  /** The peak to plan for: what was refused counts up to twice the current limit. */
  readonly counts: number;
  /** An upper bound on what passed. */
  readonly passed: number;
}

/** After refusals, the recommendation is at most this multiple of the current limit. */
const MOST_OF_PASSED = 2;

export function advisePeak(
  limit: PeakLimit,
  periods: readonly Period[],
  policy: Policy,
): LimitAdvice | undefined {
  if (!policy.enabledLimits.includes(limit.limit)) return undefined;
  const none = (why: string): LimitAdvice => noAdvice(limit.limit, limit.kind, limit.current, why);
  const peaks = peaksIn(limit, periods);
  if (peaks.length === 0) return none(`The history has no figures on ${limit.unit}.`);
  // Earlier versions may have measured less, so this is based on the periods with data, and those in which nothing was
  // sent.
  const basis = basisOf(periods.filter((period) => isKnown(limit, period)));
  if (basis.confidence === 'none')
    return none(
      `The history has figures on ${limit.unit} for ${shown(Math.floor(basis.hoursWatched))} hours: below ${LEAST_HOURS} nothing is advised.`,
    );
  const highest = highestOf(peaks);
  if (highest.peak === 0) return none(`The tenant had no ${limit.unit} in this time.`);
  return chosen(limit, peaks, highest, policy, basis);
}

function peaksIn({ peakOf, refusedBy, current }: PeakLimit, periods: readonly Period[]): Peak[] {
  return periods.flatMap((period) => {
    const peak = peakOf(period.record);
    if (peak === undefined || Number.isNaN(peak)) return [];
    const isRefused = period.record.reasons.some(({ reason }) => refusedBy.includes(reason));
    if (!isRefused || current === undefined || peak <= current)
      return [{ period, peak, counts: peak, passed: peak }];
    return [{ period, peak, counts: Math.min(peak, current * MOST_OF_PASSED), passed: current }];
  });
}

function isKnown({ peakOf }: PeakLimit, { record }: Period): boolean {
  const peak = peakOf(record);
  return (peak !== undefined && !Number.isNaN(peak)) || record.offered.requests === 0;
}

function highestOf(peaks: readonly Peak[]): Peak {
  return peaks.reduce((highest, one) => (one.peak > highest.peak ? one : highest));
}

function chosen(
  limit: PeakLimit,
  peaks: readonly Peak[],
  highest: Peak,
  policy: Policy,
  basis: Basis,
): LimitAdvice {
  const byPeriod = new Map(peaks.map((peak) => [peak.period, peak]));
  const kept = keptPeriods([...byPeriod.keys()], policy, (period) => byPeriod.get(period)?.counts ?? 0);
  const margin = (1 + policy.margin) * (1 + basis.extraMargin);
  const mostOf = (field: 'peak' | 'counts' | 'passed'): number =>
    Math.max(...kept.map((period) => byPeriod.get(period)?.[field] ?? 0));
  const most = mostOf('counts');
  const { value, uncapped, remark } = bounded(limit.limit, roundedTo(most * margin, limit, policy), policy);
  const hidden = Math.max(0, ...kept.map((period) => hiddenIn(limit, period.record)));
  const stays = reasonToStay(limit, value, most, policy);
  const recommended = stays === undefined || limit.current === undefined ? value : limit.current;
  return {
    limit: limit.limit,
    kind: limit.kind,
    current: limit.current,
    recommended,
    direction: directionOf(limit.current, recommended),
    why:
      whyOf(limit, highest, policy, basis) +
      hiddenRemark(hidden) +
      cut(highest.peak, most) +
      remark +
      (stays ?? ''),
    confidence: basis.confidence,
    range:
      hidden === 0 && mostOf('passed') === mostOf('peak')
        ? undefined
        : {
            from: roundedTo(mostOf('passed') * margin, limit, policy),
            to: roundedTo((mostOf('peak') + hidden) * margin, limit, policy),
          },
    uncapped,
    peak: highest.peak,
    headroom: recommended / highest.peak - 1,
    currentHeadroom: limit.current === undefined ? undefined : limit.current / highest.peak - 1,
    wouldRefuse: refusalsOf(peaks, recommended),
    currentWouldRefuse: limit.current === undefined ? undefined : refusalsOf(peaks, limit.current),
  };
}

function roundedTo(value: number, { hasClasses }: PeakLimit, policy: Policy): number {
  const fitting =
    hasClasses && policy.round === 'size classes'
      ? SIZE_CLASSES.find(({ series }) => series >= value)
      : undefined;
  return fitting?.series ?? rounded(value, policy);
}

function reasonToStay(
  { limit, current, isOnlyRaised }: PeakLimit,
  value: number,
  most: number,
  policy: Policy,
): string | undefined {
  const { hysteresis, neverLower } = policy;
  if (current === undefined) return undefined;
  if (current === value) return ' It is in force.';
  if (current < most) return undefined;
  if (Math.abs(value / current - 1) < hysteresis)
    return ` What is in force differs by less than ${percent(hysteresis)}, so it may stay.`;
  if (value > current) return undefined;
  if (isOnlyRaised && !asksFor(policy, limit))
    return " It is wide enough and stays: it is lowered where a policy's enabled_limits name it.";
  return neverLower ? ' The policy never lowers a limit, so it stays.' : undefined;
}

function hiddenIn({ hiddenBy }: PeakLimit, { reasons, refused }: UsageRecord): number {
  return reasons.some(({ reason }) => hiddenBy.includes(reason)) ? refused.newSeries : 0;
}

/** What a limit on a peak would have refused: the hours are known, the number of pushes is not. */
function refusalsOf(peaks: readonly Peak[], value: number): Refusals {
  const { hours } = addRefusals(
    peaks
      .filter(({ peak }) => peak > value)
      .map(({ period: { record, hours } }) => ({
        hours: { atLeast: 1, atMost: record.seconds <= 3600 ? 1 : Math.max(1, Math.ceil(hours)) },
        pushes: undefined,
      })),
  );
  return { hours, pushes: hours.atMost === 0 ? 0 : undefined };
}

function whyOf(
  { unit }: PeakLimit,
  { period, peak }: Peak,
  { margin }: Policy,
  { extraMargin }: Basis,
): string {
  const { startMs, seconds } = period.record;
  const day = new Date(startMs).toISOString();
  const when = seconds <= 3600 ? `${day.slice(0, 16).replace('T', ' ')} UTC` : day.slice(0, 10);
  const extra = extraMargin > 0.005 ? ` and ${percent(extraMargin)} for the little history there is` : '';
  return `At most ${shown(peak)} ${unit} (${when}), and a margin of ${percent(margin)}${extra}.`;
}

function hiddenRemark(hidden: number): string {
  if (hidden === 0) return '';
  return ` Up to ${shown(hidden)} new series were refused in an hour or a day, so there may be more of them: the range has them.`;
}

function cut(highest: number, most: number): string {
  if (highest <= most) return '';
  return ` What was refused counts for no more than twice the limit in force, ${shown(most)}: the range has all of it.`;
}
