/** A refusal as the doors answer it: Mimir's status and id, a plain sentence, and when to retry. */
import { REASONS, type Reason } from './reasons.js';
import type { Sentence } from './sentences.js';

export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: Reason;
  readonly status: number;
  readonly message: string;
  /**
   * Whole seconds for the Retry-After header. Undefined when retrying would not help. Where Mimir has an answer of its own,
   * doors use that (doors/retry-after.ts).
   */
  readonly retryAfterSeconds: number | undefined;
  /** What the push had, and what was allowed, if that can be put into two numbers. */
  readonly observed: number | undefined;
  readonly allowed: number | undefined;
  /** As from Mimir's ingesters: the rest of the push was taken, and for OTLP it is not an error. */
  readonly isSoft: boolean;
}

/** Bounds on Retry-After: neither a tight loop nor a long silence. */
const RETRY_MIN_SECONDS = 1;
const RETRY_MAX_SECONDS = 96;
/** Spreads senders that were refused together over up to half of the wait again. */
const RETRY_JITTER = 0.5;
/** Mimir answers this in place of 429 for tenants that ask for it. */
const SERVICE_OVERLOADED = 529;

export interface RefusalDetails {
  /** Until the same push could pass. Infinity: never under this limit. */
  readonly waitSeconds?: number;
  /** 0 to 1, for the jitter. */
  readonly random?: number;
  /** In place of the reason's own status, where a limit of the tenant sets it. */
  readonly status?: number | undefined;
  /** The tenant's `service_overload_status_code_on_rate_limit_enabled`. */
  readonly overloadStatus?: boolean;
  readonly observed?: number;
  readonly allowed?: number;
  readonly isSoft?: boolean;
}

/** The message is built like Mimir's: what happened, the error id, what to do. */
export function refuse(reason: Reason, { what, remedy }: Sentence, details: RefusalDetails = {}): Refusal {
  const facts = REASONS[reason];
  const own = facts.status === 429 && details.overloadStatus ? SERVICE_OVERLOADED : facts.status;
  const status = details.status ?? own;
  const retry = facts.retry && (status === 429 || status >= 500);
  return {
    kind: 'refuse',
    reason,
    status,
    message: `${what} (${facts.id}). ${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}.`,
    retryAfterSeconds: retry ? retryAfter(details.waitSeconds ?? 0, details.random ?? 0) : undefined,
    observed: details.observed,
    allowed: details.allowed,
    isSoft: details.isSoft === true,
  };
}

function retryAfter(waitSeconds: number, random: number): number {
  const spread = waitSeconds * (1 + RETRY_JITTER * random);
  return Math.max(RETRY_MIN_SECONDS, Math.min(RETRY_MAX_SECONDS, Math.ceil(spread)));
}
