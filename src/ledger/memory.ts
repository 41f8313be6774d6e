/** Buckets of this process alone. What one process spends is exact; nothing is shared, nothing survives it. */
import type { Bucket, BucketKind, BucketShape, Ledger } from '../enforce/ledger.js';
import { TokenBucket } from '../enforce/token-bucket.js';

export class MemoryLedger implements Ledger {
  bucket(_tenant: string, _kind: BucketKind, shape: BucketShape, nowMs: number): Bucket {
    return new TokenBucket(shape, nowMs);
  }

  async close(): Promise<void> {}
}
