/** From needed to recommended values: floor, ceiling, rounding, and whether a change is worth it. */
import { precise } from '../base/amounts.js';
import type { Direction, LimitAdvice, Refusals } from './advice.js';
import type { AdvisedLimit, Policy } from './policy.js';
import { roundUp } from './size-classes.js';

interface Bounded {
  readonly value: number;
  /** The value without the ceiling; undefined: it is below. */
  readonly uncapped: number | undefined;
  /** For the sentence: how the policy changed the value. */
  readonly remark: string;
}

export function bounded(limit: AdvisedLimit, value: number, { floor, ceiling }: Policy): Bounded {
  const least = floor[limit];
  const most = ceiling[limit];
  if (most !== undefined && value > most)
    return {
      value: most,
      uncapped: value,
      remark: ` The policy's ceiling keeps it at ${shown(most)}: without it, it would be ${shown(value)}.`,
    };
  if (least !== undefined && value < least)
    return { value: least, uncapped: undefined, remark: ` The policy's floor is ${shown(least)}.` };
  return { value, uncapped: undefined, remark: '' };
}

/** Never down: the recommendation has to suffice. */
export function rounded(value: number, { round }: Policy): number {
  return round === 'exact' ? Math.ceil(value - 1e-9) : roundUp(Math.ceil(value - 1e-9), 2);
}

export function directionOf(current: number | undefined, recommended: number): Direction {
  if (current === undefined) return 'set';
  if (recommended === current) return 'keep';
  return recommended > current ? 'raise' : 'lower';
}

export function noAdvice(
  limit: AdvisedLimit,
  kind: LimitAdvice['kind'],
  current: number | undefined,
  why: string,
): LimitAdvice {
  return {
    limit,
    kind,
    current,
    recommended: undefined,
    direction: 'none',
    why,
    confidence: 'none',
    range: undefined,
    uncapped: undefined,
    peak: undefined,
    headroom: undefined,
    currentHeadroom: undefined,
    wouldRefuse: undefined,
    currentWouldRefuse: undefined,
  };
}

export function addRefusals(each: readonly Refusals[]): Refusals {
  let [atLeast, atMost, pushes]: [number, number, number | undefined] = [0, 0, 0];
  for (const one of each) {
    atLeast += one.hours.atLeast;
    atMost += one.hours.atMost;
    pushes = pushes === undefined || one.pushes === undefined ? undefined : pushes + one.pushes;
  }
  return { hours: { atLeast, atMost }, pushes };
}

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** 12,345; from a million on 1.234 M, precise enough to be set. */
export function shown(value: number): string {
  return value < 1e6 ? NUMBER.format(value) : precise(value);
}

export function percent(part: number): string {
  return `${NUMBER.format(part * 100)} %`;
}
