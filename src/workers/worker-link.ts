/**
 * The connection to the data plane in a worker's process. Orders are sent one at a time, each with the changes since the
 * last one that was applied; orders that come meanwhile are combined.
 */
import type { TopMetrics } from '../admin/edge.js';
import type { DataPlaneLink, Orders, PlaneStatus, Report } from '../app/planes.js';
import type { SenderList } from '../doors/senders.js';
import { isSameAdmitted } from '../enforce/panic.js';
import { snapshotChange } from '../limits/snapshot-change.js';
import type { AnswerTo, Question, SentOrders } from './messages.js';

export interface LinkedProcess {
  readonly id: number;
  readonly pid: number | undefined;
  tell(message: { readonly kind: 'orders'; readonly orders: SentOrders }): void;
  /** Undefined: it has ended. */
  ask<Q extends Question>(question: Q): Promise<AnswerTo<Q> | undefined>;
}

/** Higher numbers are later. */
interface NumberedOrders {
  readonly number: number;
  readonly orders: Orders;
}

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
}

export class WorkerLink implements DataPlaneLink {
  readonly worker: number;
  readonly pid: number | undefined;
  /** What the process starts with. */
  readonly first: SentOrders;
  readonly #process: LinkedProcess;
  #wanted: NumberedOrders;
  #inForce: NumberedOrders;
  /** Sent, but not applied yet. */
  #underWay: NumberedOrders | undefined;
  #waiters: Waiter[] = [];
  #ended = false;

  constructor(process: LinkedProcess, orders: Orders) {
    this.worker = process.id;
    this.pid = process.pid;
    const { snapshot, ...rest } = orders;
    this.first = { ...rest, change: snapshotChange(undefined, snapshot) };
    this.#process = process;
    this.#wanted = { number: 0, orders };
    this.#inForce = this.#wanted;
  }

  apply(orders: Orders): Promise<void> {
    this.#wanted = { number: this.#wanted.number + 1, orders };
    this.#advance();
    const { number } = this.#wanted;
    if (this.#ended || this.#inForce.number === number) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ number, resolve });
    });
  }

  /** The worker has applied what was sent. */
  obeyed(): void {
    this.#inForce = this.#underWay ?? this.#inForce;
    this.#underWay = undefined;
    this.#advance();
    this.#settle(this.#inForce.number);
  }

  end(): void {
    this.#ended = true;
    this.#settle(Number.POSITIVE_INFINITY);
  }

  async report(): Promise<Report | undefined> {
    return (await this.#process.ask({ about: 'report' }))?.report;
  }

  async status(): Promise<PlaneStatus | undefined> {
    return (await this.#process.ask({ about: 'status' }))?.status;
  }

  async topMetrics(tenant: string): Promise<TopMetrics | undefined> {
    return (await this.#process.ask({ about: 'top', tenant }))?.top;
  }

  async senders(tenant: string | undefined): Promise<SenderList | undefined> {
    return (await this.#process.ask({ about: 'senders', tenant }))?.senders;
  }

  #advance(): void {
    if (this.#ended || this.#underWay !== undefined || this.#inForce === this.#wanted) return;
    const { snapshot, ...orders } = this.#wanted.orders;
    const before = this.#inForce.orders;
    const change = snapshotChange(before.snapshot, snapshot);
    const isSame =
      before.mode === orders.mode &&
      isSameAdmitted(before.admitted, orders.admitted) &&
      before.limitsLoaded === orders.limitsLoaded &&
      before.logLevel === orders.logLevel &&
      before.reloads === orders.reloads;
    if (isSame && before.snapshot.hash === change.hash) {
      this.#inForce = this.#wanted;
      return;
    }
    this.#underWay = this.#wanted;
    this.#process.tell({ kind: 'orders', orders: { ...orders, change } });
  }

  #settle(number: number): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.number > number);
    for (const waiter of waiters) if (waiter.number <= number) waiter.resolve();
  }
}
