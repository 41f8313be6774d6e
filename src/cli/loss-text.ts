/** What a tenant lost, in few words for a line of a table. */
import { short } from './io.js';

/** Pushes refused whole; samples and series in them, and those left out of others. */
export interface Loss {
  readonly pushes: number;
  readonly samples: number;
  readonly series: number;
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
