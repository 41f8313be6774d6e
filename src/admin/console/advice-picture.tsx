/**
 * What advice rests on, to be looked at: how much arrived within any window beside what rate and burst let through, now and as
 * advised; and the same rates over the days that are kept.
 */
import type { JSX } from 'preact';
import { duration } from '../../base/amounts.js';
import { type Chart, ChartView, type Line } from './chart.js';
import { CurveView } from './curve.js';
import { useReading } from './reading.js';
import type { AdviceCurve, LimitAdvice, UsageDays } from './types.js';

const DAY_SECONDS = 86_400;
const DAY_MS = DAY_SECONDS * 1000;
const EVERY = 30;
/** Curves of usage have an hour last. */
const HOUR_SECONDS = 3600;
const LIMITS_OF_SERIES = ['max_global_series_per_user', 'max_active_series_per_user'];

/** Of each rate: what is counted of it, in words and in usage. */
const COUNTED = {
  ingestion_rate: ['items', 'Items', 'count'],
  request_rate: ['requests', 'Pushes', 'count'],
  bytes_per_second: ['bytes', 'Bytes', 'bytes'],
} as const;

interface PictureProps {
  readonly id: string;
  readonly curves: readonly AdviceCurve[];
  readonly limits: readonly LimitAdvice[];
}

export function AdvicePicture({ id, curves, limits }: PictureProps): JSX.Element {
  const { data } = useReading<UsageDays>(`usage?tenant=${encodeURIComponent(id)}&step=1d`, EVERY);
  const known = curves.filter(({ arrived }) => arrived.some((most) => most !== null && most > 0));
  const series = data === undefined ? undefined : seriesOverDays(data, limits);
  return (
    <div class="charts">
      {known.flatMap((curve) => {
        const [, what, unit] = COUNTED[curve.rate];
        const days = data === undefined ? undefined : ratesOverDays(data, curve, limits);
        return [
          <CurveView
            key={curve.rate}
            title={`${what} within any window`}
            windows={curve.windows}
            windowText={duration}
            unit={unit}
            lines={[
              { label: 'arrived', points: curve.arrived, colour: 'traffic' },
              { label: 'rate and burst now', points: curve.current ?? [], colour: 'ink-2' },
              { label: 'as advised', points: curve.recommended ?? [], colour: 'good' },
            ]}
          />,
          days === undefined ? (
            <div key={`${curve.rate} days`} />
          ) : (
            <ChartView key={`${curve.rate} days`} chart={days} />
          ),
        ];
      })}
      {series === undefined ? null : <ChartView chart={series} />}
    </div>
  );
}

/** Undefined: a single day is no line. */
function ratesOverDays(
  usage: UsageDays,
  curve: AdviceCurve,
  limits: readonly LimitAdvice[],
): Chart | undefined {
  const [counted, what, unit] = COUNTED[curve.rate];
  const mean: Line = {
    label: 'mean of the day',
    colour: 'traffic',
    filled: true,
    points: eachDay(usage, ({ offered, coveredSeconds }) => rate(offered[counted], coveredSeconds)),
  };
  const busiest: Line = {
    label: 'busiest hour',
    colour: 'traffic',
    dashed: true,
    points: eachDay(usage, ({ curves }) => rate(curves[counted]?.at(-1) ?? null, HOUR_SECONDS)),
  };
  const title = `${what} a second, day by day, against ${curve.rate}`;
  return overDays(`${curve.rate}-days`, title, unit, usage, [mean, busiest], limits, [curve.rate]);
}

function seriesOverDays(usage: UsageDays, limits: readonly LimitAdvice[]): Chart | undefined {
  const most: Line = {
    label: 'most of the day',
    colour: 'traffic',
    filled: true,
    points: eachDay(usage, ({ peaks }) => peaks.activeSeries),
  };
  if (!most.points.some((point) => point !== null)) return undefined;
  return overDays(
    'series-days',
    'Active series, day by day',
    'count',
    usage,
    [most],
    limits,
    LIMITS_OF_SERIES,
  );
}

function overDays(
  id: string,
  title: string,
  unit: Chart['unit'],
  usage: UsageDays,
  lines: readonly Line[],
  limits: readonly LimitAdvice[],
  names: readonly string[],
): Chart | undefined {
  const count = lines[0]?.points.length ?? 0;
  if (count < 2) return undefined;
  const advice = limits.find(({ limit }) => names.includes(limit));
  const advised = advice?.recommended ?? null;
  const last = Date.parse(usage.records.at(-1)?.start ?? '');
  return {
    id: `chart-${id}`,
    title,
    unit,
    endMs: last,
    stepSeconds: DAY_SECONDS,
    lines: [
      ...lines,
      ...(advised === null
        ? []
        : [
            {
              label: 'as advised',
              colour: 'good',
              dashed: true,
              points: Array(count).fill(advised),
            } as const,
          ]),
    ],
    limit: [{ fromMs: 0, level: advice?.current ?? undefined }],
    marks: [],
  };
}

/** From the first day that is kept to the last; null: there is none. */
function eachDay(
  { records }: UsageDays,
  of: (day: UsageDays['records'][number]) => number | null,
): (number | null)[] {
  const starts = records.map(({ start }) => Date.parse(start));
  const first = starts[0] ?? 0;
  const days: (number | null)[] = Array(Math.round(((starts.at(-1) ?? 0) - first) / DAY_MS) + 1).fill(null);
  for (const [index, record] of records.entries()) {
    days[Math.round(((starts[index] ?? 0) - first) / DAY_MS)] = of(record);
  }
  return days;
}

function rate(amount: number | null, seconds: number): number | null {
  return amount === null || seconds === 0 ? null : amount / seconds;
}
