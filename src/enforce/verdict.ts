/** The enforcer's answers about a push, and what it charged. */
import type { Push } from '../payload/push.js';
import type { LeftOut } from './left-out.js';
import type { Refusal } from './refusal.js';
import type { Tenant } from './tenant.js';

/** The tenant may send a push; its body is read next. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly tenant: Tenant;
  /** Request tokens taken: 1, more during a panic, 0 without a request rate. */
  readonly requests: number;
  /** Shadow mode: what the answer would have been. */
  readonly shadowed: Refusal | undefined;
}

/** The tenant may not send a push now, or the tenant is unknown. */
interface NotAdmitted extends Refusal {
  readonly tenant: Tenant | undefined;
}

export type Admission = Admitted | NotAdmitted;

/** What a push was charged for. */
export interface Charge {
  readonly items: number;
  readonly bytes: number;
  /** Tokens for each unit: more than 1 during a panic. */
  readonly price: number;
}

/** The push may go on. */
export interface Accepted extends Charge {
  readonly kind: 'accept';
  /** Shadow mode: what the answer would have been. */
  readonly shadowed: Refusal | undefined;
}

/** The push may go on without some of its series. */
export interface Filtered extends Charge {
  readonly kind: 'filter';
  /** What to filter: a view on the decoder's memory if the verdict was synchronous. */
  readonly push: Push;
  readonly leftOut: LeftOut;
  /**
   * For the sender, once Mimir has taken the rest. A duplicate: only series of replicas that are not elected were left out.
   */
  readonly answer: Refusal | Duplicate;
}

/** The push is from an HA replica that is not elected: it is dropped, which is not an error. */
export interface Duplicate {
  readonly kind: 'duplicate';
  readonly message: string;
}

export type Verdict = Accepted | Filtered | Duplicate | Refusal;
