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

/** Takes n tokens if they are at hand, as they nearly always are. */
export function take(limited: LimitedBucket, n: number, nowMs: number): boolean {
  return !isOverBurst(limited, n) && limited.bucket.take(n, nowMs);
}

/** After `take` said no: takes n tokens if the store has them. Undefined: it had. */
export function askFor(
  n: number,
  limited: LimitedBucket,
  tenant: Tenant,
  nowMs: number,
  random: () => number,
): Refusal | undefined | Promise<Refusal | undefined> {
  const answer = isOverBurst(limited, n) ? neverOf(limited) : limited.bucket.ask(n, nowMs);
  return whenAnswered(answer, (known) =>
    known.granted ? undefined : refuseTokens(n, limited, tenant, known, random()),
  );
}

export function giveBackCharge(tenant: Tenant, { items, bytes }: Charge, nowMs: number): void {
  if (items > 0) tenant.items.bucket.giveBack(items, nowMs);
  if (bytes > 0) tenant.bytes?.bucket.giveBack(bytes, nowMs);
}

function neverOf({ maxPerPush }: LimitedBucket): Answer {
  return { granted: false, available: maxPerPush, waitSeconds: Number.POSITIVE_INFINITY };
}
