/**
 * The store of a worker without Redis: its parent process. Calls made in the same turn of the event loop are sent in one
 * message. Between two live processes no message is lost; when the parent is gone, pending calls fail at once.
 */
import type { Call, CallKind, Reply, StoreReply, StoreRequest } from '../protocol.js';
import { type Store, StoreError } from '../store.js';

export interface NumberedRequest {
  readonly id: number;
  readonly request: StoreRequest;
}

export interface NumberedReply {
  readonly id: number;
  readonly reply: StoreReply;
}

interface Pending<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: StoreError) => void;
}

export class IpcStore implements Store {
  readonly shards = 1;
  readonly reservesHeadroom = false;
  readonly #workers: number;
  readonly #send: (requests: readonly NumberedRequest[]) => void;
  readonly #pending = new Map<number, Pending<StoreReply>>();
  #unsent: NumberedRequest[] = [];
  #heartbeats: Pending<number>[] = [];
  #nextId = 0;
  #isGone = false;

  /** Every message sent by `send` is answered through `answered`, even one without requests. */
  constructor(workers: number, send: (requests: readonly NumberedRequest[]) => void) {
    this.#workers = workers;
    this.#send = send;
  }

  shardOf(): number {
    return 0;
  }

  async connect(): Promise<void> {}

  ask<K extends CallKind>(kind: K, tenant: string, call: Call<K>): Promise<Reply<K>> {
    if (this.#isGone) return Promise.reject(goneError());
    return new Promise((resolve, reject) => {
      if (this.#unsent.length === 0) setImmediate(() => this.#flush());
      const id = this.#nextId++;
      this.#unsent.push({ id, request: { kind, tenant, call } as StoreRequest });
      this.#pending.set(id, { resolve: resolve as (reply: StoreReply) => void, reject });
    });
  }

  heartbeat(): Promise<number> {
    if (this.#isGone) return Promise.reject(goneError());
    return new Promise((resolve, reject) => {
      this.#heartbeats.push({ resolve, reject });
      this.#send([]);
    });
  }

  /** The parent notices by itself who leaves. */
  async leave(): Promise<void> {}

  async close(): Promise<void> {}

  answered(replies: readonly NumberedReply[]): void {
    for (const { id, reply } of replies) {
      this.#pending.get(id)?.resolve(reply);
      this.#pending.delete(id);
    }
    const heartbeats = this.#heartbeats;
    this.#heartbeats = [];
    for (const { resolve } of heartbeats) resolve(this.#workers);
  }

  /** The parent has ended. */
  lost(): void {
    this.#isGone = true;
    const waiting = [...this.#pending.values(), ...this.#heartbeats];
    this.#pending.clear();
    this.#heartbeats = [];
    for (const { reject } of waiting) reject(goneError());
  }

  #flush(): void {
    const requests = this.#unsent;
    this.#unsent = [];
    if (!this.#isGone) this.#send(requests);
  }
}

function goneError(): StoreError {
  return new StoreError('connection', 'the primary process is gone');
}
