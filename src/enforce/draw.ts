/**
 * Takes tokens from a tenant's buckets: for a request, a push's items, its bytes, or Envoy's rate limit calls. All tokens
 * are taken, or none.
 */
import type { Answer } from './ledger.js';
import { isOverBurst, type LimitedBucket } from './limited-bucket.js';
import type { Refusal } from './refusal.js';
import { refuseTokens } from './refusals.js';
import type { Tenant } from './tenant.js';
import type { Charge } from './verdict.js';
import { whenAnswered } from './when-answered.js';

/** Takes the cost of n if this process holds the tokens, which it nearly always does. */
export function take(limited: LimitedBucket, n: number, price: number, nowMs: number): boolean {
  return !isOverBurst(limited, n) && limited.bucket.take(n * price, nowMs);
}

/** After `take` returned false: asks the store for the cost of n. Returns undefined when the tokens were taken. */
export function askFor(
  n: number,
  price: number,
  limited: LimitedBucket,
  tenant: Tenant,
  nowMs: number,
  random: () => number,
): Refusal | undefined | Promise<Refusal | undefined> {
  const answer = isOverBurst(limited, n) ? neverOf(limited) : limited.bucket.ask(n * price, nowMs);
  return whenAnswered(answer, (known) =>
    known.granted ? undefined : refuseTokens(n, price, limited, tenant, known, random()),
  );
}

export function giveBackCharge(tenant: Tenant, { items, bytes, price }: Charge, nowMs: number): void {
  if (items > 0) tenant.items.bucket.giveBack(items * price, nowMs);
  if (bytes > 0) tenant.bytes?.bucket.giveBack(bytes * price, nowMs);
}

function neverOf({ maxPerPush }: LimitedBucket): Answer {
  return { granted: false, available: maxPerPush, waitSeconds: Number.POSITIVE_INFINITY };
}
