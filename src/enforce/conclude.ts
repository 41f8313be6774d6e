/** The end of a judgement: what stays charged, what is counted, what the door is told. In shadow mode nothing is refused. */
import type { Push } from '../payload/push.js';
import { giveBackCharge } from './draw.js';
import type { Ending, Judgement } from './judgement.js';
import type { LeftOut } from './left-out.js';
import { USUAL_PRICE } from './panic.js';
import type { Refusal } from './refusal.js';
import { refuseSeries } from './refusals.js';
import { duplicateDropped, duplicatesLeftOut } from './sentences.js';
import type { Tenant } from './tenant.js';
import type { Accepted, Charge, Duplicate, Filtered, Verdict } from './verdict.js';

export const UNCHARGED: Charge = { items: 0, bytes: 0, price: USUAL_PRICE };
export const ACCEPT_UNCHARGED: Accepted = { kind: 'accept', ...UNCHARGED, shadowed: undefined };

export function conclude(judgement: Judgement, ending: Ending): Verdict {
  if (ending !== 'accept') return stop(judgement, ending);
  judgement.tenant.tally.accepted++;
  const { leftOut } = judgement;
  if (leftOut !== undefined) judgement.tenant.tally.deduplicated += leftOut.duplicatePoints;
  const isWhole = leftOut === undefined || leftOut.series + leftOut.duplicates === 0;
  return isWhole ? acceptWhole(judgement) : acceptPart(judgement, leftOut);
}

/** Counts a refusal. Returns true in shadow mode, in which it is only counted. */
export function countRefusal(tenant: Tenant, refusal: Refusal, push?: Push, leftOut?: LeftOut): boolean {
  if (tenant.mode === 'enforce') {
    tenant.tally.refuse(refusal.reason, push, leftOut);
    return false;
  }
  tenant.tally.shadow(refusal.reason, push, leftOut);
  return true;
}

function acceptWhole(judgement: Judgement): Accepted {
  return {
    kind: 'accept',
    items: judgement.chargedItems,
    bytes: judgement.chargedBytes,
    price: judgement.price,
    shadowed: undefined,
  };
}

/** In shadow mode nothing is left out, only counted. */
function acceptPart(judgement: Judgement, leftOut: LeftOut): Accepted | Filtered {
  const { tenant, push } = judgement;
  const charge = keepCharged(judgement, judgement.items, judgement.chargedBytes);
  if (leftOut.series === 0) return acceptWithoutDuplicates(judgement, leftOut, charge);
  const refusal = refuseSeries(judgement);
  if (tenant.mode !== 'enforce') {
    tenant.tally.shadowLeaveOut(leftOut);
    return { kind: 'accept', ...charge, shadowed: refusal };
  }
  tenant.tally.leaveOut(leftOut);
  return { kind: 'filter', ...charge, push, leftOut, answer: refusal };
}

/** Mimir drops duplicates by itself where the push may go on with them. */
function acceptWithoutDuplicates(
  { tenant, push, indivisible, parts }: Judgement,
  leftOut: LeftOut,
  charge: Charge,
): Accepted | Filtered {
  if (tenant.mode !== 'enforce' || !parts.dropDuplicates || indivisible) {
    return { kind: 'accept', ...charge, shadowed: undefined };
  }
  const message = duplicatesLeftOut(tenant.id, leftOut.duplicates, push.series);
  return { kind: 'filter', ...charge, push, leftOut, answer: { kind: 'duplicate', message } };
}

/** The push is refused or dropped, or would be outside shadow mode; it costs nothing. */
function stop(judgement: Judgement, ending: Refusal | 'duplicate'): Accepted | Duplicate | Refusal {
  const { tenant, push, leftOut } = judgement;
  keepCharged(judgement, 0, 0);
  if (ending === 'duplicate') return drop(judgement);
  if (!countRefusal(tenant, ending, push, leftOut)) return ending;
  tenant.tally.accepted++;
  return { kind: 'accept', ...UNCHARGED, shadowed: ending };
}

function drop({ tenant, push, parts }: Judgement): Accepted | Duplicate {
  tenant.tally.deduplicated += push.samples + push.histograms;
  const pair = push.ha ?? push.pairs?.[0];
  if (tenant.mode === 'enforce' && parts.dropDuplicates && pair !== undefined) {
    return { kind: 'duplicate', message: duplicateDropped(tenant.id, pair) };
  }
  tenant.tally.accepted++;
  return ACCEPT_UNCHARGED;
}

/**
 * The one place where a judgement refunds what it charged: all of it, or the cost of series that were left out afterwards.
 */
function keepCharged(
  { tenant, nowMs, price, chargedItems, chargedBytes }: Judgement,
  items: number,
  bytes: number,
): Charge {
  const kept = { items: Math.min(chargedItems, items), bytes: Math.min(chargedBytes, bytes), price };
  const back = { items: chargedItems - kept.items, bytes: chargedBytes - kept.bytes, price };
  giveBackCharge(tenant, back, nowMs);
  return kept;
}
