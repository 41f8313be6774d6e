/**
 * A shared bucket as one replica sees it. It spends from its lease, has at most one call to the store in flight, which
 * waiting pushes share, and serves a local share while the store does not answer.
 *
 *              a call is late, fails or can not be sent; the store is down
 *     leasing ─────────────────────────────────────────────────────────────▶ on local share
 *        ▲                                                                        │
 *        └──────────────────── a call is answered in time ◀───────────────────────┘
 */
import type { Answer, Bucket, BucketKind, BucketShape, OnLoss } from '../enforce/ledger.js';
import { FreePasses } from './free-passes.js';
import { Lease } from './lease.js';
import type { LeaseCall, LeaseReply, LimitsStanding } from './lease-protocol.js';
import { LocalShare } from './local-share.js';
import { WaitingPushes } from './waiting-pushes.js';

/** The connection to the store; all buckets of a shard use the same one. */
export interface LeaseClient {
  readonly onLoss: OnLoss;
  readonly limits: LimitsStanding;
  readonly replicas: () => number;
  /** False: the shard is down and must not be asked. */
  readonly isUp: () => boolean;
  /** Calls back `replied`, `late` and perhaps `replied`, or `failed`. False: too many calls are in flight. */
  readonly send: (bucket: LeasedBucket, call: LeaseCall) => boolean;
  readonly forget: (bucket: LeasedBucket) => void;
}

/** Retry-After for a refusal without the store's answer. */
const UNKNOWN_WAIT_SECONDS = 1;

export class LeasedBucket implements Bucket {
  readonly tenant: string;
  readonly #client: LeaseClient;
  readonly #lease: Lease;
  /** The call in flight. */
  #call: LeaseCall | undefined;
  #released = false;
  readonly #waiting = new WaitingPushes();
  /** Set while the last call did not succeed in time. */
  #share: LocalShare | undefined;
  /** Undefined until something passes without tokens. */
  #freePasses: FreePasses | undefined;
  /** To be paid with the next call, in addition to what was spent from the local share. */
  #owed = 0;

  constructor(client: LeaseClient, tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number) {
    this.#client = client;
    this.tenant = tenant;
    this.#lease = new Lease(kind, shape, client.limits, nowMs);
  }

  get held(): number {
    return this.#lease.held;
  }

  get onLocalShare(): boolean {
    return this.#share !== undefined;
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
    return this.#share !== undefined && this.#takeFromShare(this.#share, n, nowMs);
  }

  ask(n: number, nowMs: number): Answer | Promise<Answer> {
    if (!this.#client.isUp()) this.#startLocalShare(nowMs);
    if (this.#share !== undefined) return this.#answerFromShare(this.#share, n, nowMs);
    if (this.#lease.spend(n)) return granted(this.#lease.held);
    const refusal = this.#lease.refusal(n, nowMs);
    if (refusal !== undefined) return refusal;
    if (this.#waiting.isFull) return this.#lease.refuse(n);
    const answer = this.#waiting.add(n);
    if (this.#call === undefined) this.#askForWaiting(nowMs);
    return answer;
  }

  left(nowMs: number): number {
    const elsewhere = this.#share?.available(nowMs) ?? this.#lease.ceiling(nowMs);
    return Math.max(0, Math.min(this.#lease.shape.capacity, this.#lease.held + elsewhere));
  }

  /** Paid tokens, from wherever they came, are spent here next, or returned when idle. */
  giveBack(n: number, nowMs: number): void {
    this.#lease.giveBack(this.#freePasses?.tokensIn(n, nowMs) ?? n);
  }

  reshape(shape: BucketShape, nowMs: number): void {
    this.#lease.reshape(shape);
    this.#share?.reshape(shape, nowMs);
  }

  release(nowMs: number): void {
    if (this.#released) return;
    this.#released = true;
    this.#client.forget(this);
    this.returnAll(nowMs);
  }

  /** Returns what is held and pays what is owed. False: nothing to do, or no connection. */
  returnAll(nowMs: number): boolean {
    if (this.#call !== undefined || !this.#client.isUp()) return false;
    const debit = this.#pay(nowMs);
    if (this.#lease.held === 0 && debit === 0) return false;
    return this.#send(this.#lease.callToReturn(this.#lease.held, debit, nowMs));
  }

  /** Called periodically for calls that do not need a push. Returns true when a call was sent. */
  sweep(nowMs: number): boolean {
    if (this.#call !== undefined || !this.#client.isUp()) return false;
    const lease = this.#lease;
    // Only pays and reconnects: tokens leased now would be spent a second time from the share.
    if (this.#share !== undefined) return this.#send(lease.callToReturn(0, this.#pay(nowMs), nowMs));
    if (lease.isNews || this.#owed > 0) return this.#send(lease.callForReserve(this.#pay(nowMs), nowMs));
    const surplus = lease.surplus(nowMs);
    return surplus > 0 && this.#send(lease.callToReturn(surplus, 0, nowMs));
  }

  replied(call: LeaseCall, reply: LeaseReply, inTime: boolean, nowMs: number): void {
    this.#call = undefined;
    this.#lease.receive(call, reply, this.#waiting.tokens, nowMs);
    if (inTime) this.#endLocalShare();
    this.#share?.reshape(this.#lease.shape, nowMs);
    const lease = this.#lease;
    this.#waiting.answerAsked((n) => (lease.spend(n) ? granted(lease.held) : lease.refuse(n)));
    this.#waiting.answerLater((n) => (lease.spend(n) ? granted(lease.held) : lease.refusal(n, nowMs)));
    if (this.#waiting.anyLater) this.#askForWaiting(nowMs);
    if (this.#released) this.returnAll(nowMs);
  }

  /** The deadline has passed. The call may still be answered, but no push waits for it. */
  late(nowMs: number): void {
    this.#answerAllFrom(this.#startLocalShare(nowMs), nowMs);
  }

  /** It is unknown whether the call was executed: what it paid is owed again. */
  failed(call: LeaseCall, nowMs: number): void {
    const share = this.#startLocalShare(nowMs);
    this.#call = undefined;
    share.paymentLost(call.debit);
    this.#answerAllFrom(share, nowMs);
  }

  #askAhead(nowMs: number): void {
    if (this.#share !== undefined || !this.#client.isUp()) return;
    this.#send(this.#lease.callForReserve(this.#pay(nowMs), nowMs));
  }

  /** One call for all waiting pushes. */
  #askForWaiting(nowMs: number): void {
    const { smallest, others } = this.#waiting.ask();
    const call = this.#lease.callForPushes(smallest, others, this.#pay(nowMs), nowMs);
    if (!this.#send(call)) this.#answerAllFrom(this.#startLocalShare(nowMs), nowMs);
  }

  #send(call: LeaseCall): boolean {
    if (this.#client.send(this, call)) {
      this.#call = call;
      return true;
    }
    this.#owed += call.debit;
    this.#lease.giveBack(call.returned);
    return false;
  }

  #pay(nowMs: number): number {
    const debit = this.#owed + (this.#share?.pay(nowMs) ?? 0);
    this.#owed = 0;
    return debit;
  }

  #startLocalShare(nowMs: number): LocalShare {
    if (this.#share !== undefined) return this.#share;
    // What the call in flight pays, and may still be granted, is not available to the share.
    const call = this.#call;
    const claimed = call === undefined ? 0 : call.debit + call.need + call.mostReserve;
    const available = this.#lease.ceiling(nowMs) - this.#owed - claimed;
    this.#share = new LocalShare(this.#lease.shape, this.#client.replicas(), available, nowMs);
    return this.#share;
  }

  /** What was spent since the last payment began is owed with the next call. */
  #endLocalShare(): void {
    this.#owed += this.#share?.unpaid ?? 0;
    this.#share = undefined;
  }

  /** Held tokens are spent first: they are paid for. */
  #takeFromShare(share: LocalShare, n: number, nowMs: number): boolean {
    if (this.#client.onLoss === 'allow') {
      this.#freePasses ??= new FreePasses();
      this.#freePasses.add(n, nowMs);
      return true;
    }
    if (this.#client.onLoss === 'refuse') return false;
    const held = this.#lease.held;
    if (!share.take(n - held, nowMs)) return false;
    this.#lease.spend(held);
    return true;
  }

  #answerFromShare(share: LocalShare, n: number, nowMs: number): Answer {
    const lease = this.#lease;
    if (lease.spend(n) || this.#takeFromShare(share, n, nowMs)) return granted(lease.held);
    if (this.#client.onLoss === 'refuse') {
      return { granted: false, available: lease.held, waitSeconds: UNKNOWN_WAIT_SECONDS, lost: true };
    }
    // A push that no share can hold may pass when the store is back.
    const waitSeconds = share.waitSeconds(n - lease.held, nowMs);
    const never = n > lease.shape.capacity || lease.shape.rate === 0;
    return {
      granted: false,
      available: lease.held + share.available(nowMs),
      waitSeconds: Number.isFinite(waitSeconds) || never ? waitSeconds : UNKNOWN_WAIT_SECONDS,
    };
  }

  #answerAllFrom(share: LocalShare, nowMs: number): void {
    this.#waiting.answerAll((n) => this.#answerFromShare(share, n, nowMs));
  }
}

function granted(available: number): Answer {
  return { granted: true, available, waitSeconds: 0 };
}
