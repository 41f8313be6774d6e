/** Numbers and times on the page; the exact one is there for who points at it. */
import type { ComponentChildren, JSX } from 'preact';
import { type Loss, NO_BREAK, plain, short, shortBytes } from '../../base/amounts.js';
import type { LimitUse, Losses, Value } from './types.js';

/** The value that the API gave, and its short form. */
export function Num({ value, unit = '' }: { value: number; unit?: string }): JSX.Element {
  return (
    <data value={value} title={`${plain(value)}${unit}`}>
      {short(value)}
      {unit === '' ? '' : `${NO_BREAK}${unit}`}
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

/** The reason that cost most samples first. */
export function byLoss(losses: Losses): [string, Loss][] {
  return Object.entries(losses).sort(([, a], [, b]) => b.samples - a.samples || b.pushes - a.pushes);
}

export function percent(ratio: number): string {
  return ratio > 9.995 ? `${short(ratio)}×` : `${Math.round(ratio * 100)}${NO_BREAK}%`;
}

export function valueText(of: Value): string {
  return of === null ? 'unset' : typeof of === 'number' ? plain(of) : String(of);
}

const LIMIT_UNITS: Readonly<Record<string, string>> = {
  ingestion_rate: 'items/s',
  request_rate: 'pushes/s',
  bytes_per_second: 'bytes/s',
};

/** "8.9 k of 6 k items/s" */
export function useText({ observed, allowed, limit }: LimitUse): string {
  return `${short(observed)} of ${short(allowed)} ${LIMIT_UNITS[limit] ?? 'series'}`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const CLOCK_SECONDS = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

export function clockText(date: Date, seconds = false): string {
  return (seconds ? CLOCK_SECONDS : CLOCK).format(date);
}

export function dayText(date: Date): string {
  return DAY.format(date);
}

/** Of today the time alone. */
export function timeText(date: Date, seconds = false): string {
  const today = date.toDateString() === new Date().toDateString();
  const clock = clockText(date, seconds);
  return today ? clock : `${dayText(date)} ${clock}`;
}

export function Time({ iso, seconds = false }: { iso: string; seconds?: boolean }): JSX.Element {
  const date = new Date(iso);
  return (
    <time dateTime={iso} title={date.toString()}>
      {timeText(date, seconds)}
    </time>
  );
}

/** As the API names it: 5m, 1h, 24h. */
export function rangeText(range: string): string {
  return { '1h': 'hour', '24h': 'day' }[range] ?? range.replace('m', `${NO_BREAK}min`);
}

/** A name of a setting may go on in the next line, behind an underscore. */
export function breakable(name: string): ComponentChildren {
  return name.split(/(?<=_)/).map((part) => [part, <wbr key={part} />]);
}

/** The remedies are written with marks around the names of settings. */
export function unmarked(text: string): string {
  return text.replaceAll('`', '');
}
