/** What the enforcer says about a push, and what it charged for it. */
import type { Refusal } from './refusal.js';
import type { Tenant } from './tenant.js';

/** The tenant may send a push; its body is read next. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly tenant: Tenant;
  /** Request tokens taken: 1, or 0 where no request rate is set. */
  readonly requests: number;
  /** Shadow mode: what the answer would have been. */
  readonly shadowed: Refusal | undefined;
}

export type Admission = Admitted | Refusal;

/** The push may go on. `items` and `bytes` are the tokens taken for it. */
export interface Accepted {
  readonly kind: 'accept';
  readonly items: number;
  readonly bytes: number;
  /** Shadow mode: what the answer would have been. */
  readonly shadowed: Refusal | undefined;
}

export type Verdict = Accepted | Refusal;
