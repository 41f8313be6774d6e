/** Builds refusals of a tenant's pushes: the reason, the sentence, and when to retry. */
import { type Judgement, nothingMayPass } from './judgement.js';
import { metadataReason } from './label-rules.js';
import type { Answer } from './ledger.js';
import { metadataRefused, seriesRefused } from './left-out-sentences.js';
import { isOverBurst, type LimitedBucket } from './limited-bucket.js';
import { USUAL_PRICE } from './panic.js';
import type { Reason } from './reasons.js';
import { type Refusal, type RefusalDetails, refuse } from './refusal.js';
import * as sentences from './sentences.js';
import { activeSeriesStatus } from './series-limit.js';
import type { Tenant } from './tenant.js';

/** `why` follows "the push of tenant a was refused:". */
export function refusePush(
  tenant: Tenant,
  reason: Reason,
  why: sentences.Sentence,
  details: Omit<RefusalDetails, 'overloadStatus'> = {},
): Refusal {
  const overloadStatus = tenant.limits.service_overload_status_code_on_rate_limit_enabled;
  return refuse(reason, sentences.pushRefused(tenant.id, why), { ...details, overloadStatus });
}

/** The refusal for a bucket that did not grant the cost of n. */
export function refuseTokens(
  n: number,
  price: number,
  limited: LimitedBucket,
  tenant: Tenant,
  { available, waitSeconds, lost }: Answer,
  random: number,
): Refusal {
  if (lost) return refuseLost(tenant, waitSeconds, random);
  const left = Math.floor(available);
  const details = { waitSeconds, random, observed: n, allowed: left };
  const whose = (why: sentences.Sentence): sentences.Sentence =>
    tenant.isHeld ? why : sentences.withoutRoom(why);
  if (isOverBurst(limited, n)) {
    return refusePush(tenant, 'burst_exceeded', sentences.overBurst(limited, n, tenant.limits), details);
  }
  if (price !== USUAL_PRICE) return refuseForPanic(tenant, price, waitSeconds, random);
  switch (limited.kind) {
    case 'items':
      return refusePush(
        tenant,
        'rate_limited',
        whose(sentences.overItemRate(limited, n, left, tenant.limits)),
        details,
      );
    case 'bytes':
      return refusePush(
        tenant,
        'edge_bytes_rate_limited',
        whose(sentences.overByteRate(limited, n, left)),
        details,
      );
    case 'requests':
      return refusePush(tenant, 'request_rate_limited', whose(sentences.overRequestRate(limited)), {
        waitSeconds,
        random,
      });
  }
}

/** Panics are short, but nobody should retry at once. */
const PANIC_LEAST_WAIT_SECONDS = 5;
const PANIC_LONGEST_WAIT_SECONDS = 60;

/** Without the panic the push might have passed, so its data must not be lost. */
export function refuseForPanic(tenant: Tenant, price: number, waitSeconds: number, random: number): Refusal {
  const why = sentences.lessAdmitted(1 / price, tenant.limits.edge.priority);
  return refusePush(tenant, 'edge_panic', why, {
    waitSeconds: Math.max(PANIC_LEAST_WAIT_SECONDS, Math.min(PANIC_LONGEST_WAIT_SECONDS, waitSeconds)),
    random,
  });
}

/** The limit was not checked, so the sender must keep its data: 503, not 429. */
export function refuseLost(tenant: Tenant, waitSeconds: number, random: number): Refusal {
  return refusePush(tenant, 'edge_state_lost', sentences.stateLost(), { waitSeconds, random });
}

/** The same for series: nobody has looked at these yet. */
export function refuseBusy(tenant: Tenant, waitSeconds: number, random: number): Refusal {
  return refusePush(tenant, 'edge_series_busy', sentences.seriesBusy(), { waitSeconds, random });
}

/** For series that are left out: the leading reason, and a few series by name. */
export function refuseSeries(judgement: Judgement): Refusal {
  const { tenant, push, leftOut } = judgement;
  const lead = leftOut?.lead;
  if (leftOut === undefined || lead === undefined) throw new Error('no series of this push is left out');
  const sentence = seriesRefused({
    tenant: tenant.id,
    limits: tenant.limits,
    series: push.series,
    leftOut,
    lead,
    examples: judgement.parts.nameSeries(push, lead.examples),
    restPasses: !nothingMayPass(judgement),
  });
  const status = lead.reason === 'max_active_series' ? activeSeriesStatus(tenant.limits) : undefined;
  const isWhole = nothingMayPass(judgement) && leftOut.count < push.series;
  const isSoft = KEPT_BY_INGESTERS.has(lead.reason) && !isWhole;
  return refuse(lead.reason, sentence, { status, random: judgement.parts.random(), isSoft });
}

const KEPT_BY_INGESTERS: ReadonlySet<Reason> = new Set(['per_user_series_limit', 'per_metric_series_limit']);

/** For invalid metadata in a push with nothing that Mimir would take. */
export function refuseMetadata({ tenant, push }: Judgement): Refusal {
  const reason = metadataReason(push);
  return refuse(
    reason,
    metadataRefused(tenant.id, reason, push.invalidMetadata, tenant.limits.max_metadata_length),
  );
}
