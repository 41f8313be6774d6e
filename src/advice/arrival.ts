/**
 * The token buckets with which an arrival curve passes. A line (amount, seconds) says that `amount` may arrive while the
 * bucket earns for `seconds`: a bucket of rate r and burst b refuses nothing if b ≥ amount − r × seconds for every line.
 * This is exact for any order of pushes within the seconds by which the curve was counted.
 */
import { type ArrivalCurve, CURVE_WINDOWS } from '../usage/usage-record.js';

/** A bucket: tokens per second, and the burst. */
export interface Pair {
  readonly rate: number;
  readonly burst: number;
}

export interface Line {
  readonly amount: number;
  readonly seconds: number;
}

/** A curve, and the resolution in seconds with which it was counted. */
export interface CountedCurve {
  readonly curve: ArrivalCurve;
  readonly resolutionSeconds: number;
}

export interface Demand {
  readonly lines: readonly Line[];
  /** The rate needed for what goes on longer than the longest window. */
  readonly leastRate: number;
}

/** What a bucket lets through at once and within ten minutes. The smaller it is, the less a tenant can do to Mimir. */
const EXPOSURE_SECONDS = 600;

export function exposureOf({ rate, burst }: Pair): number {
  return burst + EXPOSURE_SECONDS * rate;
}

/**
 * The demand of several hours or days on one bucket: counted windows with a margin, and what may have arrived within
 * windows between them without one.
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

/** Only by the counted windows, each hour separately. */
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

/** The highest value of each window. */
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

/** A curve in which each window is scaled by a factor. */
export function scaled({ curve, resolutionSeconds }: CountedCurve, factor: number): CountedCurve {
  return { curve: curve.map((amount) => amount * factor), resolutionSeconds };
}

/** The mean over the longest window. */
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

/** Pushes of n counted steps may be little more than n − 2 steps apart, so the bucket earns for that long. */
function linesBetween(curve: ArrivalCurve, step: number): Line[] {
  const most = mostWithin(knownOf(curve), step);
  const lines: Line[] = [];
  for (let steps = 0; steps < most.length; steps++) {
    const amount = most[steps] as number;
    // Of windows with the same amount the shortest asks for the most.
    if (steps > 0 && amount === most[steps - 1]) continue;
    addToHull(lines, { amount, seconds: (steps - 2) * step });
  }
  return lines;
}

/**
 * For each number of steps up to the longest window, the most that may have arrived: no more than in the next longer
 * window, nor than in several shorter ones together. An hour has 3,600 steps, hence typed arrays and no objects.
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

/**
 * Keeps the upper hull: lines arrive in order of seconds and amounts, and those that are never the highest, at any rate,
 * are removed.
 */
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
  /** The largest burst, in seconds of rate. */
  readonly burstAtMost?: number | undefined;
}

/** The bucket with the least exposure among those that let everything pass. */
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

/** The smallest burst that suffices with a rate. */
export function burstFor({ lines }: Demand, rate: number): number {
  return Math.max(0, ...lines.map(({ amount, seconds }) => amount - rate * seconds));
}

/** The smallest rate with which a burst suffices. Undefined: none does. */
export function rateFor({ lines, leastRate }: Demand, burst: number): number | undefined {
  let rate = leastRate;
  for (const { amount, seconds } of lines) {
    if (amount <= burst) continue;
    if (seconds <= 0) return undefined;
    rate = Math.max(rate, (amount - burst) / seconds);
  }
  // See the lines with negative time: part of a burst arrives while the rate is earned.
  return burstFor({ lines, leastRate }, rate) <= burst * (1 + 1e-9) ? rate : undefined;
}

/** A lower bound on how much of a window's amount the bucket would have refused; 0 if it lets everything pass. */
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

/** The line that asks for the largest burst at a rate; if several do, the one with the shortest time. */
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

/** Where, with growing rate, another line asks for the most. */
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
