/** A rate and its burst, chosen together on the arrival curve: of all buckets that refuse nothing, the one that lets a tenant do least. */
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

/** A kind of bucket, and the two limits that shape it. */
export interface RateLimit {
  readonly kind: LimitAdvice['kind'];
  readonly rate: AdvisedLimit;
  readonly burst: AdvisedLimit;
  readonly unit: string;
  readonly curveOf: (record: UsageRecord) => ArrivalCurve | undefined;
  readonly countOf: (counts: UsageCounts) => number;
  /** The bucket in force over the whole cluster; undefined: there is none. */
  readonly current: Pair | undefined;
  /** As they stand in the documents. */
  readonly written: { readonly rate: number | undefined; readonly burst: number | undefined };
  /** The value that is to be written for a bucket's burst. */
  readonly writtenBurst: (pair: Pair, mostAtOnce: number) => number;
  /** The bucket that comes of written values. */
  readonly bucketOf: (rate: number, burst: number) => Pair;
  /** Mimir's size classes are of these. */
  readonly hasClasses: boolean;
}

export interface RateAdvice {
  readonly limits: readonly LimitAdvice[];
  readonly curve: CurvePicture | undefined;
}

/** Of the hours. */
const MANY_REFUSALS = 0.1;

interface Counted {
  readonly period: Period;
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
  const all = countedDemand(counted.map(({ curve }) => curve));
  if (all.leastRate === 0) return none('The tenant sent nothing in this time.');
  return new Chooser(limit, counted, policy, basis, all).advise(enabled);
}

function tooLittle({ hoursWatched }: Basis): string {
  return `There are ${shown(Math.floor(hoursWatched))} hours of history: below 24 nothing is advised.`;
}

function countedIn({ curveOf }: RateLimit, periods: readonly Period[]): Counted[] {
  return periods.flatMap((period) => {
    const curve = curveOf(period.record);
    if (curve === undefined || curve.every(Number.isNaN)) return [];
    return { period, curve: { curve, resolutionSeconds: period.record.resolutionSeconds } };
  });
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
  /** Without what the policy lets go. */
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
    const values = this.#values(needed, enabled);
    const chosen = limit.bucketOf(values.rate.value, values.burst.value);
    const stays = this.#reasonToStay(chosen, values);
    const final = stays === undefined || limit.current === undefined ? chosen : limit.current;
    const from = this.#without(enabled);
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
        why: why + remark + (stays ?? ''),
        range: from === undefined ? undefined : { from: from[which], to: value },
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

  /** What has retries in it, or no seconds, is not to be relied on so far. */
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

  /** Both together, or the one that may be changed beside the other. A sentence: neither can be. */
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
  #values(needed: Pair, enabled: readonly AdvisedLimit[]) {
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
      const asked = writtenBurst({ rate: values.rate.value, burst: wanted.burst }, this.#mostAtOnce());
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

  /** Of one second, which no push that is to pass has more than; 0: nobody knows. */
  #mostAtOnce(): number {
    const [second = Number.NaN] = highestOf(this.#kept.map(({ curve }) => curve.curve));
    return Number.isNaN(second) ? 0 : second * this.#margin;
  }

  /** Why what is in force is to stay; undefined: it is to be changed. */
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

  /** All but what the policy lets go passes, whatever came between the windows that were counted. */
  #lets({ rate, burst }: Pair): boolean {
    const demand = demandOf(
      this.#kept.map(({ curve }) => curve),
      1,
    );
    return rate >= demand.leastRate && burst >= burstFor(demand, rate);
  }

  /** With what was refused taken for retries. Undefined: nothing was refused. */
  #without(enabled: readonly AdvisedLimit[]): { rate: number; burst: number } | undefined {
    if (!this.#counted.some(({ period }) => period.refused)) return undefined;
    const demand = demandOf(
      this.#kept.map(({ period, curve }) => scaled(curve, this.#passedPart(period.record))),
      this.#margin,
    );
    const pair = this.#pair(demand, enabled);
    if (typeof pair === 'string') return undefined;
    const { rate, burst } = this.#values(pair, enabled);
    return { rate: rate.value, burst: burst.value };
  }

  #passedPart({ offered, refused }: UsageRecord): number {
    const { countOf } = this.#limit;
    const part = countOf(refused) / countOf(offered);
    // Not all is counted of what is refused: then it is taken to be new.
    return Number.isFinite(part) ? Math.min(1, Math.max(0, 1 - part)) : 1;
  }

  #refusals(pair: Pair): Refusals {
    return addRefusals(
      this.#counted.map(({ period, curve }) => {
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
      arrived: highestOf(this.#counted.map(({ curve }) => curve.curve)).map((amount) =>
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
