/**
 * The ledger of a single process: no store, no calls. Its buckets are exact, whatever leaves memory; nothing is shared, and
 * nothing survives the process.
 */

import { Debts } from '../../buckets/debts.js';
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
  readonly #debts: Debts;

  constructor(debts = new Debts()) {
    this.#debts = debts;
  }

  bucket(tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number): Bucket {
    return new RememberedBucket(shape, tenant, kind, this.#debts, nowMs);
  }

  elections(): Elections {
    return new MemoryElections();
  }

  remembersEvicted(next: string, nowMs: number): boolean {
    return this.#debts.hasRoom(next, nowMs);
  }

  async close(): Promise<void> {}
}

/** Starts with the debt that it had when it left memory. */
class RememberedBucket extends TokenBucket {
  readonly #tenant: string;
  readonly #kind: BucketKind;
  readonly #debts: Debts;
  #shape: BucketShape;

  constructor(shape: BucketShape, tenant: string, kind: BucketKind, debts: Debts, nowMs: number) {
    super(shape, nowMs);
    this.#tenant = tenant;
    this.#kind = kind;
    this.#debts = debts;
    this.#shape = shape;
    this.take(Math.min(shape.capacity, debts.take(tenant, kind, nowMs)), nowMs);
  }

  override reshape(shape: BucketShape, nowMs: number): void {
    this.#shape = shape;
    super.reshape(shape, nowMs);
  }

  override release(nowMs: number): void {
    const { capacity, rate } = this.#shape;
    this.#debts.remember(this.#tenant, this.#kind, capacity - this.left(nowMs), rate, nowMs);
  }
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
