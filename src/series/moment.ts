/** When something is seen: the minute, as the table counts it, and the window in which new series are counted. */

export const MINUTE_MS = 60_000;
const WINDOW_MS = 5 * MINUTE_MS;

export interface Moment {
  /** Modulo 256. */
  readonly minute: number;
  readonly window: number;
}

export function momentOf(nowMs: number): Moment {
  return { minute: Math.floor(nowMs / MINUTE_MS) & 255, window: Math.floor(nowMs / WINDOW_MS) };
}
