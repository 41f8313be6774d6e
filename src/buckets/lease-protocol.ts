/** The protocol between replicas and the store for shared buckets. */
import type { BucketKind, BucketShape } from '../enforce/ledger.js';

/** One atomic call: returns, pays, takes and reshapes. */
export interface LeaseCall {
  readonly bucket: BucketKind;
  /** The shape by this replica's limits. */
  readonly shape: BucketShape;
  /** The version of these limits. The bucket takes the shape unless it has one of newer limits; 0: it never does. */
  readonly version: number;
  /** Unused tokens that go back to the bucket. */
  readonly returned: number;
  /** Tokens that were spent from a local share and are paid for now. */
  readonly debit: number;
  /** Granted completely or not at all. */
  readonly need: number;
  /** Reserve beyond the need: `leastReserve` while there is any, up to `mostReserve` the fuller the bucket is. */
  readonly leastReserve: number;
  readonly mostReserve: number;
  /** The bucket's incarnation as last seen, or empty. A bucket that was lost and recreated has another one. */
  readonly incarnation: string;
  /** The most that the bucket can hold now, as far as is known: a recreated one starts no fuller. */
  readonly ceiling: number;
}

export interface LeaseReply {
  /** The need and some of the reserve, or 0 when the need could not be met. */
  readonly granted: number;
  /** What is left in the bucket; negative when it owes. */
  readonly available: number;
  /** The bucket's shape, and the version of the limits behind it: another replica's may be newer. */
  readonly shape: BucketShape;
  readonly version: number;
  readonly incarnation: string;
}

/** How this replica's limits rank among those of all replicas. */
export interface LimitsStanding {
  /** 0: they are not known to be the newest. */
  readonly version: number;
  /** The store has not said yet how they rank. */
  readonly isUnknown: boolean;
  /** A bucket has a shape of this version. */
  saw(version: number): void;
}
