/** What became of one descriptor of a ratelimit call. */
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
  /** The call is over the limit because of it. */
  readonly refused: boolean;
  /** Why; undefined also where it is unknown and refused. */
  readonly refusal: Refusal | undefined;
  /** Undefined: it drew from no bucket. */
  readonly from: { readonly limited: LimitedBucket; readonly left: number } | undefined;
}
