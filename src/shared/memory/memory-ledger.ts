/**
 * The ledger of a process alone: no store, no calls. What one process spends is exact; nothing is shared, and nothing
 * survives it.
 */

import { TokenBucket } from '../../buckets/token-bucket.js';
import { ElectionTable } from '../../elections/election-table.js';
import type {
  Bucket,
  BucketKind,
  BucketShape,
  ElectionAnswer,
  ElectionRules,
  Elections,
  Ledger,
} from '../../enforce/ledger.js';
import type { HaLabels } from '../../payload/push.js';

export class MemoryLedger implements Ledger {
  bucket(_tenant: string, _kind: BucketKind, shape: BucketShape, nowMs: number): Bucket {
    return new TokenBucket(shape, nowMs);
  }

  elections(): Elections {
    return new MemoryElections();
  }

  async close(): Promise<void> {}
}

class MemoryElections implements Elections {
  readonly #table = new ElectionTable();

  hear(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer {
    const election = this.#table.elect(ha, rules, nowMs);
    if (election === undefined) return 'too_many_clusters';
    return election.replica === ha.replica ? 'elected' : 'other';
  }

  resign(ha: HaLabels): void {
    this.#table.resign(ha);
  }
}
