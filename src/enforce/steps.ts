/**
 * The steps of a judgement, in Mimir's order. Each lets the push go on (undefined) or ends the judgement. If a step has to
 * wait for the store, all steps run again after its answer; those that are done return at once, as their results are in the
 * judgement.
 */
import { mayShareDataPoints } from '../payload/otlp-points.js';
import type { HaLabels } from '../payload/push.js';
import { askFor, take } from './draw.js';
import { electionRules, leaveOutReplicas, maxClusters, oldestOf } from './ha-replica.js';
import {
  type Ending,
  isAllOrNothing,
  type Judgement,
  leaveOut,
  NOT_COUNTED,
  nothingMayPass,
} from './judgement.js';
import { findInvalidSeries, isAllValid, itemsOfPush, itemsWithout, storesNothing } from './label-rules.js';
import type { LeftOut } from './left-out.js';
import type { LimitedBucket } from './limited-bucket.js';
import type { Refusal } from './refusal.js';
import { refuseBusy, refuseLost, refuseMetadata, refusePush, refuseSeries } from './refusals.js';
import { tooManyClusters, tooManySeries } from './sentences.js';
import { type OverLimit, ofSharedPoints, type SeriesAnswer, type TenantSeries } from './series.js';
import type { Tally } from './tally.js';
import { whenAnswered } from './when-answered.js';

export type Outcome = Ending | undefined;

/** The path of a clean push is one function, small enough for V8 to inline what it calls. */
export function takeSteps(judgement: Judgement): Ending | Promise<Outcome> {
  const { tenant, push, nowMs } = judgement;
  const { limits } = tenant;
  if (push.ha !== undefined && !judgement.elected) {
    const stopped = electReplica(judgement, push.ha);
    if (stopped !== undefined) return stopped;
  }
  if (push.pairs !== undefined && !judgement.elected) {
    const stopped = electReplicas(judgement, push.pairs);
    if (stopped !== undefined) return stopped;
  }

  const allowed = limits.edge.max_series_per_request;
  if (allowed !== 0 && push.series > allowed) return refuseTooMany(judgement, allowed);

  if (judgement.items === NOT_COUNTED) {
    if (judgement.leftOut !== undefined || !isAllValid(push)) {
      const stopped = leaveOutInvalid(judgement);
      if (stopped !== undefined) return stopped;
    } else judgement.items = itemsOfPush(push);
  }

  const { items } = judgement;
  if (judgement.chargedItems !== items) {
    if (take(tenant.items, items, judgement.price, nowMs)) judgement.chargedItems = items;
    else {
      const stopped = askToCharge(judgement, tenant.items, items);
      if (stopped !== undefined) return stopped;
    }
  }
  if (tenant.bytes !== undefined) {
    const stopped = chargeBytes(judgement, tenant.bytes);
    if (stopped !== undefined) return stopped;
  }

  // Last, because admitted series have to go to Mimir: a push over its rate must not leave any behind.
  if (tenant.series === undefined || storesNothing(push, judgement.leftOut)) return 'accept';
  return checkSeries(judgement, tenant.series);
}

/** For an HA pair only the elected replica is charged and goes on. */
function electReplica(judgement: Judgement, ha: HaLabels): Outcome | Promise<Outcome> {
  const { tenant } = judgement;
  const { limits } = tenant;
  const rules = electionRules(limits, judgement.push.leastTimestampMs, judgement.parts.wallNow);
  return whenAnswered(tenant.elections.hear(ha, rules, judgement.nowMs), (answer) => {
    if (answer === 'other') return 'duplicate';
    if (answer === 'too_many_clusters') {
      return refusePush(tenant, 'too_many_ha_clusters', tooManyClusters(maxClusters(limits), ha.cluster));
    }
    judgement.elected = true;
    return undefined;
  });
}

/**
 * If each series has a pair of its own, the pairs are asked one by one and the series of replicas that are not elected are
 * left out.
 */
function electReplicas(judgement: Judgement, pairs: readonly HaLabels[]): Outcome | Promise<Outcome> {
  const { tenant, push, answers, parts } = judgement;
  const { limits, elections } = tenant;
  for (let n = answers.length; n < pairs.length; n++) {
    const pair = pairs[n];
    if (pair === undefined) break;
    const oldest = limits.ha_tracker_sample_failover_timeout === 0 ? 0 : oldestOf(push, n);
    const hearing = elections.hear(pair, electionRules(limits, oldest, parts.wallNow), judgement.nowMs);
    if (hearing instanceof Promise) {
      return hearing.then((late) => {
        answers.push(late);
        return undefined;
      });
    }
    answers.push(hearing);
  }
  judgement.elected = true;
  const leftOut = leaveOutReplicas(push, answers);
  judgement.leftOut = leftOut;
  if (leftOut === undefined) return undefined;
  if (leftOut.series > 0 && (leftOut.count === push.series || nothingMayPass(judgement))) {
    return refuseSeries(judgement);
  }
  return leftOut.count === push.series ? 'duplicate' : undefined;
}

function refuseTooMany({ tenant, push }: Judgement, allowed: number): Refusal {
  const why = tooManySeries(push.series, allowed);
  return refusePush(tenant, 'edge_series_per_request', why, { observed: push.series, allowed });
}

/** Leaves out invalid series and counts the items of the others. */
function leaveOutInvalid(judgement: Judgement): Outcome {
  const { push } = judgement;
  const leftOut = findInvalidSeries(push, judgement.tenant.limits, judgement.leftOut);
  judgement.leftOut = leftOut;
  if (nothingMayPass(judgement)) return refuseSeries(judgement);
  // If there is more in the push, Mimir itself reports the metadata that it refuses.
  const isFine = leftOut === undefined || leftOut.series === 0;
  if (push.invalidMetadata > 0 && isFine && storesNothing(push, leftOut)) return refuseMetadata(judgement);
  judgement.items =
    leftOut === undefined ? itemsOfPush(push) : itemsWithout(push, leftOut, goesWhole(judgement, leftOut));
  return undefined;
}

/** All that is left out are duplicates, which may go on for Mimir to drop. */
function goesWhole({ indivisible, parts }: Judgement, { series }: LeftOut): boolean {
  return series === 0 && (indivisible || !parts.dropDuplicates);
}

function chargeBytes(judgement: Judgement, limited: LimitedBucket): Outcome | Promise<Outcome> {
  const bytes = judgement.push.compressedBytes;
  if (judgement.chargedBytes === bytes) return undefined;
  if (!take(limited, bytes, judgement.price, judgement.nowMs)) return askToCharge(judgement, limited, bytes);
  judgement.chargedBytes = bytes;
  return undefined;
}

function askToCharge(judgement: Judgement, limited: LimitedBucket, n: number): Outcome | Promise<Outcome> {
  return whenAnswered(
    askFor(n, judgement.price, limited, judgement.tenant, judgement.nowMs, judgement.parts.random),
    (refusal) => {
      if (refusal !== undefined) return refusal;
      if (limited.kind === 'items') judgement.chargedItems = n;
      else judgement.chargedBytes = n;
      return undefined;
    },
  );
}

function checkSeries(judgement: Judgement, series: TenantSeries): Ending | Promise<Ending> {
  if (isAllOrNothing(judgement)) return askForSeries(judgement, series, 'whole');
  return askForSeries(judgement, series, mayShareDataPoints(judgement.push) ? 'in_points' : 'each');
}

/**
 * `whole`: all series are admitted, or none. `in_points`: the same, then again without the data points that did not fit
 * completely, so that no series of theirs is admitted in vain.
 */
type Admitting = 'each' | 'whole' | 'in_points';

function askForSeries(
  judgement: Judgement,
  series: TenantSeries,
  admitting: Admitting,
): Ending | Promise<Ending> {
  const { tenant, push, leftOut } = judgement;
  const answer = series.check(push, leftOut?.rows, tenant.limits, admitting !== 'each', judgement.nowMs);
  return answer instanceof Promise
    ? answer.then((late) => hearSeries(judgement, late, series, admitting))
    : hearSeries(judgement, answer, series, admitting);
}

function hearSeries(
  judgement: Judgement,
  answer: SeriesAnswer,
  series: TenantSeries,
  admitting: Admitting,
): Ending | Promise<Ending> {
  const { tenant } = judgement;
  const { newAdmitted, newLater, overLimit } = answer;
  tenant.tally.newSeries += newAdmitted;
  if (newLater !== undefined) void countLater(tenant.tally, newLater);
  if (answer.lost) return refuseLost(tenant, UNKNOWN_WAIT_SECONDS, judgement.parts.random());
  if (answer.busy) return refuseBusy(tenant, UNKNOWN_WAIT_SECONDS, judgement.parts.random());
  if (overLimit === undefined) return 'accept';
  if (admitting !== 'in_points') return leaveOutOverLimit(judgement, overLimit) ?? 'accept';
  const inPoints = ofSharedPoints(judgement.push, overLimit);
  const stopped = inPoints && leaveOutOverLimit(judgement, inPoints);
  if (stopped !== undefined) return stopped;
  judgement.nowMs = judgement.parts.now();
  const isDone = inPoints === undefined || judgement.seriesRounds === MOST_ROUNDS;
  return askForSeries(judgement, series, isDone ? 'each' : 'in_points');
}

/** Other pushes may have taken the headroom since the last round. */
const MOST_ROUNDS = 8;

function leaveOutOverLimit(judgement: Judgement, overLimit: OverLimit): Refusal | undefined {
  judgement.tenant.tally.seriesOverLimit += overLimit.rows.length;
  const leftOut = leaveOut(judgement, overLimit);
  if (nothingMayPass(judgement)) return refuseSeries(judgement);
  judgement.items = itemsWithout(judgement.push, leftOut);
  return undefined;
}

/** Retry-After for a refusal without the store's answer. */
const UNKNOWN_WAIT_SECONDS = 1;

async function countLater(tally: Tally, newLater: Promise<number>): Promise<void> {
  // Not `+=`, which would read the counter before the wait and lose what is counted meanwhile.
  const more = await newLater;
  tally.newSeries += more;
}
