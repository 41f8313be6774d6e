/** Curves as the API tells them: of a whole range, the oldest first, with null where nothing is known. */
import { rounded } from '../base/rounded.js';
import type { Points } from '../usage/history.js';
import { RANGES, type Range } from '../usage/tracks.js';

/** Of what was counted since the beginning: a second, over all of the range. */
export function ratesOver(points: Points, range: Range, stepSeconds: number): (number | null)[] {
  return wholeRange(points, range).map((count) => roundedPoint(count === null ? null : count / stepSeconds));
}

export function roundedPoint(point: number | null): number | null {
  return point === null ? null : rounded(point);
}

export function wholeRange(points: Points, range: Range): (number | null)[] {
  return [...new Array<null>(Math.max(0, RANGES[range] - points.length)).fill(null), ...points];
}

/** When the first step began that is known; null: it is known from the beginning, or not at all. */
export function knownSince(points: Points, endMs: number, stepSeconds: number): string | null {
  const first = points.findIndex((point) => point !== null);
  return first <= 0 ? null : new Date(endMs - (points.length - first) * stepSeconds * 1000).toISOString();
}

/** To be drawn small: the mean of what is known of each bunch of points. */
export function thinned(points: Points, most: number): (number | null)[] {
  const bunch = Math.ceil(points.length / most);
  const thin: (number | null)[] = [];
  for (let end = points.length; end > 0; end -= bunch) {
    const its = points.slice(Math.max(0, end - bunch), end).flatMap((point) => point ?? []);
    thin.push(its.length === 0 ? null : its.reduce((sum, count) => sum + count, 0) / its.length);
  }
  return thin.reverse();
}
