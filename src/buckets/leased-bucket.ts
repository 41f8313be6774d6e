/**
 * A bucket that replicas share, as one of them sees it: spends from its lease, has at most one call to the store
 * in flight, which pushes that must wait share, and serves a local share while the store does not answer.
 */

import type { Answer, Bucket, BucketKind, BucketShape } from '../enforce/ledger.js';
import { Lease, type LeaseCall, type LeaseReply } from './lease.js';
import { LocalShare } from './local-share.js';

export type OnLoss = 'local-share' | 'allow' | 'refuse';

/** What a bucket needs from the ledger that it belongs to. */
export interface LeaseHost {
  readonly onLoss: OnLoss;
  replicas(): number;
  /** False: the store's part is down, and nothing may be asked of it. */
  mayAsk(part: number): boolean;
  /** Answered later by `replied`, or by `late` and perhaps `replied`, or by `failed`. False: too many in flight. */
  send(bucket: LeasedBucket, call: LeaseCall, nowMs: number): boolean;
  forget(bucket: LeasedBucket): void;
}

interface Waiter {
  readonly n: number;
  readonly answer: (answer: Answer) => void;
}

/** Pushes that wait for one bucket at most; a call takes about a millisecond. */
const MAX_WAITERS = 1024;
/** A refusal without the store's knowledge: come back soon. */
const UNKNOWN_WAIT_SECONDS = 1;

export class LeasedBucket implements Bucket {
  readonly tenant: string;
  readonly kind: BucketKind;
  readonly part: number;
  /** Where the ledger keeps it; -1 when it does not. */
  position = -1;
  readonly #host: LeaseHost;
  readonly #lease: Lease;
  /** The call in flight. */
  #call: LeaseCall | undefined;
  #released = false;
  /** Pushes that the call in flight asks for, and those that came after it. */
  #asked: Waiter[] = [];
  #waiting: Waiter[] = [];
  /** There while the last call did not succeed in time. */
  #local: LocalShare | undefined;
  /** Spent from a local share while it was being paid for. */
  #owed = 0;

  constructor(
    host: LeaseHost,
    tenant: string,
    kind: BucketKind,
    part: number,
    shape: BucketShape,
    nowMs: number,
  ) {
    this.#host = host;
    this.tenant = tenant;
    this.kind = kind;
    this.part = part;
    this.#lease = new Lease(shape, nowMs);
  }

  get held(): number {
    return this.#lease.held;
  }

  /** It serves its local share. */
  get alone(): boolean {
    return this.#local !== undefined;
  }

  get calling(): boolean {
    return this.#call !== undefined;
  }

  take(n: number, nowMs: number): boolean {
    const lease = this.#lease;
    if (lease.take(n, nowMs)) {
      if (this.#call === undefined && lease.runsLow(nowMs)) this.#askAhead(nowMs);
      return true;
    }
    return this.#local !== undefined && this.#takeAlone(n, nowMs);
  }

  ask(n: number, nowMs: number): Answer | Promise<Answer> {
    if (this.#local === undefined && !this.#host.mayAsk(this.part)) this.#goAlone(nowMs);
    if (this.#local !== undefined) return this.#answerAlone(n, nowMs);
    if (this.#lease.spend(n)) return granted(this.#lease.held);
    const refusal = this.#lease.refusal(n, nowMs);
    if (refusal !== undefined) return refusal;
    if (this.#waiting.length >= MAX_WAITERS) return this.#lease.refuse(n);
    return new Promise((answer) => {
      this.#waiting.push({ n, answer });
      if (this.#call === undefined) this.#askForWaiting(nowMs);
    });
  }

  left(nowMs: number): number {
    const elsewhere = this.#local?.available(nowMs) ?? this.#lease.bound(nowMs);
    return Math.max(0, Math.min(this.#lease.shape.capacity, this.#lease.held + elsewhere));
  }

  /** From wherever they came, they are tokens that were paid for: spent here next, or returned when idle. */
  giveBack(n: number): void {
    this.#lease.giveBack(n);
  }

  reshape(shape: BucketShape, nowMs: number): void {
    this.#lease.reshape(shape);
    this.#local?.reshape(shape, nowMs);
  }

  release(nowMs: number): void {
    if (this.#released) return;
    this.#released = true;
    this.#host.forget(this);
    if (this.#call === undefined) this.returnAll(nowMs);
  }

  /** Brings back what is held and pays what is owed. False: there is nothing to do or no way to. */
  returnAll(nowMs: number): boolean {
    if (this.#call !== undefined || !this.#host.mayAsk(this.part)) return false;
    const debit = this.#settleDebts(nowMs);
    if (this.#lease.held === 0 && debit === 0) return false;
    return this.#send(this.#lease.callToReturn(this.#lease.held, debit, nowMs), nowMs);
  }

  /** Called now and then: whatever has to be said to the store without a push. True when a call was sent. */
  sweep(nowMs: number): boolean {
    if (this.#call !== undefined || !this.#host.mayAsk(this.part)) return false;
    if (this.#local !== undefined) {
      // Only to pay and to be back: what is leased now would be spent a second time from the share.
      return this.#send(this.#lease.callToReturn(0, this.#settleDebts(nowMs), nowMs), nowMs);
    }
    if (this.#lease.shapeIsNews || this.#owed > 0) {
      return this.#send(this.#lease.callForReserve(this.#settleDebts(nowMs), nowMs), nowMs);
    }
    const surplus = this.#lease.surplus(nowMs);
    return surplus > 0 && this.#send(this.#lease.callToReturn(surplus, 0, nowMs), nowMs);
  }

  replied(call: LeaseCall, reply: LeaseReply, inTime: boolean, nowMs: number): void {
    this.#call = undefined;
    this.#lease.settle(call, reply, sum(this.#asked) + sum(this.#waiting), nowMs);
    if (inTime && this.#local !== undefined) {
      this.#owed += this.#local.spent;
      this.#local = undefined;
    }
    const asked = this.#asked;
    this.#asked = [];
    for (const { n, answer } of asked) {
      answer(this.#lease.spend(n) ? granted(this.#lease.held) : this.#lease.refuse(n));
    }
    if (this.#waiting.length > 0) this.#serveWaiting(nowMs);
    if (this.#released && this.#call === undefined) this.returnAll(nowMs);
  }

  /** The deadline is over. The call may still be answered, but no push waits for it. */
  late(nowMs: number): void {
    this.#goAlone(nowMs);
    this.#answerAllAlone(nowMs);
  }

  failed(call: LeaseCall, nowMs: number): void {
    this.#goAlone(nowMs);
    this.#call = undefined;
    this.#local?.unsettle(call.debit);
    this.#answerAllAlone(nowMs);
  }

  #askAhead(nowMs: number): void {
    if (this.#local !== undefined || !this.#host.mayAsk(this.part)) return;
    this.#send(this.#lease.callForReserve(this.#settleDebts(nowMs), nowMs), nowMs);
  }

  /** One call for all that wait. The smallest is what must be met: if it can not be, none can. */
  #askForWaiting(nowMs: number): void {
    const asked = this.#waiting.sort((a, b) => a.n - b.n);
    this.#asked = asked;
    this.#waiting = [];
    const smallest = asked[0]?.n ?? 0;
    const call = this.#lease.callForPushes(smallest, sum(asked) - smallest, this.#settleDebts(nowMs), nowMs);
    if (this.#send(call, nowMs)) return;
    this.#goAlone(nowMs);
    this.#answerAllAlone(nowMs);
  }

  #serveWaiting(nowMs: number): void {
    const left: Waiter[] = [];
    for (const waiter of this.#waiting) {
      const { n, answer } = waiter;
      if (this.#lease.spend(n)) answer(granted(this.#lease.held));
      else {
        const refusal = this.#lease.refusal(n, nowMs);
        if (refusal === undefined) left.push(waiter);
        else answer(refusal);
      }
    }
    this.#waiting = left;
    if (left.length > 0) this.#askForWaiting(nowMs);
  }

  #send(call: LeaseCall, nowMs: number): boolean {
    if (this.#host.send(this, call, nowMs)) {
      this.#call = call;
      return true;
    }
    this.#owed += call.debit;
    this.#lease.giveBack(call.give);
    return false;
  }

  #settleDebts(nowMs: number): number {
    const debit = this.#owed + (this.#local?.settle(nowMs) ?? 0);
    this.#owed = 0;
    return debit;
  }

  #goAlone(nowMs: number): void {
    if (this.#local !== undefined) return;
    // What a call in flight pays, and what it may still be granted, is not there for the share.
    const claimed = this.#call === undefined ? 0 : this.#call.debit + this.#call.need + this.#call.most;
    const available = this.#lease.bound(nowMs) - this.#owed - claimed;
    this.#local = new LocalShare(this.#lease.shape, this.#host.replicas(), available, nowMs);
  }

  /** What is held is spent first: it is paid for. */
  #takeAlone(n: number, nowMs: number): boolean {
    if (this.#host.onLoss === 'allow') return true;
    if (this.#host.onLoss === 'refuse' || this.#local === undefined) return false;
    const held = this.#lease.held;
    if (!this.#local.take(n - held, nowMs)) return false;
    this.#lease.spend(held);
    return true;
  }

  #answerAlone(n: number, nowMs: number): Answer {
    if (this.#lease.spend(n) || this.#takeAlone(n, nowMs)) return granted(this.#lease.held);
    if (this.#host.onLoss === 'refuse' || this.#local === undefined) {
      return { granted: false, available: this.#lease.held, waitSeconds: UNKNOWN_WAIT_SECONDS, lost: true };
    }
    // A push that no share can hold may pass when the store is back.
    const waitSeconds = this.#local.waitSeconds(n - this.#lease.held, nowMs);
    const never = n > this.#lease.shape.capacity || this.#lease.shape.rate === 0;
    return {
      granted: false,
      available: this.#lease.held + this.#local.available(nowMs),
      waitSeconds: Number.isFinite(waitSeconds) || never ? waitSeconds : UNKNOWN_WAIT_SECONDS,
    };
  }

  #answerAllAlone(nowMs: number): void {
    const waiters = [...this.#asked, ...this.#waiting];
    this.#asked = [];
    this.#waiting = [];
    for (const { n, answer } of waiters) answer(this.#answerAlone(n, nowMs));
  }
}

function granted(available: number): Answer {
  return { granted: true, available, waitSeconds: 0 };
}

function sum(waiters: readonly Waiter[]): number {
  let total = 0;
  for (const { n } of waiters) total += n;
  return total;
}
