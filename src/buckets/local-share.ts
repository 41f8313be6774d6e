/**
 * A replica's part of a shared bucket while the store can not be asked: the limit divided by the number of replicas. It
 * starts with this replica's part of the bucket's last known content, so losing the store creates no tokens; and it tracks
 * what is to be paid when the store is back.
 */
import type { BucketShape } from '../enforce/ledger.js';
import { TokenBucket } from './token-bucket.js';

export class LocalShare {
  readonly #replicas: number;
  readonly #bucket: TokenBucket;
  #capacity: number;
  #unpaid = 0;

  /** `available`: what the whole bucket can hold now. */
  constructor(shape: BucketShape, replicas: number, available: number, nowMs: number) {
    this.#replicas = replicas;
    this.#capacity = shape.capacity / replicas;
    this.#bucket = new TokenBucket(shareOf(shape, replicas), nowMs);
    const missing = this.#capacity - available / replicas;
    this.#bucket.take(Math.min(this.#capacity, Math.max(0, missing)), nowMs);
  }

  take(n: number, nowMs: number): boolean {
    if (!this.#bucket.take(n, nowMs)) return false;
    this.#unpaid += n;
    return true;
  }

  available(nowMs: number): number {
    return this.#bucket.left(nowMs);
  }

  /** Until n tokens are available. */
  waitSeconds(n: number, nowMs: number): number {
    return this.#bucket.ask(Math.max(0, n), nowMs).waitSeconds;
  }

  reshape(shape: BucketShape, nowMs: number): void {
    this.#capacity = shape.capacity / this.#replicas;
    this.#bucket.reshape(shareOf(shape, this.#replicas), nowMs);
  }

  /** Spent here and not covered by a payment under way. */
  get unpaid(): number {
    return this.#unpaid;
  }

  /**
   * Begins a payment: what the shared bucket is charged for everything spent here. The bucket refilled meanwhile, but not
   * above its capacity: of older spending, only what is still missing from this share is owed.
   */
  pay(nowMs: number): number {
    const owed = Math.max(0, Math.min(this.#unpaid, this.#capacity - this.available(nowMs)));
    this.#unpaid = 0;
    return owed;
  }

  /** A payment may not have arrived. Charging it twice creates no tokens; forgetting it would. */
  paymentLost(owed: number): void {
    this.#unpaid += owed;
  }
}

function shareOf(shape: BucketShape, replicas: number): BucketShape {
  return { rate: shape.rate / replicas, capacity: shape.capacity / replicas };
}
