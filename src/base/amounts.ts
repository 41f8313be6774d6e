/**
 * Numbers and durations for people, with one set of units for sentences of the API, the page and the terminal. The space
 * before a unit does not break.
 */

const UNITS = ['', 'k', 'M', 'G', 'T'];
export const NO_BREAK = '\u00a0';
const GROUPED = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });

/** Three digits at most: 4.5 k, 12 k, 950. What is little is not nothing: 0.02, and below that <0.001. */
export function short(value: number): string {
  const [digits, unit] = rounded(value);
  return unit === '' ? digits : `${digits}${NO_BREAK}${unit}`;
}

export function shortBytes(value: number): string {
  const [digits, unit] = rounded(value);
  return `${digits}${NO_BREAK}${unit}B`;
}

/** Four digits at most, for values that may be typed in elsewhere: 1.234 M. */
export function precise(value: number): string {
  const [rest, unit] = scaled(value, 999.95);
  return `${Number(rest.toPrecision(4))}${unit === '' ? '' : `${NO_BREAK}${unit}`}`;
}

function rounded(value: number): [digits: string, unit: string] {
  if (value > 0 && value < 0.095)
    return [value < 0.001 ? '<0.001' : String(Number(value.toPrecision(1))), ''];
  const [rest, unit] = scaled(value, 999.5);
  return [String(Number(rest.toFixed(Math.abs(rest) < 99.95 ? 1 : 0))), unit];
}

/** `most`: from this value on it is rounded up to the next unit. */
function scaled(value: number, most: number): [rest: number, unit: string] {
  let rest = value;
  let unit = 0;
  while (Math.abs(rest) >= most && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return [rest, UNITS[unit] ?? ''];
}

/** All digits, in groups: 12,345.678. */
export function plain(value: number): string {
  return GROUPED.format(value);
}

export function counted(number: number, one: string, many: string): string {
  return `${short(number)} ${number === 1 ? one : many}`;
}

const SIZES = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;
/** From this many on, seconds are not shown beside minutes. */
const SECONDS_UP_TO = 600;

/** 42 s, 2 min 30 s, 42 min, 3 h 12 min, 2 d. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const at = SIZES.findIndex(([size]) => whole >= size);
  const [size, unit] = SIZES[at] ?? [1, 's'];
  const [smaller, its] = SIZES[at + 1] ?? [0, ''];
  const rest =
    smaller === 0 || (smaller === 1 && whole >= SECONDS_UP_TO) ? 0 : Math.floor((whole % size) / smaller);
  const first = `${Math.floor(whole / size)}${NO_BREAK}${unit}`;
  return rest === 0 ? first : `${first} ${rest}${NO_BREAK}${its}`;
}

/** How long an answer took: 80 µs, 0.4 ms, 41 ms, 1.2 s. */
export function took(seconds: number): string {
  const ms = seconds * 1000;
  if (ms >= 999.5) return `${short(seconds)}${NO_BREAK}s`;
  if (ms < 0.0995) return `${Math.round(ms * 1000)}${NO_BREAK}µs`;
  return `${Number(ms.toFixed(ms < 9.95 ? 1 : 0))}${NO_BREAK}ms`;
}

/** Pushes refused whole; samples and series in them and those left out of others. */
export interface Loss {
  readonly pushes: number;
  readonly samples: number;
  readonly series: number;
}

/** Leaves out zeros: no push was refused whole, or none of it was read. */
export function lossText({ pushes, samples, series }: Loss): string {
  return [
    [samples, 'sample', 'samples'] as const,
    [series, 'series', 'series'] as const,
    [pushes, 'push', 'pushes'] as const,
  ]
    .filter(([number]) => number > 0)
    .map(([number, one, many]) => counted(number, one, many))
    .join(', ');
}
