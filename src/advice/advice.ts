/** The advice for one tenant, as page, report, API and changes read it. */
import type { AdvisedLimit } from './policy.js';

/** `none`: there is no advice, and `why` says why. */
export type Direction = 'raise' | 'lower' | 'set' | 'keep' | 'none';

export type Confidence = 'none' | 'low' | 'medium' | 'high';

/** What a value would have refused over the history. */
export interface Refusals {
  /** For a day only the worst windows are known, so at least one of its hours and at most all. */
  readonly hours: { readonly atLeast: number; readonly atMost: number };
  /** A lower bound; undefined where the history can not tell. */
  readonly pushes: number | undefined;
}

export interface LimitAdvice {
  readonly limit: AdvisedLimit;
  /** Where it is written: Mimir's overrides, or the edge's own. */
  readonly kind: 'mimir' | 'edge';
  /** In force; undefined: there is no such limit. */
  readonly current: number | undefined;
  /** Undefined: no advice. Equal to `current` if it should stay. */
  readonly recommended: number | undefined;
  readonly direction: Direction;
  readonly why: string;
  readonly confidence: Confidence;
  /** If hours had refusals: the value without retries, and with everything that was offered. */
  readonly range: { readonly from: number; readonly to: number } | undefined;
  /** Before the policy's ceiling was applied. */
  readonly uncapped: number | undefined;
  /** The highest value seen; for a rate the mean of the busiest hour, for a burst what exceeded the rate. */
  readonly peak: number | undefined;
  /** By how much everything could grow before the first refusal, with the recommended and with the current value. */
  readonly headroom: number | undefined;
  readonly currentHeadroom: number | undefined;
  readonly wouldRefuse: Refusals | undefined;
  readonly currentWouldRefuse: Refusals | undefined;
}

/** Data for drawing a rate and its burst: what arrived in each window, and what each bucket lets through. */
export interface CurvePicture {
  readonly rate: AdvisedLimit;
  readonly burst: AdvisedLimit;
  readonly windows: readonly number[];
  /** Null where unknown. */
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

/** What the advice is based on. */
export interface Basis {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly hoursWatched: number;
  readonly hoursWithRefusals: number;
  /** The shortest window that is known. */
  readonly resolutionSeconds: number | undefined;
  /** In addition to the policy's margin, while there is little history. */
  readonly extraMargin: number;
  readonly confidence: Confidence;
}
