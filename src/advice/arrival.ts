/**
 * What a token bucket has to be for an arrival curve to pass: a line (amount, seconds) says that `amount` may arrive while
 * the bucket earns for `seconds`, so that a bucket of rate r and burst b refuses nothing when b ≥ amount − r × seconds holds
 * for every line. That is exact for any order of pushes within the seconds that the curve was counted by.
 */
import { type ArrivalCurve, CURVE_WINDOWS } from '../usage/usage-record.js';

/** A bucket: tokens a second, and tokens at once. */
export interface Pair {
  readonly rate: number;
  readonly burst: number;
}

export interface Line {
  readonly amount: number;
  readonly seconds: number;
}

/** A curve, and the seconds that it was counted by. */
export interface CountedCurve {
  readonly curve: ArrivalCurve;
  readonly resolutionSeconds: number;
}

export interface Demand {
  readonly lines: readonly Line[];
  /** What the rate has to be for what goes on longer than the longest window. */
  readonly leastRate: number;
}

/** What a bucket lets through at once and in ten minutes: the least of it is the least that a tenant can do to Mimir. */
const EXPOSURE_SECONDS = 600;

export function exposureOf({ rate, burst }: Pair): number {
  return burst + EXPOSURE_SECONDS * rate;
}

/**
 * Of several hours or days, a bucket for all of them: the windows that were counted with a margin, and what may have come
 * within any window between them without one.
 */
export function demandOf(counted: readonly CountedCurve[], margin: number): Demand {
  const lines: Line[] = [];
  let leastRate = 0;
  for (const { curve, resolutionSeconds } of byResolution(counted)) {
    for (const { window, amount } of knownOf(curve)) {
      lines.push({ amount: amount * margin, seconds: window - 2 * resolutionSeconds });
    }
    lines.push(...linesBetween(curve, resolutionSeconds));
    leastRate = Math.max(leastRate, lastingRate(curve) * margin);
  }
  return { lines, leastRate };
}

/** By the windows that were counted alone, each hour for itself. */
export function countedDemand(counted: readonly CountedCurve[]): Demand {
  const lines: Line[] = [];
  let leastRate = 0;
  for (const { curve, resolutionSeconds } of counted) {
    for (const { window, amount } of knownOf(curve)) {
      lines.push({ amount, seconds: Math.max(0, window - resolutionSeconds) });
    }
    leastRate = Math.max(leastRate, lastingRate(curve));
  }
  return { lines, leastRate };
}

function byResolution(counted: readonly CountedCurve[]): CountedCurve[] {
  const curves = new Map<number, ArrivalCurve[]>();
  for (const { curve, resolutionSeconds } of counted) {
    curves.set(resolutionSeconds, [...(curves.get(resolutionSeconds) ?? []), curve]);
  }
  return [...curves].map(([resolutionSeconds, same]) => ({ curve: highestOf(same), resolutionSeconds }));
}

/** The most of each window. */
export function highestOf(curves: readonly ArrivalCurve[]): number[] {
  return CURVE_WINDOWS.map((_, index) => {
    let most = Number.NaN;
    for (const curve of curves) {
      const amount = curve[index] ?? Number.NaN;
      if (!(amount <= most) && !Number.isNaN(amount)) most = amount;
    }
    return most;
  });
}

/** What was not offered once by many, but taken to be: each window by a factor. */
export function scaled({ curve, resolutionSeconds }: CountedCurve, factor: number): CountedCurve {
  return { curve: curve.map((amount) => amount * factor), resolutionSeconds };
}

/** The longest window's mean. */
function lastingRate(curve: ArrivalCurve): number {
  const last = curve.findLastIndex((amount) => !Number.isNaN(amount));
  return last < 0 ? 0 : (curve[last] ?? 0) / (CURVE_WINDOWS[last] ?? 1);
}

interface Known {
  readonly window: number;
  readonly amount: number;
}

function knownOf(curve: ArrivalCurve): Known[] {
  return CURVE_WINDOWS.map((window, index) => ({ window, amount: curve[index] ?? Number.NaN })).filter(
    ({ amount }) => !Number.isNaN(amount),
  );
}

/** Pushes of n counted steps may lie little more than n − 2 steps apart, so that is what the bucket earns meanwhile. */
function linesBetween(curve: ArrivalCurve, step: number): Line[] {
  const most = mostWithin(knownOf(curve), step);
  const lines: Line[] = [];
  for (let steps = 0; steps < most.length; steps++) {
    const amount = most[steps] as number;
    // The shortest window of an amount asks for the most.
    if (steps > 0 && amount === most[steps - 1]) continue;
    addToHull(lines, { amount, seconds: (steps - 2) * step });
  }
  return lines;
}

/**
 * For each number of steps, up to the longest window, the most that may have arrived: no more than in the next longer window,
 * nor than in several shorter ones together. An hour has 3,600 of them: typed arrays, and no objects.
 */
function mostWithin(known: readonly Known[], step: number): Float64Array {
  const windows = Int32Array.from(known, ({ window }) => Math.round(window / step));
  const amounts = Float64Array.from(known, ({ amount }) => amount);
  const most = new Float64Array((windows.at(-1) ?? 0) + 1);
  let next = 0;
  for (let steps = 1; steps < most.length; steps++) {
    while ((windows[next] as number) < steps) next++;
    let least = amounts[next] as number;
    for (let shorter = 0; shorter < next; shorter++) {
      const together = (amounts[shorter] as number) + (most[steps - (windows[shorter] as number)] as number);
      if (together < least) least = together;
    }
    most[steps] = least;
  }
  return most;
}

/** Lines come in order of seconds and of amounts: those that are never the highest, at no rate, go. */
function addToHull(lines: Line[], line: Line): void {
  while (lines.length > 1) {
    const last = lines[lines.length - 1] as Line;
    const before = lines[lines.length - 2] as Line;
    const isBelow =
      (last.amount - before.amount) * (line.seconds - last.seconds) <=
      (line.amount - last.amount) * (last.seconds - before.seconds);
    if (!isBelow) break;
    lines.pop();
  }
  lines.push(line);
}

interface PairWishes {
  /** The most burst, in seconds of rate. */
  readonly burstAtMost?: number | undefined;
}

/** The bucket with the least exposure of those that let everything pass. */
export function leastPair({ lines, leastRate }: Demand, { burstAtMost }: PairWishes = {}): Pair {
  let rate = leastRate;
  for (let active = highestAt(lines, rate); active.seconds > EXPOSURE_SECONDS; ) {
    const next = nextCrossing(lines, active);
    if (next === undefined) break;
    rate = Math.max(rate, next.rate);
    active = next.line;
  }
  if (burstAtMost !== undefined) {
    for (const { amount, seconds } of lines) {
      if (seconds + burstAtMost > 0) rate = Math.max(rate, amount / (seconds + burstAtMost));
    }
  }
  return { rate, burst: burstFor({ lines, leastRate }, rate) };
}

/** The least burst that is enough with a rate. */
export function burstFor({ lines }: Demand, rate: number): number {
  return Math.max(0, ...lines.map(({ amount, seconds }) => amount - rate * seconds));
}

/** The least rate with which a burst is enough. Undefined: none is. */
export function rateFor({ lines, leastRate }: Demand, burst: number): number | undefined {
  let rate = leastRate;
  for (const { amount, seconds } of lines) {
    if (amount <= burst) continue;
    if (seconds <= 0) return undefined;
    rate = Math.max(rate, (amount - burst) / seconds);
  }
  // What is sent at once while the rate is earned: see the lines with less than no time.
  return burstFor({ lines, leastRate }, rate) <= burst * (1 + 1e-9) ? rate : undefined;
}

/** How much of a window's amount the bucket would have refused at least; 0 when it lets everything pass. */
export function shortOf({ lines }: Demand, { rate, burst }: Pair): number {
  return Math.max(0, ...lines.map(({ amount, seconds }) => amount - rate * Math.max(0, seconds) - burst));
}

/** By how much everything could grow before the first refusal: 0.2 is a fifth. Negative: it is refused already. */
export function headroomOf({ lines, leastRate }: Demand, { rate, burst }: Pair): number {
  let factor = leastRate === 0 ? Number.POSITIVE_INFINITY : Math.max(rate / leastRate, 0);
  for (const { amount, seconds } of lines) {
    if (amount > 0) factor = Math.min(factor, (burst + rate * Math.max(0, seconds)) / amount);
  }
  return factor - 1;
}

/** The line that asks for the most burst at a rate; of equals, the one of the shortest time. */
export function highestAt(lines: readonly Line[], rate: number): Line {
  let highest: Line = { amount: 0, seconds: 0 };
  let most = Number.NEGATIVE_INFINITY;
  for (const line of lines) {
    const burst = line.amount - rate * line.seconds;
    if (burst > most || (burst === most && line.seconds < highest.seconds)) {
      highest = line;
      most = burst;
    }
  }
  return highest;
}

/** Where, as the rate grows, another line asks for the most. */
function nextCrossing(lines: readonly Line[], active: Line): { rate: number; line: Line } | undefined {
  let next: { rate: number; line: Line } | undefined;
  for (const line of lines) {
    if (line.seconds >= active.seconds) continue;
    const rate = (active.amount - line.amount) / (active.seconds - line.seconds);
    if (next === undefined || rate < next.rate || (rate === next.rate && line.seconds < next.line.seconds)) {
      next = { rate, line };
    }
  }
  return next;
}
