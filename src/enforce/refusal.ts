/** A refusal as the front doors answer it: Mimir's status and id, a plain sentence, and when to come again. */
import { REASONS, type Reason } from './reasons.js';
import type { Sentence } from './sentences.js';

export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: Reason;
  readonly status: number;
  readonly message: string;
  /**
   * Whole seconds for the Retry-After header: when the push could pass. Undefined when coming again would not help. Where
   * Mimir has an answer of its own, doors give that (doors/retry-after.ts).
   */
  readonly retryAfterSeconds: number | undefined;
  /** What the push had, and what it might have had: where that is a matter of two numbers. */
  readonly observed: number | undefined;
  readonly allowed: number | undefined;
  /** Mimir's ingesters refuse so: whatever else the push had was taken, and to senders of OTLP it is no error. */
  readonly isSoft: boolean;
}

/** A sender is neither sent into a tight loop nor put to sleep. */
const RETRY_MIN_SECONDS = 1;
const RETRY_MAX_SECONDS = 96;
/** Spreads senders that were refused together over half of the wait again. */
const RETRY_JITTER = 0.5;
/** Mimir answers this in place of 429 to tenants that ask for it. */
const SERVICE_OVERLOADED = 529;

export interface RefusalDetails {
  /** Until the same push could pass. Not finite: it never can at this limit. */
  readonly waitSeconds?: number;
  /** 0 to 1, for the jitter. */
  readonly random?: number;
  /** In place of the reason's own, where the tenant has a say in it. */
  readonly status?: number | undefined;
  /** The tenant's `service_overload_status_code_on_rate_limit_enabled`. */
  readonly overloadStatus?: boolean;
  readonly observed?: number;
  readonly allowed?: number;
  readonly isSoft?: boolean;
}

/** The message is built as Mimir's are: what happened, the error id, what to do about it. */
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
