/** What the enforcer says about a push, and what it charged for it. */
import type { Push } from '../payload/push.js';
import type { LeftOut } from './left-out.js';
import type { Refusal } from './refusal.js';
import type { Tenant } from './tenant.js';

/** The tenant may send a push; its body is read next. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly tenant: Tenant;
  /** Request tokens taken: 1, more in a panic, or 0 where no request rate is set. */
  readonly requests: number;
  /** Shadow mode: what the answer would have been. */
  readonly shadowed: Refusal | undefined;
}

/** The tenant may not send a push now, or nobody can tell whose it is. */
interface NotAdmitted extends Refusal {
  readonly tenant: Tenant | undefined;
}

export type Admission = Admitted | NotAdmitted;

/** What a push was charged for. */
export interface Charge {
  readonly items: number;
  readonly bytes: number;
  /** In tokens, of each: more than 1 in a panic. */
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
  /** What to filter: a view on the decoder's memory, if the verdict came at once. */
  readonly push: Push;
  readonly leftOut: LeftOut;
  /** For the sender, once Mimir has taken the rest. A duplicate: all that is left out is of replicas that are not elected. */
  readonly answer: Refusal | Duplicate;
}

/** The push comes from a replica of an HA pair that is not elected: it is dropped, and that is no mistake of the sender. */
export interface Duplicate {
  readonly kind: 'duplicate';
  readonly message: string;
}

export type Verdict = Accepted | Filtered | Duplicate | Refusal;
