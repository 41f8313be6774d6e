/**
 * When a refused sender may retry. Where Mimir would also have refused the push, the answer is Mimir's own: it doubles with
 * each attempt that the sender reports, and varies by half in both directions. A refusal of the edge alone has its own
 * time.
 */
import { isMimirs } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';

/** Mimir's `-distributor.retry-after-header.*`. */
export interface RetryAfterOptions {
  readonly enabled: boolean;
  readonly minSeconds: number;
  readonly maxSeconds: number;
  /** 0 to 1. */
  readonly random: () => number;
}

const JITTER = 0.5;

/** The refusal as answered to a sender with this `Retry-Attempt` header. */
export function withRetryAfter(
  refusal: Refusal,
  retryAttempt: string | undefined,
  options: RetryAfterOptions,
): Refusal {
  const { reason, status } = refusal;
  if (!isMimirs(reason) || (status !== 429 && status < 500)) return refusal;
  return {
    ...refusal,
    retryAfterSeconds: options.enabled ? backoff(attemptOf(retryAttempt), options) : undefined,
  };
}

function backoff(attempt: number, { minSeconds, maxSeconds, random }: RetryAfterOptions): number {
  const seconds = Math.min(maxSeconds, minSeconds * 2 ** (attempt - 1));
  const jitter = Math.trunc(seconds * JITTER);
  const spread = seconds + Math.floor(random() * (2 * jitter + 1)) - jitter;
  return Math.trunc(Math.max(minSeconds, Math.min(maxSeconds, spread)));
}

/** Anything but a number counts as the first attempt. */
function attemptOf(header: string | undefined): number {
  return header !== undefined && /^\+?\d+$/.test(header) ? Math.max(1, Number(header)) : 1;
}
