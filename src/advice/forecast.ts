/**
 * The trend of a figure by the median of the slopes between all pairs of days (Theil–Sen), which outliers do not change.
 * The interval contains the slope in nine cases of ten (Sen).
 */

export interface DayValue {
  readonly startMs: number;
  readonly value: number;
}

export interface Trend {
  /** Per day. */
  readonly slope: number;
  readonly slopeFrom: number;
  readonly slopeTo: number;
  /** On the last day, on the trend line. */
  readonly level: number;
  readonly days: number;
}

export interface DaysUntil {
  /** Undefined: never, if the trend continues. */
  readonly days: number | undefined;
  /** The earliest and latest in the interval. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

const LEAST_DAYS = 7;
const DAY_MS = 86_400_000;
/** The quantile of the normal distribution for nine of ten. */
const Z = 1.645;

/** Undefined: not enough history. */
export function trendOf(values: readonly DayValue[]): Trend | undefined {
  if (values.length < LEAST_DAYS) return undefined;
  const last = values.at(-1)?.startMs ?? 0;
  const slopes: number[] = [];
  for (const [index, a] of values.entries()) {
    for (const b of values.slice(index + 1)) {
      if (b.startMs > a.startMs) slopes.push((b.value - a.value) / ((b.startMs - a.startMs) / DAY_MS));
    }
  }
  slopes.sort((a, b) => a - b);
  const n = values.length;
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const slope = median(slopes);
  const at = (rank: number): number =>
    slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] ?? slope;
  return {
    slope,
    slopeFrom: at((slopes.length - spread) / 2 - 1),
    slopeTo: at((slopes.length + spread) / 2),
    level: median(
      values.map(({ startMs, value }) => value + (slope * (last - startMs)) / DAY_MS).sort((a, b) => a - b),
    ),
    days: n,
  };
}

export function daysUntil({ slope, slopeFrom, slopeTo, level }: Trend, most: number): DaysUntil {
  const by = (rate: number): number | undefined => {
    if (level >= most) return 0;
    return rate <= 1e-12 ? undefined : (most - level) / rate;
  };
  return { days: by(slope), from: by(slopeTo), to: by(slopeFrom) };
}

function median(sorted: readonly number[]): number {
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}
