/**
 * Tokens of a tenant's buckets: for a request, for what a push holds, for its bytes, for what Envoy asks. All that are
 * wanted are taken, or none.
 */
import type { Answer } from './ledger.js';
import { isOverBurst, type LimitedBucket } from './limited-bucket.js';
import type { Refusal } from './refusal.js';
import { refuseTokens } from './refusals.js';
import type { Tenant } from './tenant.js';
import type { Charge } from './verdict.js';
import { whenAnswered } from './when-answered.js';

/** Takes what n cost if it is at hand, as it nearly always is. */
export function take(limited: LimitedBucket, n: number, price: number, nowMs: number): boolean {
  return !isOverBurst(limited, n) && limited.bucket.take(n * price, nowMs);
}

/** After `take` said no: takes what n cost if the store has it. Undefined: it had. */
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
