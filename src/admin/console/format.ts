/** Numbers, times and lengths as people read them; the exact number is there for those who point at it. */
import { h } from './dom.js';
import type { Loss, Value } from './types.js';

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const PLAIN = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });

export function short(value: number): string {
  return COMPACT.format(value);
}

/** The value that the API gave, and its short form. */
export function number(value: number, unit = ''): HTMLElement {
  return h('data', { value, title: `${PLAIN.format(value)}${unit}` }, `${short(value)}${unit}`);
}

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(value: number, unit = ''): HTMLElement {
  let scaled = value;
  let step = 0;
  while (scaled >= 1000 && step < BYTES.length - 1) {
    scaled /= 1000;
    step++;
  }
  const text = `${scaled < 10 && step > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${BYTES[step]}${unit}`;
  return h('data', { value, title: `${PLAIN.format(value)} bytes${unit}` }, text);
}

/** What there is none of is not said: no push was refused whole, or nothing of it was read. */
export function lossText({ pushes, samples, series }: Loss): string {
  const parts = [
    [pushes, 'push', 'pushes'],
    [samples, 'sample', 'samples'],
    [series, 'series', 'series'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${short(count)} ${count === 1 ? one : many}`)
    .join(', ');
}

export function percent(ratio: number): string {
  return ratio > 9.995 ? `${short(ratio)}×` : `${Math.round(ratio * 100)} %`;
}

export function value(of: Value): string {
  return of === null ? 'unset' : typeof of === 'number' ? PLAIN.format(of) : String(of);
}

export function time(iso: string): HTMLElement {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return h(
    'time',
    { datetime: iso, title: date.toString() },
    today ? date.toLocaleTimeString() : date.toLocaleString(),
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
    return rest > 0 ? `${whole} ${name} ${rest} ${nextName}` : `${whole} ${name}`;
  }
  return '0 s';
}
