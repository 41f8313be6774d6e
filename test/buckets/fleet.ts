/**
 * A fleet in one process without time or network: replicas' buckets over one store, where a schedule decides
 * what happens next, which call arrives, which reply is lost.
 */
import type { LeaseCall, LeaseReply } from '#src/buckets/lease-protocol.js';
import { type LeaseClient, LeasedBucket } from '#src/buckets/leased-bucket.js';
import type { BucketShape } from '#src/enforce/ledger.js';
import { MemoryBuckets } from '#src/shared/memory/memory-buckets.js';

interface Flight {
  readonly call: LeaseCall;
  reply: LeaseReply | undefined;
  late: boolean;
}

export class Replica {
  readonly bucket: LeasedBucket;
  readonly fleet: Fleet;
  readonly limits = { version: 1, isUnknown: false, saw() {} };
  flight: Flight | undefined;
  connected = true;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
    const client: LeaseClient = {
      onLoss: 'local-share',
      limits: this.limits,
      replicas: () => fleet.replicaCount,
      isUp: () => this.connected,
      send: (_bucket, call) => {
        this.flight = { call, reply: undefined, late: false };
        return true;
      },
      forget: () => {},
    };
    this.bucket = new LeasedBucket(client, 'tenant', 'items', fleet.shape, fleet.nowMs);
  }

  /** This one is the first to know of other limits. */
  reshape(shape: BucketShape): void {
    this.fleet.shape = shape;
    this.limits.version = ++this.fleet.version;
    this.bucket.reshape(shape, this.fleet.nowMs);
  }

  /** The call reaches the store. */
  arrive(): void {
    const { flight, fleet } = this;
    if (flight === undefined || flight.reply !== undefined) return;
    flight.reply = fleet.apply(flight.call);
  }

  /** The reply, if there is one, reaches the replica. */
  answer(): void {
    const { flight, fleet } = this;
    if (flight?.reply === undefined) return;
    this.flight = undefined;
    this.bucket.replied(flight.call, flight.reply, !flight.late, fleet.nowMs);
  }

  late(): void {
    if (this.flight === undefined || this.flight.late) return;
    this.flight.late = true;
    this.bucket.late(this.fleet.nowMs);
  }

  /** The connection breaks: whether the call had arrived is not known here. */
  lose(): void {
    const { flight } = this;
    if (flight === undefined) return;
    this.flight = undefined;
    this.fleet.lost += flight.call.returned + (flight.reply?.granted ?? 0);
    this.bucket.failed(flight.call, this.fleet.nowMs);
  }

  async ask(n: number): Promise<void> {
    const { fleet } = this;
    if (this.bucket.take(n, fleet.nowMs)) {
      fleet.admitted += n;
      return;
    }
    const answer = await this.bucket.ask(n, fleet.nowMs);
    if (answer.granted) fleet.admitted += n;
  }
}

export class Fleet {
  nowMs = 0;
  shape: BucketShape;
  /** Of the newest limits. */
  version = 1;
  admitted = 0;
  /** Everything that the bucket can ever have given: its first fill and what was refilled since. */
  earned: number;
  /** Leased less returned, at the store. */
  leased = 0;
  debited = 0;
  lost = 0;
  /** Full buckets that the store's losses of data may have made. */
  forgotten = 0;
  readonly replicas: Replica[];
  readonly replicaCount: number;
  store: MemoryBuckets;
  #rate: number;
  #lastMs = 0;
  #incarnations = 0;

  constructor(replicaCount: number, shape: BucketShape) {
    this.shape = shape;
    this.earned = shape.capacity;
    this.#rate = shape.rate;
    this.replicaCount = replicaCount;
    this.store = this.#newStore();
    this.replicas = Array.from({ length: replicaCount }, () => new Replica(this));
    // The bucket comes to life, full, with the shape that `earned` begins with.
    this.replicas[0]?.bucket.sweep(0);
    this.replicas[0]?.arrive();
    this.replicas[0]?.answer();
  }

  apply(call: LeaseCall): LeaseReply {
    this.#earn();
    const reply = this.store.lease('tenant', call, this.nowMs);
    this.#rate = reply.shape.rate;
    this.leased += reply.granted - call.returned;
    this.debited += call.debit;
    return reply;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.#earn();
  }

  /** The store restarts without its data. A replica that never saw the bucket starts a full one. */
  forget(): void {
    this.forgotten += this.shape.capacity;
    this.store = this.#newStore();
  }

  held(): number {
    let held = 0;
    for (const { bucket, flight } of this.replicas) held += bucket.held + (flight?.reply?.granted ?? 0);
    return held;
  }

  /** On its way back to the store. */
  returning(): number {
    let tokens = 0;
    for (const { flight } of this.replicas) if (flight && !flight.reply) tokens += flight.call.returned;
    return tokens;
  }

  #earn(): void {
    this.earned += ((this.nowMs - this.#lastMs) * this.#rate) / 1000;
    this.#lastMs = this.nowMs;
  }

  #newStore(): MemoryBuckets {
    return new MemoryBuckets(() => `${this.#incarnations++}`);
  }
}
