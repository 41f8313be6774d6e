/**
 * The buckets of tenants that no document names and for which memory has no room: one of each kind, shared by all of them
 * under the default limits. However many names somebody makes up, together they pass what one tenant may.
 */
import type { Bucket, BucketKind, BucketShape, Elections, Ledger } from './ledger.js';

/** Contains a character that no tenant id may have. */
const NAME = 'without room';

interface Opened {
  readonly bucket: Bucket;
  shape: BucketShape;
}

/** A ledger for those tenants, who are held only as long as their push takes. */
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

  /** Each tenant has its own elections: sharing them would turn one tenant's pushes into another's duplicates. */
  elections(tenant: string): Elections {
    return this.#ledger.elections(tenant);
  }

  remembersEvicted(): boolean {
    return true;
  }

  async close(): Promise<void> {}
}
