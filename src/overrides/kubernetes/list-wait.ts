/** How long to wait before listing a ConfigMap again after a failed list or watch. */
import { ApiError, isGone } from './api.js';

interface WaitOptions {
  /** The longest wait, unless the server asks for more. */
  readonly pollIntervalMs: number;
  readonly random: () => number;
}

const FIRST_MS = 250;

/** `failures`: how many runs failed since a watch last worked, excluding this one. Each doubles the wait. */
export function listWaitMs(
  error: unknown,
  failures: number,
  { pollIntervalMs, random }: WaitOptions,
): number {
  const backoffMs = Math.min(pollIntervalMs, FIRST_MS * 2 ** Math.min(failures, 20));
  // After a 410 the list follows at once, unless it comes again.
  const waitMs = isGone(error) && failures === 0 ? 0 : backoffMs * (0.5 + random());
  const toldMs = error instanceof ApiError ? error.retryAfterMs * (1 + random() / 4) : 0;
  return Math.max(waitMs, toldMs);
}
