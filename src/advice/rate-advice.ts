/**
 * A rate and its burst, chosen together on the arrival curve: of all buckets that refuse nothing, the one with the least
 * exposure. What was refused counts up to twice what passed: nobody gets a higher limit by sending far more than allowed.
 */
import {
  type ArrivalCurve,
  CURVE_WINDOWS,
  type UsageCounts,
  type UsageRecord,
} from '../usage/usage-record.js';
import type { Basis, Confidence, CurvePicture, LimitAdvice, Refusals } from './advice.js';
import {
  burstFor,
  type CountedCurve,
  countedDemand,
  type Demand,
  demandOf,
  exposureOf,
  headroomOf,
  highestAt,
  highestOf,
  leastPair,
  type Pair,
  rateFor,
  scaled,
  shortOf,
} from './arrival.js';
import { addRefusals, bounded, directionOf, noAdvice, percent, rounded, shown } from './choose.js';
import { keptPeriods, type Period } from './periods.js';
import type { AdvisedLimit, Policy } from './policy.js';
import { SIZE_CLASSES } from './size-classes.js';

/** A kind of bucket, and the two limits that define it. */
export interface RateLimit {
  readonly kind: LimitAdvice['kind'];
  readonly rate: AdvisedLimit;
  readonly burst: AdvisedLimit;
  readonly unit: string;
  readonly curveOf: (record: UsageRecord) => ArrivalCurve | undefined;
  readonly countOf: (counts: UsageCounts) => number;
  /** The current bucket over the whole cluster; undefined: there is none. */
  readonly current: Pair | undefined;
  /** As written in the documents. */
  readonly written: { readonly rate: number | undefined; readonly burst: number | undefined };
  /** The value to write for a bucket's burst. */
  readonly writtenBurst: (pair: Pair, mostAtOnce: number) => number;
  /** The bucket that results from written values. */
  readonly bucketOf: (rate: number, burst: number) => Pair;
  /** Mimir's size classes define these limits. */
  readonly hasClasses: boolean;
}

interface Shape {
  readonly rate: number;
  readonly burst: number;
}

interface RateAdvice {
  readonly limits: readonly LimitAdvice[];
  readonly curve: CurvePicture | undefined;
}

/** As a fraction of the hours. */
const MANY_REFUSALS = 0.1;
/** After refusals, the recommendation is at most this multiple of what passed. */
const MOST_OF_PASSED = 2;

interface Counted {
  readonly period: Period;
  readonly offered: CountedCurve;
  /** An upper bound on what passed. */
  readonly passed: CountedCurve;
  /** The curve to plan for. */
  readonly curve: CountedCurve;
}

export function adviseRate(
  limit: RateLimit,
  periods: readonly Period[],
  policy: Policy,
  basis: Basis,
): RateAdvice {
  const enabled = [limit.rate, limit.burst].filter((name) => policy.enabledLimits.includes(name));
  if (enabled.length === 0) return { limits: [], curve: undefined };
  const none = (why: string): RateAdvice => ({
    limits: enabled.map((name) => noAdvice(name, limit.kind, writtenOf(limit, name), why)),
    curve: undefined,
  });
  const counted = countedIn(limit, periods);
  if (counted.length === 0) return none(`The history has no figures on ${limit.unit} a second.`);
  if (basis.confidence === 'none') return none(tooLittle(basis));
  const all = countedDemand(counted.map(({ offered }) => offered));
  if (all.leastRate === 0) return none('The tenant sent nothing in this time.');
  return new Chooser(limit, counted, policy, basis, all).advise(enabled);
}

function tooLittle({ hoursWatched }: Basis): string {
  return `There are ${shown(Math.floor(hoursWatched))} hours of history: below 24 nothing is advised.`;
}

function countedIn(limit: RateLimit, periods: readonly Period[]): Counted[] {
  return periods.flatMap((period, i) => {
    const curve = limit.curveOf(period.record);
    if (curve === undefined || curve.every(Number.isNaN)) return [];
    const offered = { curve, resolutionSeconds: period.record.resolutionSeconds };
    const before = periods[i - 1];
    // A window that ends in this period may begin in the one before.
    const refused = [period, ...(before && isNext(before, period) ? [before] : [])].filter(
      (one) => one.refused,
    );
    if (refused.length === 0) return [{ period, offered, passed: offered, curve: offered }];
    const { current } = limit;
    const part = Math.min(...refused.map(({ record }) => passedPart(limit, record)));
    const passed = within(scaled(offered, part), current);
    const most = scaled(passed, MOST_OF_PASSED);
    // The current bucket lets more pass, and may not have been in force then.
    const counts = curve.map((amount, i) =>
      Math.min(amount, Math.max(most.curve[i] ?? 0, lineOf(current, i, offered.resolutionSeconds))),
    );
    return [{ period, offered, passed, curve: { ...offered, curve: counts } }];
  });
}

function isNext({ record: before }: Period, { record }: Period): boolean {
  return before.startMs + before.seconds * 1000 === record.startMs;
}

/** An upper bound on what a bucket lets pass. */
function within(counted: CountedCurve, bucket: Pair | undefined): CountedCurve {
  if (bucket === undefined) return counted;
  const { curve, resolutionSeconds } = counted;
  return {
    resolutionSeconds,
    curve: curve.map((amount, i) => Math.min(amount, lineOf(bucket, i, resolutionSeconds))),
  };
}

/** For one of CURVE_WINDOWS. */
function lineOf(bucket: Pair | undefined, window: number, resolutionSeconds: number): number {
  if (bucket === undefined) return 0;
  return bucket.burst + bucket.rate * ((CURVE_WINDOWS[window] ?? 0) + resolutionSeconds);
}

function passedPart({ countOf }: RateLimit, { offered, refused }: UsageRecord): number {
  const part = countOf(refused) / countOf(offered);
  // If not everything that was refused was counted, it is assumed to be new.
  return Number.isFinite(part) ? Math.min(1, Math.max(0, 1 - part)) : 1;
}

function writtenOf({ rate, written }: RateLimit, name: AdvisedLimit): number | undefined {
  return name === rate ? written.rate : written.burst;
}

class Chooser {
  readonly #limit: RateLimit;
  readonly #counted: readonly Counted[];
  readonly #policy: Policy;
  readonly #basis: Basis;
  readonly #all: Demand;
  readonly #margin: number;
  /** Without the periods that the policy ignores. */
  readonly #kept: readonly Counted[];

  constructor(limit: RateLimit, counted: readonly Counted[], policy: Policy, basis: Basis, all: Demand) {
    this.#limit = limit;
    this.#counted = counted;
    this.#policy = policy;
    this.#basis = basis;
    this.#all = all;
    this.#margin = (1 + policy.margin) * (1 + basis.extraMargin);
    this.#kept = this.#withoutExceptions();
  }

  advise(enabled: readonly AdvisedLimit[]): RateAdvice {
    const limit = this.#limit;
    const demand = demandOf(
      this.#kept.map(({ curve }) => curve),
      this.#margin,
    );
    const needed = this.#pair(demand, enabled);
    if (typeof needed === 'string') {
      return {
        limits: enabled.map((name) => noAdvice(name, limit.kind, writtenOf(limit, name), needed)),
        curve: this.#picture(undefined),
      };
    }
    const values = this.#values(needed, enabled, this.#mostAtOnce());
    const chosen = limit.bucketOf(values.rate.value, values.burst.value);
    const stays = this.#reasonToStay(chosen, values);
    const final = stays === undefined || limit.current === undefined ? chosen : limit.current;
    const range = this.#range(enabled);
    const shared = {
      kind: limit.kind,
      confidence: this.#confidence(),
      headroom: finite(headroomOf(this.#all, final)),
      currentHeadroom: limit.current === undefined ? undefined : finite(headroomOf(this.#all, limit.current)),
      wouldRefuse: this.#refusals(final),
      currentWouldRefuse: limit.current === undefined ? undefined : this.#refusals(limit.current),
    };
    const why = this.#why(needed, demand);
    const one = (name: AdvisedLimit, which: 'rate' | 'burst'): LimitAdvice => {
      const { value, uncapped, remark } = values[which];
      const current = limit.written[which];
      const recommended = stays === undefined || current === undefined ? value : current;
      return {
        limit: name,
        current,
        recommended,
        direction: directionOf(current, recommended),
        why: why + cut(value, range?.to[which], name) + remark + (stays ?? ''),
        range: range && { from: range.from[which], to: range.to[which] },
        uncapped,
        peak: which === 'rate' ? this.#all.leastRate : burstFor(this.#all, needed.rate),
        ...shared,
      };
    };
    return {
      limits: enabled.map((name) => one(name, name === limit.rate ? 'rate' : 'burst')),
      curve: this.#picture(final),
    };
  }

  /** With retries, or without a resolution of seconds, it is less reliable. */
  #confidence(): Confidence {
    const { confidence, resolutionSeconds = 1, hoursWatched, hoursWithRefusals } = this.#basis;
    const isVague = resolutionSeconds > 1 || hoursWithRefusals > hoursWatched * MANY_REFUSALS;
    return confidence === 'high' && isVague ? 'medium' : confidence;
  }

  #withoutExceptions(): readonly Counted[] {
    const byPeriod = new Map(this.#counted.map((one) => [one.period, one]));
    const weight = (period: Period): number => {
      const one = byPeriod.get(period);
      return one === undefined ? 0 : exposureOf(leastPair(countedDemand([one.curve]), this.#wishes()));
    };
    const kept = keptPeriods([...byPeriod.keys()], this.#policy, weight);
    return kept.flatMap((period) => byPeriod.get(period) ?? []);
  }

  #wishes(): { burstAtMost: number | undefined } {
    return { burstAtMost: this.#policy.burstAtMost };
  }

  /** Both together, or the one that may change next to the other. A sentence: neither may. */
  #pair(demand: Demand, enabled: readonly AdvisedLimit[]): Pair | string {
    const { rate, burst, current } = this.#limit;
    if (enabled.length === 2) return leastPair(demand, this.#wishes());
    const missing = enabled.includes(rate) ? burst : rate;
    if (current === undefined)
      return `It has a meaning only with ${missing}, which is not in force and not among the policy's enabled_limits.`;
    if (enabled.includes(rate)) {
      const fitting = rateFor(demand, current.burst);
      return fitting === undefined
        ? `No rate is enough with the burst in force, ${shown(current.burst)}: ${burst} is not among the policy's enabled_limits.`
        : { rate: fitting, burst: current.burst };
    }
    return current.rate < demand.leastRate
      ? `No burst is enough with the rate in force, ${shown(current.rate)}: ${rate} is not among the policy's enabled_limits.`
      : { rate: current.rate, burst: burstFor(demand, current.rate) };
  }

  /** As they are to be written. */
  #values(needed: Pair, enabled: readonly AdvisedLimit[], mostAtOnce: number) {
    const { rate, burst, written, hasClasses, writtenBurst } = this.#limit;
    const fitting = hasClasses && this.#policy.round === 'size classes' ? this.#classFor(needed) : undefined;
    const wanted = fitting ?? { rate: rounded(needed.rate, this.#policy), burst: needed.burst };
    const values = {
      rate: enabled.includes(rate)
        ? bounded(rate, wanted.rate, this.#policy)
        : { value: written.rate ?? 0, uncapped: undefined, remark: '' },
      burst: { value: written.burst ?? 0, uncapped: undefined as number | undefined, remark: '' },
    };
    if (enabled.includes(burst)) {
      const asked = writtenBurst({ rate: values.rate.value, burst: wanted.burst }, mostAtOnce);
      const whole =
        fitting === undefined && burst !== 'ingestion_burst_factor' ? rounded(asked, this.#policy) : asked;
      values.burst = bounded(burst, whole, this.#policy);
    }
    return values;
  }

  /** The smallest class whose bucket lets pass what the needed one does. */
  #classFor(needed: Pair): Pair | undefined {
    return SIZE_CLASSES.find(({ rate, burst }) => rate >= needed.rate && burst >= needed.burst);
  }

  /** The highest amount in one second, a bound on every push that should pass; 0: unknown. */
  #mostAtOnce(curveOf = ({ curve }: Counted): CountedCurve => curve): number {
    const [second = Number.NaN] = highestOf(this.#kept.map((one) => curveOf(one).curve));
    return Number.isNaN(second) ? 0 : second * this.#margin;
  }

  /** Why the current values should stay; undefined: they should change. */
  #reasonToStay(
    chosen: Pair,
    values: { rate: { value: number }; burst: { value: number } },
  ): string | undefined {
    const { current, written } = this.#limit;
    if (current === undefined) return undefined;
    if (values.rate.value === written.rate && values.burst.value === written.burst) return ' It is in force.';
    const { hysteresis, neverLower } = this.#policy;
    const change = exposureOf(chosen) / exposureOf(current) - 1;
    const enough = this.#lets(current);
    if (enough && Math.abs(change) < hysteresis)
      return ` What is in force differs by less than ${percent(hysteresis)}, so it may stay.`;
    if (enough && neverLower && change <= 0) return ' The policy never lowers a limit, so it stays.';
    return undefined;
  }

  /** Everything passes except what the policy ignores, whatever arrived between the counted windows. */
  #lets({ rate, burst }: Pair): boolean {
    const demand = demandOf(
      this.#kept.map(({ offered }) => offered),
      1,
    );
    return rate >= demand.leastRate && burst >= burstFor(demand, rate);
  }

  /** From what passed to everything that was offered. Undefined: nothing was refused. */
  #range(enabled: readonly AdvisedLimit[]): { from: Shape; to: Shape } | undefined {
    if (!this.#counted.some(({ period }) => period.refused)) return undefined;
    const shapeOf = (curveOf: (one: Counted) => CountedCurve): Shape | undefined => {
      const pair = this.#pair(demandOf(this.#kept.map(curveOf), this.#margin), enabled);
      if (typeof pair === 'string') return undefined;
      const { rate, burst } = this.#values(pair, enabled, this.#mostAtOnce(curveOf));
      return { rate: rate.value, burst: burst.value };
    };
    const [from, to] = [shapeOf(({ passed }) => passed), shapeOf(({ offered }) => offered)];
    return from && to && { from, to };
  }

  #refusals(pair: Pair): Refusals {
    return addRefusals(
      this.#counted.map(({ period, offered: curve }) => {
        const short = shortOf(countedDemand([curve]), pair);
        if (short <= 1e-9) return { hours: { atLeast: 0, atMost: 0 }, pushes: 0 };
        const { offered } = period.record;
        const perPush = Math.max(1, this.#limit.countOf(offered) / Math.max(1, offered.requests) || 1);
        const isHour = period.record.seconds <= 3600;
        return {
          hours: { atLeast: 1, atMost: isHour ? 1 : Math.max(1, Math.ceil(period.hours)) },
          pushes: Math.ceil(short / perPush),
        };
      }),
    );
  }

  #why(needed: Pair, demand: Demand): string {
    const { unit } = this.#limit;
    const line = highestAt(demand.lines, needed.rate);
    const seconds = Math.max(1, line.seconds + 2 * (this.#basis.resolutionSeconds ?? 1));
    const extra =
      this.#basis.extraMargin > 0.005
        ? ` and ${percent(this.#basis.extraMargin)} for the little history there is`
        : '';
    return (
      `The busiest hour brought ${shown(this.#all.leastRate)} ${unit}/s on average, the busiest ${shown(seconds)} s ` +
      `${shown(line.amount / this.#margin)} ${unit}; with a margin of ${percent(this.#policy.margin)}${extra}, ` +
      `${shown(needed.rate)}/s with a burst of ${shown(needed.burst)} let that pass.`
    );
  }

  #picture(recommended: Pair | undefined): CurvePicture {
    const { rate, burst, current } = this.#limit;
    const line = (pair: Pair): number[] => CURVE_WINDOWS.map((seconds) => pair.burst + pair.rate * seconds);
    return {
      rate,
      burst,
      windows: CURVE_WINDOWS,
      arrived: highestOf(this.#counted.map(({ offered }) => offered.curve)).map((amount) =>
        Number.isNaN(amount) ? null : amount,
      ),
      current: current === undefined ? undefined : line(current),
      recommended: recommended === undefined ? undefined : line(recommended),
    };
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function cut(value: number, to: number | undefined, limit: AdvisedLimit): string {
  if (to === undefined || to <= value) return '';
  return ` Of what was refused no more counts here than as much again as passed: with all of it ${limit} would be ${shown(to)}.`;
}
