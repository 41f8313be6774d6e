/**
 * Calls of a worker to the process that started it, which is the ledger for all its workers. Calls made in the same turn
 * of the event loop leave in one message. Between two processes of one machine no message is lost while both live;
 * when the other is gone, whatever was asked fails at once.
 */
import type { LeaseCall, LeaseReply } from '../../buckets/lease.js';
import type { ElectionCall, ElectionReply } from '../../elections/shared-elections.js';
import type { BucketKind } from '../../enforce/ledger.js';
import type { SeriesCall, SeriesReply } from '../../series/series-store.js';
import { type LeaseTransport, StoreError } from '../lease-transport.js';
import type { StoreReply, StoreRequest } from '../memory/memory-store.js';

export interface NumberedRequest {
  readonly id: number;
  readonly request: StoreRequest;
}

export interface NumberedReply {
  readonly id: number;
  readonly reply: StoreReply;
}

interface Pending {
  readonly resolve: (reply: StoreReply) => void;
  readonly reject: (error: StoreError) => void;
}

interface Beat {
  readonly resolve: (workers: number) => void;
  readonly reject: (error: StoreError) => void;
}

export class IpcTransport implements LeaseTransport {
  readonly parts = 1;
  readonly reservesRoom = false;
  readonly #workers: number;
  readonly #send: (requests: readonly NumberedRequest[]) => void;
  readonly #pending = new Map<number, Pending>();
  #queue: NumberedRequest[] = [];
  #beats: Beat[] = [];
  #nextId = 0;
  #gone = false;

  /** Every message that `send` sends is answered by `answered`, one without requests too. */
  constructor(workers: number, send: (requests: readonly NumberedRequest[]) => void) {
    this.#workers = workers;
    this.#send = send;
  }

  partOf(): number {
    return 0;
  }

  async connect(): Promise<void> {}

  lease(tenant: string, kind: BucketKind, call: LeaseCall): Promise<LeaseReply> {
    return this.#ask({ about: 'lease', tenant, kind, call }) as Promise<LeaseReply>;
  }

  elect(tenant: string, call: ElectionCall): Promise<ElectionReply> {
    return this.#ask({ about: 'election', tenant, call }) as Promise<ElectionReply>;
  }

  series(tenant: string, call: SeriesCall): Promise<SeriesReply> {
    return this.#ask({ about: 'series', tenant, call }) as Promise<SeriesReply>;
  }

  heartbeat(): Promise<number> {
    if (this.#gone) return Promise.reject(goneError());
    return new Promise((resolve, reject) => {
      this.#beats.push({ resolve, reject });
      this.#send([]);
    });
  }

  /** The other process sees for itself who leaves. */
  async farewell(): Promise<void> {}

  async close(): Promise<void> {}

  answered(replies: readonly NumberedReply[]): void {
    for (const { id, reply } of replies) {
      this.#pending.get(id)?.resolve(reply);
      this.#pending.delete(id);
    }
    const beats = this.#beats;
    this.#beats = [];
    for (const { resolve } of beats) resolve(this.#workers);
  }

  /** The other process has ended. */
  lost(): void {
    this.#gone = true;
    const waiting = [...this.#pending.values(), ...this.#beats];
    this.#pending.clear();
    this.#beats = [];
    for (const { reject } of waiting) reject(goneError());
  }

  #ask(request: StoreRequest): Promise<StoreReply> {
    if (this.#gone) return Promise.reject(goneError());
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#flush());
      const id = this.#nextId++;
      this.#queue.push({ id, request });
      this.#pending.set(id, { resolve, reject });
    });
  }

  #flush(): void {
    const requests = this.#queue;
    this.#queue = [];
    if (!this.#gone) this.#send(requests);
  }
}

function goneError(): StoreError {
  return new StoreError('connection', 'the primary process is gone');
}
