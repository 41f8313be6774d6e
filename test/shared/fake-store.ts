/** A store without a network for tests of the client: it answers when the test says so. */
import type { Call, CallKind, Reply } from '#src/shared/protocol.js';
import type { Store } from '#src/shared/store.js';

export interface Asked {
  readonly kind: CallKind;
  readonly tenant: string;
  readonly call: Call<CallKind>;
  readonly answer: (reply: Reply<CallKind>) => void;
  readonly fail: (error: Error) => void;
}

export class FakeStore implements Store {
  readonly shards: number;
  readonly reservesHeadroom = true;
  readonly asked: Asked[] = [];
  readonly beats: {
    readonly shard: number;
    readonly answer: (replicas: number) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  connectedWithin: number | undefined;
  left = false;
  closed = false;

  constructor(shards = 1) {
    this.shards = shards;
  }

  /** The shard of a tenant is the number that its name ends with. */
  shardOf(tenant: string): number {
    return this.shards === 1 ? 0 : Number(/\d+$/.exec(tenant)?.[0] ?? 0);
  }

  async connect(timeoutMs: number): Promise<void> {
    this.connectedWithin = timeoutMs;
  }

  ask<K extends CallKind>(kind: K, tenant: string, call: Call<K>): Promise<Reply<K>> {
    return new Promise((resolve, reject) => {
      this.asked.push({ kind, tenant, call, answer: resolve as Asked['answer'], fail: reject });
    });
  }

  heartbeat(shard: number): Promise<number> {
    return new Promise((answer, fail) => this.beats.push({ shard, answer, fail }));
  }

  async leave(): Promise<void> {
    this.left = true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
