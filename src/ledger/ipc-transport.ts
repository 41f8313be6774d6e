/**
 * Lease calls of a worker to the process that started it, which is the ledger for all its workers. Calls made in the
 * same turn of the event loop leave in one message. Between two processes of one machine no message is lost while
 * both live; when the other is gone, whatever was asked fails at once.
 */
import type { LeaseCall, LeaseReply } from '../enforce/lease.js';
import type { BucketKind } from '../enforce/ledger.js';
import { type LeaseTransport, StoreError } from './lease-transport.js';

export interface LeaseRequest {
  readonly id: number;
  readonly tenant: string;
  readonly kind: BucketKind;
  readonly call: LeaseCall;
}

export interface LeaseResponse {
  readonly id: number;
  readonly reply: LeaseReply;
}

interface Pending {
  readonly resolve: (reply: LeaseReply) => void;
  readonly reject: (error: StoreError) => void;
}

export class IpcTransport implements LeaseTransport {
  readonly parts = 1;
  readonly #workers: number;
  readonly #send: (requests: readonly LeaseRequest[]) => void;
  readonly #pending = new Map<number, Pending>();
  #queue: LeaseRequest[] = [];
  #nextId = 0;
  #beats: { readonly resolve: (workers: number) => void; readonly reject: (error: StoreError) => void }[] =
    [];
  #gone = false;

  /** Every message that `send` sends is answered by `answered`, one without requests too. */
  constructor(workers: number, send: (requests: readonly LeaseRequest[]) => void) {
    this.#workers = workers;
    this.#send = send;
  }

  partOf(): number {
    return 0;
  }

  async connect(): Promise<void> {}

  lease(tenant: string, kind: BucketKind, call: LeaseCall): Promise<LeaseReply> {
    return new Promise((resolve, reject) => {
      if (this.#gone) {
        reject(goneError());
        return;
      }
      if (this.#queue.length === 0) setImmediate(() => this.#flush());
      const id = this.#nextId++;
      this.#queue.push({ id, tenant, kind, call });
      this.#pending.set(id, { resolve, reject });
    });
  }

  heartbeat(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#gone) {
        reject(goneError());
        return;
      }
      this.#beats.push({ resolve, reject });
      this.#send([]);
    });
  }

  /** The other process sees for itself who leaves. */
  async farewell(): Promise<void> {}

  async close(): Promise<void> {}

  answered(responses: readonly LeaseResponse[]): void {
    for (const { id, reply } of responses) {
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

  #flush(): void {
    const requests = this.#queue;
    this.#queue = [];
    if (!this.#gone) this.#send(requests);
  }
}

function goneError(): StoreError {
  return new StoreError('connection', 'the primary process is gone');
}
