/** The outcome of one descriptor of a ratelimit call. */
import type { LimitedBucket } from '../../../enforce/limited-bucket.js';
import type { Refusal } from '../../../enforce/refusal.js';

/** `unknown`: it names no bucket of a tenant. `invalid`: it names no tenant that may send. */
export type DescriptorOutcome = 'ok' | 'over_limit' | 'shadow' | 'unlimited' | 'unknown' | 'invalid';

export const DESCRIPTOR_OUTCOMES = [
  'ok',
  'over_limit',
  'shadow',
  'unlimited',
  'unknown',
  'invalid',
] as const satisfies DescriptorOutcome[];

export interface Drawn {
  readonly outcome: DescriptorOutcome;
  /** It makes the call over the limit. */
  readonly refused: boolean;
  /** Why; also undefined if it is unknown and refused. */
  readonly refusal: Refusal | undefined;
  /** Undefined: it did not draw from a bucket. */
  readonly from: { readonly limited: LimitedBucket; readonly left: number } | undefined;
}
