/** How long to wait for the next list of a ConfigMap, when a list or a watch has ended in an error. */
import { ApiError, isGone } from './api.js';

interface WaitOptions {
  /** Longest wait, unless the server asks for more. */
  readonly pollIntervalMs: number;
  readonly random: () => number;
}

const FIRST_MS = 250;

/** `failures`: how many runs have failed since a watch last stood, without this one. Each doubles the wait. */
export function listWaitMs(
  error: unknown,
  failures: number,
  { pollIntervalMs, random }: WaitOptions,
): number {
  const backoffMs = Math.min(pollIntervalMs, FIRST_MS * 2 ** Math.min(failures, 20));
  // What is gone is listed at once, unless it is gone again.
  const waitMs = isGone(error) && failures === 0 ? 0 : backoffMs * (0.5 + random());
  const toldMs = error instanceof ApiError ? error.retryAfterMs * (1 + random() / 4) : 0;
  return Math.max(waitMs, toldMs);
}
