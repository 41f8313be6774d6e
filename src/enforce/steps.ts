/**
 * The steps of a judgement, in Mimir's own order. Each lets the push go on (undefined) or ends its judgement. A step that
 * asks a store may be answered late, by a promise; then all steps are taken anew, and those that are done pass over it:
 * what they found is in the judgement.
 */
import type { HaLabels } from '../payload/push.js';
import { askFor, take } from './draw.js';
import { electionRules, isFromPair, maxClusters } from './ha-replica.js';
import { type Ending, type Judgement, type JudgeParts, NOT_COUNTED } from './judgement.js';
import { everySeriesIsValid, findInvalidSeries, itemsOfPush, itemsWithout } from './label-rules.js';
import type { LimitedBucket } from './limited-bucket.js';
import { refuseBusy, refuseLost, refusePush, refuseSeries } from './refusals.js';
import { tooManyClusters, tooManySeries } from './sentences.js';
import type { SeriesAnswer, TenantSeries } from './series.js';
import type { Tally } from './tally.js';
import { whenAnswered } from './when-answered.js';

export type Outcome = Ending | undefined;

export function takeSteps(judgement: Judgement, nowMs: number, parts: JudgeParts): Ending | Promise<Outcome> {
  return (
    electedReplica(judgement, nowMs) ??
    seriesPerRequest(judgement) ??
    labelRules(judgement, parts) ??
    itemRate(judgement, nowMs, parts) ??
    byteRate(judgement, nowMs, parts) ??
    activeSeries(judgement, nowMs, parts)
  );
}

/** Of an HA pair only the elected replica is charged and goes on. */
function electedReplica(judgement: Judgement, nowMs: number): Outcome | Promise<Outcome> {
  const { ha } = judgement.push;
  return ha === undefined || judgement.elected ? undefined : elect(judgement, ha, nowMs);
}

function elect(judgement: Judgement, ha: HaLabels, nowMs: number): Outcome | Promise<Outcome> {
  const { tenant } = judgement;
  const { limits } = tenant;
  if (!isFromPair(ha, limits)) return undefined;
  return whenAnswered(tenant.elections.hear(ha, electionRules(limits), nowMs), (answer) => {
    if (answer === 'other') return 'duplicate';
    if (answer === 'too_many_clusters') {
      return refusePush(tenant, 'too_many_ha_clusters', tooManyClusters(maxClusters(limits), ha.cluster));
    }
    judgement.elected = true;
    return undefined;
  });
}

function seriesPerRequest({ tenant, push }: Judgement): Outcome {
  const allowed = tenant.limits.edge.max_series_per_request;
  if (allowed === 0 || push.series <= allowed) return undefined;
  const why = tooManySeries(push.series, allowed);
  return refusePush(tenant, 'edge_series_per_request', why, { observed: push.series, allowed });
}

/** Leaves out series that break a rule, and counts what is in the others. */
function labelRules(judgement: Judgement, parts: JudgeParts): Outcome {
  const { push, tenant } = judgement;
  if (judgement.items !== NOT_COUNTED) return undefined;
  if (!everySeriesIsValid(push, tenant.limits)) return leaveOutInvalid(judgement, parts);
  judgement.items = itemsOfPush(push, tenant.limits);
  return undefined;
}

function leaveOutInvalid(judgement: Judgement, parts: JudgeParts): Outcome {
  const { push, tenant } = judgement;
  const leftOut = findInvalidSeries(push, tenant.limits);
  judgement.leftOut = leftOut;
  if (judgement.nothingMayPass) return refuseSeries(judgement, parts);
  judgement.items =
    leftOut === undefined ? itemsOfPush(push, tenant.limits) : itemsWithout(push, tenant.limits, leftOut);
  return undefined;
}

function itemRate(judgement: Judgement, nowMs: number, parts: JudgeParts): Outcome | Promise<Outcome> {
  const { tenant, items } = judgement;
  if (judgement.chargedItems === items) return undefined;
  if (!take(tenant.items, items, nowMs)) return askToCharge(judgement, tenant.items, items, nowMs, parts);
  judgement.chargedItems = items;
  return undefined;
}

function byteRate(judgement: Judgement, nowMs: number, parts: JudgeParts): Outcome | Promise<Outcome> {
  const { bytes: limited } = judgement.tenant;
  const bytes = judgement.push.compressedBytes;
  if (limited === undefined || judgement.chargedBytes === bytes) return undefined;
  if (!take(limited, bytes, nowMs)) return askToCharge(judgement, limited, bytes, nowMs, parts);
  judgement.chargedBytes = bytes;
  return undefined;
}

function askToCharge(
  judgement: Judgement,
  limited: LimitedBucket,
  n: number,
  nowMs: number,
  { random }: JudgeParts,
): Outcome | Promise<Outcome> {
  return whenAnswered(askFor(n, limited, judgement.tenant, nowMs, random), (refusal) => {
    if (refusal !== undefined) return refusal;
    if (limited.kind === 'items') judgement.chargedItems = n;
    else judgement.chargedBytes = n;
    return undefined;
  });
}

/**
 * The last step, because series that are admitted here have to be on their way to Mimir: a push over its rate leaves
 * none behind.
 */
function activeSeries(judgement: Judgement, nowMs: number, parts: JudgeParts): Ending | Promise<Ending> {
  const { series } = judgement.tenant;
  return series === undefined ? 'accept' : checkSeries(judgement, series, nowMs, parts);
}

function checkSeries(
  judgement: Judgement,
  series: TenantSeries,
  nowMs: number,
  parts: JudgeParts,
): Ending | Promise<Ending> {
  const { tenant, push, leftOut } = judgement;
  const allOrNothing = judgement.allOrNothing && tenant.mode === 'enforce';
  const answer = series.check(push, leftOut?.rows, tenant.limits, allOrNothing, nowMs);
  return answer instanceof Promise
    ? answer.then((late) => hearSeries(judgement, late, parts))
    : hearSeries(judgement, answer, parts);
}

function hearSeries(judgement: Judgement, answer: SeriesAnswer, parts: JudgeParts): Ending {
  const { tenant, push } = judgement;
  const { newAdmitted, newLater, overLimit } = answer;
  tenant.tally.newSeries += newAdmitted;
  if (newLater !== undefined) void countLater(tenant.tally, newLater);
  if (answer.lost) return refuseLost(tenant, UNKNOWN_WAIT_SECONDS, parts.random());
  if (answer.busy) return refuseBusy(tenant, UNKNOWN_WAIT_SECONDS, parts.random());
  if (overLimit === undefined) return 'accept';
  tenant.tally.seriesOverLimit += overLimit.rows.length;
  const leftOut = judgement.leaveOut(overLimit);
  if (judgement.nothingMayPass) return refuseSeries(judgement, parts);
  judgement.items = itemsWithout(push, tenant.limits, leftOut);
  return 'accept';
}

/** A refusal without the store's knowledge: come back soon. */
const UNKNOWN_WAIT_SECONDS = 1;

async function countLater(tally: Tally, newLater: Promise<number>): Promise<void> {
  tally.newSeries += await newLater;
}
