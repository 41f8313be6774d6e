/** Numbers, times and lengths as people read them, with one set of units; the exact one is there for who points at it. */
import type { JSX } from 'preact';
import type { Loss, Losses, Value } from './types.js';

const PLAIN = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });
const UNITS = ['', 'k', 'M', 'G', 'T'];
const THIN = '\u00a0';

/** Three digits at most: 4.5 k, 12 k, 950. The space does not break. */
export function short(value: number): string {
  const { digits, unit } = scaled(value);
  return unit === '' ? digits : `${digits}${THIN}${unit}`;
}

function scaled(value: number): { digits: string; unit: string } {
  let rest = value;
  let unit = 0;
  while (Math.abs(rest) >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return { digits: String(Number(rest.toFixed(Math.abs(rest) < 99.95 ? 1 : 0))), unit: UNITS[unit] ?? '' };
}

export function shortBytes(value: number): string {
  const { digits, unit } = scaled(value);
  return `${digits}${THIN}${unit}B`;
}

export function plain(value: number): string {
  return PLAIN.format(value);
}

/** The value that the API gave, and its short form. */
export function Num({ value, unit = '' }: { value: number; unit?: string }): JSX.Element {
  return (
    <data value={value} title={`${plain(value)}${unit}`}>
      {short(value)}
      {unit === '' ? '' : `${THIN}${unit}`}
    </data>
  );
}

export function Bytes({ value, unit = '' }: { value: number; unit?: string }): JSX.Element {
  return (
    <data value={value} title={`${plain(value)} bytes${unit}`}>
      {shortBytes(value)}
      {unit}
    </data>
  );
}

/** What there is none of is not said: no push was refused whole, or nothing of it was read. */
export function lossText({ pushes, samples, series }: Loss): string {
  const parts = [
    [samples, 'sample', 'samples'],
    [series, 'series', 'series'],
    [pushes, 'push', 'pushes'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${short(count)} ${count === 1 ? one : many}`)
    .join(', ');
}

/** The reason that cost most samples first. */
export function byLoss(losses: Losses): [string, Loss][] {
  return Object.entries(losses).sort(([, a], [, b]) => b.samples - a.samples || b.pushes - a.pushes);
}

export function percent(ratio: number): string {
  return ratio > 9.995 ? `${short(ratio)}×` : `${Math.round(ratio * 100)}${THIN}%`;
}

export function valueText(of: Value): string {
  return of === null ? 'unset' : typeof of === 'number' ? plain(of) : String(of);
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const CLOCK_SECONDS = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** Of today the time alone. */
export function timeText(date: Date, seconds = false): string {
  const today = date.toDateString() === new Date().toDateString();
  const clock = (seconds ? CLOCK_SECONDS : CLOCK).format(date);
  return today ? clock : `${DAY.format(date)} ${clock}`;
}

export function Time({ iso, seconds = false }: { iso: string; seconds?: boolean }): JSX.Element {
  const date = new Date(iso);
  return (
    <time dateTime={iso} title={date.toString()}>
      {timeText(date, seconds)}
    </time>
  );
}

export function duration(seconds: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  for (const [index, [size, name]] of units.entries()) {
    if (seconds < size && size > 1) continue;
    const whole = Math.floor(seconds / size);
    const [nextSize, nextName] = units[index + 1] ?? [0, ''];
    const rest = nextSize > 0 ? Math.floor((seconds % size) / nextSize) : 0;
    return rest > 0 ? `${whole}${THIN}${name} ${rest}${THIN}${nextName}` : `${whole}${THIN}${name}`;
  }
  return `0${THIN}s`;
}

/** The remedies are written with marks around the names of settings. */
export function unmarked(text: string): string {
  return text.replaceAll('`', '');
}
