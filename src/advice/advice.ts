/** What is advised for one tenant, as page, report, API and changes read it. */
import type { AdvisedLimit } from './policy.js';

/** `none`: there is nothing to say, and `why` says why not. */
export type Direction = 'raise' | 'lower' | 'set' | 'keep' | 'none';

export type Confidence = 'none' | 'low' | 'medium' | 'high';

/** What a value would have refused of the history. */
export interface Refusals {
  /** Of a day only its worst windows are known, so at least one hour of it and at most all. */
  readonly hours: { readonly atLeast: number; readonly atMost: number };
  /** At least; undefined where the history can not tell. */
  readonly pushes: number | undefined;
}

export interface LimitAdvice {
  readonly limit: AdvisedLimit;
  /** Where it is written: Mimir's overrides, or the edge's own. */
  readonly kind: 'mimir' | 'edge';
  /** In force; undefined: there is no such limit. */
  readonly current: number | undefined;
  /** Undefined: no advice. As `current` where it is to stay. */
  readonly recommended: number | undefined;
  readonly direction: Direction;
  readonly why: string;
  readonly confidence: Confidence;
  /** Where hours had refusals: what it would be without retries, and with all that was offered. */
  readonly range: { readonly from: number; readonly to: number } | undefined;
  /** Before the policy's ceiling cut it. */
  readonly uncapped: number | undefined;
  /** The most that was seen; of a rate the mean of the busiest hour, of a burst what came beyond the rate. */
  readonly peak: number | undefined;
  /** By how much everything could grow before the first refusal, with what is recommended and with what is in force. */
  readonly headroom: number | undefined;
  readonly currentHeadroom: number | undefined;
  readonly wouldRefuse: Refusals | undefined;
  readonly currentWouldRefuse: Refusals | undefined;
}

/** A picture of a rate and its burst: what arrived in each window, and what each bucket lets through. */
export interface CurvePicture {
  readonly rate: AdvisedLimit;
  readonly burst: AdvisedLimit;
  readonly windows: readonly number[];
  /** Null where nobody knows. */
  readonly arrived: readonly (number | null)[];
  readonly current: readonly number[] | undefined;
  readonly recommended: readonly number[] | undefined;
}

export interface Advice {
  readonly tenant: string;
  readonly policy: string;
  readonly basis: Basis;
  readonly limits: readonly LimitAdvice[];
  readonly curves: readonly CurvePicture[];
}

/** What the advice rests on. */
export interface Basis {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly hoursWatched: number;
  readonly hoursWithRefusals: number;
  /** The shortest window that is known. */
  readonly resolutionSeconds: number | undefined;
  /** On top of the policy's, while there is little history. */
  readonly extraMargin: number;
  readonly confidence: Confidence;
}
