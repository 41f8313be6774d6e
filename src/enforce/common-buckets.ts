/**
 * The buckets of tenants that no document names and that memory has no room for: one of each kind, which all of them share
 * under the default limits. So however many names somebody makes up, those without room pass what one tenant may.
 */
import type { Bucket, BucketKind, BucketShape, Elections, Ledger } from './ledger.js';

/** Has a character that no tenant id has. */
const NAME = 'without room';

interface Opened {
  readonly bucket: Bucket;
  shape: BucketShape;
}

/** The ledger of such tenants. Nothing is asked of it for longer than a push takes. */
export class CommonBuckets implements Ledger {
  readonly #ledger: Ledger;
  readonly #opened = new Map<BucketKind, Opened>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  bucket(_tenant: string, kind: BucketKind, { rate, capacity }: BucketShape, nowMs: number): Bucket {
    const shape = { rate, capacity };
    const opened = this.#opened.get(kind);
    if (opened === undefined) {
      const bucket = this.#ledger.bucket(NAME, kind, shape, nowMs);
      this.#opened.set(kind, { bucket, shape });
      return bucket;
    }
    if (opened.shape.rate !== rate || opened.shape.capacity !== capacity) {
      opened.bucket.reshape(shape, nowMs);
      opened.shape = shape;
    }
    return opened.bucket;
  }

  /** Each has its own: what they share must not make one tenant's pushes another's duplicates. */
  elections(tenant: string): Elections {
    return this.#ledger.elections(tenant);
  }

  remembersEvicted(): boolean {
    return true;
  }

  async close(): Promise<void> {}
}
