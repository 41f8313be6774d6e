/**
 * One push under judgement, from the first step to the verdict: what it is, which of its series may not pass, what it
 * was charged so far. The steps read it and write to it, one after the other.
 */
import type { Push } from '../payload/push.js';
import type { ElectionAnswer } from './ledger.js';
import { LeftOut } from './left-out.js';
import type { Refusal } from './refusal.js';
import type { OverLimit } from './series.js';
import { tenantSeriesReason } from './series-limit.js';
import type { Tenant } from './tenant.js';

export const NOT_COUNTED = -1;

export interface Judgement {
  readonly tenant: Tenant;
  /** A view on the decoder's memory, and a copy from the first wait on. */
  push: Push;
  /** The door can leave no series out. */
  readonly indivisible: boolean;
  /** When it began, and from each wait on when that ended. */
  nowMs: number;
  readonly parts: JudgeParts;
  /** Of a token, from beginning to end, though a panic begins or ends meanwhile. */
  readonly price: number;
  /** Undefined while all series may pass. */
  leftOut: LeftOut | undefined;
  /** Its HA replica is the elected one, or it is known of each of its series. */
  elected: boolean;
  /** Where each series is of a pair of its own: what was heard of them so far. */
  readonly answers: ElectionAnswer[];
  /** What Mimir's ingestion rate counts in it, without the series that are left out. */
  items: number;
  chargedItems: number;
  chargedBytes: number;
  /** How often some of its series were over a limit. */
  seriesRounds: number;
}

export function beginJudgement(
  tenant: Tenant,
  push: Push,
  indivisible: boolean,
  nowMs: number,
  parts: JudgeParts,
): Judgement {
  return {
    tenant,
    push,
    indivisible,
    nowMs,
    parts,
    price: tenant.price,
    leftOut: undefined,
    elected: false,
    answers: [],
    items: NOT_COUNTED,
    chargedItems: 0,
    chargedBytes: 0,
    seriesRounds: 0,
  };
}

/** Where some series may not pass none does. */
export function isAllOrNothing({ tenant, indivisible, parts }: Judgement): boolean {
  return indivisible || (tenant.limits.edge.over_limit ?? parts.overLimit) === 'refuse';
}

/** Series may not pass, and for their sake nothing of the push does. Only in Remote Write 1.0 does metadata go without its series. */
export function nothingMayPass(judgement: Judgement): boolean {
  const { push, leftOut } = judgement;
  if (leftOut === undefined || leftOut.series === 0) return false;
  if (isAllOrNothing(judgement)) return true;
  const hasMetadata = push.metadata > push.invalidMetadata && push.protocol === 'rw1';
  return leftOut.count === push.series && !hasMetadata;
}

/** Series over a limit join those that break a rule, and are what the answer is about. */
export function leaveOut(judgement: Judgement, { rows, reasons }: OverLimit): LeftOut {
  const { push } = judgement;
  const leftOut = judgement.leftOut ?? new LeftOut(push);
  const ofTenant = tenantSeriesReason(judgement.tenant.limits, judgement.parts.usageTracker);
  if (judgement.seriesRounds++ === 0) leftOut.nextStage();
  for (const [index, row] of rows.entries()) {
    const reason = reasons[index];
    leftOut.add(push, row, reason === 'per_metric_series_limit' ? reason : ofTenant);
  }
  leftOut.addWholePoints(push);
  judgement.leftOut = leftOut;
  return leftOut;
}

/** What ends a judgement. `duplicate`: the push comes from a replica that is not elected. `accept`: all steps are done. */
export type Ending = Refusal | 'duplicate' | 'accept';

/** What the judge is given from outside. */
export interface JudgeParts {
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** 0 to 1, for the jitter of Retry-After. */
  readonly random: () => number;
  readonly nameSeries: SeriesNamer;
  /** A push of which some series may not pass: let the others through, or refuse all of it. A tenant may say otherwise. */
  readonly overLimit: 'filter' | 'refuse';
  /** Answer pushes of replicas that are not elected, or forward them for Mimir to drop. */
  readonly dropDuplicates: boolean;
  /** Mimir has one: it answers for either limit on a tenant's series. */
  readonly usageTracker: boolean;
}

/** Reads the labels of some series for a message: only called for a push that is refused, or loses series. */
export type SeriesNamer = (push: Push, rows: readonly number[]) => string[];
