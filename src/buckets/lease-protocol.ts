/** What replicas say to the store about shared buckets, and what it answers. */
import type { BucketKind, BucketShape } from '../enforce/ledger.js';

/** One call to the store: returns, pays, takes and reshapes in one step that nothing comes between. */
export interface LeaseCall {
  readonly bucket: BucketKind;
  /** The shape that this replica's limits ask for. */
  readonly shape: BucketShape;
  /** Of these limits. The shape becomes the bucket's unless the bucket has one of newer limits; 0: not even then. */
  readonly version: number;
  /** Unused tokens that go back to the bucket. */
  readonly returned: number;
  /** Tokens that were let through without the store (from a local share) and are paid for now. */
  readonly debit: number;
  /** All of it or nothing at all. */
  readonly need: number;
  /** Reserve wanted beyond the need: `leastReserve` as long as there is any, up to `mostReserve` the fuller the bucket is. */
  readonly leastReserve: number;
  readonly mostReserve: number;
  /** The bucket's incarnation when it was last seen, empty if never. A bucket that was lost and made anew has another. */
  readonly incarnation: string;
  /** The most that the bucket can hold by what was last seen of it: one that was made anew starts no fuller. */
  readonly ceiling: number;
}

export interface LeaseReply {
  /** The need and some of the reserve, or 0 when the need could not be met. */
  readonly granted: number;
  /** What the bucket still holds; below 0 when it owes. */
  readonly available: number;
  /** The bucket's shape, and the version of the limits that it is of: another replica's may be newer. */
  readonly shape: BucketShape;
  readonly version: number;
  readonly incarnation: string;
}

/** Where this replica's limits stand among those of all that share the store. */
export interface LimitsStanding {
  /** 0: they are not known to be the newest. */
  readonly version: number;
  /** The store has not said yet whether they are. */
  readonly isUnknown: boolean;
  /** Some bucket has a shape of this version. */
  saw(version: number): void;
}
