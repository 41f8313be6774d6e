/**
 * The state of one push under judgement: what it is, which of its series are left out, what was charged so far. The steps
 * read and write it, one after the other.
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
  /** A view on the decoder's memory until the first wait, then a copy. */
  push: Push;
  /** The door can not leave single series out. */
  readonly indivisible: boolean;
  /** When the judgement began, or the last wait ended. */
  nowMs: number;
  readonly parts: JudgeParts;
  /** Of one token. It stays the same when a panic begins or ends meanwhile. */
  readonly price: number;
  /** Undefined while no series is left out. */
  leftOut: LeftOut | undefined;
  /** The HA replica is elected, or this is known for each of the series. */
  elected: boolean;
  /** If each series has a pair of its own: the answers so far. */
  readonly answers: ElectionAnswer[];
  /** What Mimir's ingestion rate counts, without the series that are left out. */
  items: number;
  chargedItems: number;
  chargedBytes: number;
  /** How many times the series limits were applied. */
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

/** If some series may not pass, none may. */
export function isAllOrNothing({ tenant, indivisible, parts }: Judgement): boolean {
  return indivisible || (tenant.limits.edge.over_limit ?? parts.overLimit) === 'refuse';
}

/** So many series are left out that nothing may pass. Metadata passes without series in Remote Write 1.0 only. */
export function nothingMayPass(judgement: Judgement): boolean {
  const { push, leftOut } = judgement;
  if (leftOut === undefined || leftOut.series === 0) return false;
  if (isAllOrNothing(judgement)) return true;
  const hasMetadata = push.metadata > push.invalidMetadata && push.protocol === 'rw1';
  return leftOut.count === push.series && !hasMetadata;
}

/** Leaves out series over a limit, in addition to invalid ones. The answer is about these. */
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

/** How a judgement ends. `duplicate`: the push is from a replica that is not elected. `accept`: all steps passed. */
export type Ending = Refusal | 'duplicate' | 'accept';

/** What the judge gets from outside. */
export interface JudgeParts {
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** 0 to 1, for the jitter of Retry-After. */
  readonly random: () => number;
  readonly nameSeries: SeriesNamer;
  /**
   * What happens to a push with series that may not pass: the others go on, or all of it is refused. A tenant's limits may
   * override it.
   */
  readonly overLimit: 'filter' | 'refuse';
  /** Whether pushes of replicas that are not elected are answered here, or forwarded for Mimir to drop. */
  readonly dropDuplicates: boolean;
  /** Mimir runs a usage tracker, which answers for both limits on a tenant's series. */
  readonly usageTracker: boolean;
}

/** Reads the labels of a few series for a message. Only called for pushes that are refused or lose series. */
export type SeriesNamer = (push: Push, rows: readonly number[]) => string[];
