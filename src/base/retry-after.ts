/** An answer's Retry-After, in seconds or as a date, as milliseconds from now; undefined if it is invalid. */
const MAX_MS = 300_000;

export function readRetryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(MAX_MS, Math.max(0, ms)) : undefined;
}
