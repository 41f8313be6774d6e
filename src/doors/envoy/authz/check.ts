/**
 * One ext_authz call, from Envoy's description of a push to the answer: the same order, Enforcer and refusals as in
 * doors/http/push-exchange.ts. A refusal is always an answer, never a gRPC error: on errors Envoy applies its failure mode,
 * which may let the push pass.
 */

import { originForm } from '../../../base/http1/target.js';
import type { Enforcer } from '../../../enforce/enforcer.js';
import type { Reason } from '../../../enforce/reasons.js';
import type { Refusal } from '../../../enforce/refusal.js';
import {
  besideBodyTooLarge,
  bodyNotSent,
  bodyPartial,
  bodySentAsText,
  bodyTooLarge,
  checkIncomplete,
  edgeOverloaded,
  judgedTooLate,
  type Sentence,
} from '../../../enforce/sentences.js';
import type { Tenant } from '../../../enforce/tenant.js';
import type { Admitted, Charge, Verdict } from '../../../enforce/verdict.js';
import type { DecodeOptions, Decoder, Push } from '../../../payload/push.js';
import type { AnswerForm } from '../../answer-form.js';
import type { ByteBudget } from '../../body.js';
import { decodeBody } from '../../decode-body.js';
import { type DecodeSettings, decodeOptions } from '../../decode-options.js';
import type { Stepped } from '../../decode-source.js';
import { otlpAnswerForm } from '../../otlp-format.js';
import type { ProtocolLabel } from '../../push-metrics.js';
import {
  isUnreadable,
  protocolLabel,
  type ReadAs,
  readAs,
  senderProtocolOf,
  type Unreadable,
} from '../../read-as.js';
import { NOTHING, tooLarge, undecodedBody, type Written, writtenOf } from '../../refusal-answer.js';
import { type RetryAfterOptions, withRetryAfter } from '../../retry-after.js';
import type { SenderPlace, Senders } from '../../senders.js';
import { isRead, type Route, type WritePathOptions, type WritePaths } from '../../write-paths.js';
import { GRPC, type GrpcCall } from '../grpc/grpc-call.js';
import type { MessageFault } from '../grpc/message-reader.js';
import {
  type BodyState,
  type CheckedRequest,
  MAX_BESIDE_BODY_BYTES,
  MAX_HEADERS,
  readCheckRequest,
} from './check-request.js';
import { encodeDenied, encodeDuplicate, encodeOk, type VerdictWord } from './check-response.js';
import { CheckedHead } from './checked-head.js';

export interface CheckOptions extends WritePathOptions, DecodeSettings {
  /** Lower case. */
  readonly tenantHeader: string;
  readonly maxBodyBytes: number;
  /** False: a push is judged as usual, but the ratelimit filter charges for it. */
  readonly charge: boolean;
  /** What happens to a push of which some series may not pass, as ext_authz can not leave them out. */
  readonly onFilter: 'refuse' | 'pass';
  /** What happens to a body that Envoy does not send unchanged. */
  readonly onBody: Readonly<Record<Exclude<BodyState, 'whole'>, 'refuse' | 'pass'>>;
  readonly retryAfter: RetryAfterOptions;
}

/**
 * How a call ended. `late`: denied because it was not complete or judged within Envoy's timeout. `cancelled`: Envoy left
 * before it was judged or answered.
 */
export type CheckOutcome = VerdictWord | 'late' | 'cancelled' | 'invalid';

export const CHECK_OUTCOMES = [
  'accept',
  'unfiltered',
  'refuse',
  'duplicate',
  'shadow',
  'unjudged',
  'late',
  'cancelled',
  'invalid',
] as const satisfies CheckOutcome[];

/** Times are in seconds. */
interface CheckObserver {
  decoded(seconds: number, protocol: ProtocolLabel): void;
  decided(seconds: number): void;
  /** Decoded and judged now, with what it had to wait for. */
  ownPartDone(seconds: number, nowMs: number): void;
  body(state: BodyState): void;
  checked(outcome: CheckOutcome, seconds: number): void;
  /** `shadow`: the push went on all the same. */
  refused(tenant: Tenant | undefined, refusal: Refusal, requestId: string, shadow: boolean): void;
}

export interface CheckParts {
  readonly enforcer: Enforcer;
  readonly decoder: Decoder;
  readonly budget: ByteBudget;
  readonly observer: CheckObserver;
  readonly senders: Senders;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly options: CheckOptions;
}

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class CheckExchange {
  readonly #parts: CheckParts;
  readonly #writePaths: WritePaths;
  readonly #call: GrpcCall;
  #late = false;
  #claimed: ReadonlySet<string> = new Set();
  /** What a Remote Write 2.0 sender is told of the push. */
  #written: Written = NOTHING;
  #form: AnswerForm = 'text';
  /** Undefined: the push did not name a tenant that may send. */
  #sender: SenderPlace | undefined;
  /** Reserved from the budget for the uncompressed body. */
  #heldBytes = 0;

  constructor(parts: CheckParts, writePaths: WritePaths, call: GrpcCall) {
    this.#parts = parts;
    this.#writePaths = writePaths;
    this.#call = call;
  }

  async handle(): Promise<void> {
    const { now, observer } = this.#parts;
    const startMs = now();
    const outcome = await this.#handle().finally(() => this.#parts.budget.release(this.#heldBytes));
    observer.checked(this.#late ? 'late' : outcome, (now() - startMs) / 1000);
  }

  async #handle(): Promise<CheckOutcome> {
    const { budget, options } = this.#parts;
    const message = await this.#call.read(options.maxBodyBytes + MAX_BESIDE_BODY_BYTES, budget);
    if (typeof message === 'string') return this.#refuseMessage(message);
    const request = readCheckRequest(message, options.tenantHeader);
    if (request === 'too_large') {
      const why = besideBodyTooLarge(MAX_HEADERS, MAX_BESIDE_BODY_BYTES);
      return this.#refuseUnattributed('edge_request_too_large', why);
    }
    if (request === undefined) {
      this.#call.fail(GRPC.INVALID_ARGUMENT, 'expected a CheckRequest');
      return 'invalid';
    }
    this.#claimed = request.claimed;
    return this.#judge(request);
  }

  async #judge(request: CheckedRequest): Promise<CheckOutcome> {
    const { enforcer, observer, now, options } = this.#parts;
    const route = this.#routeOf(request);
    if (route === 'other') return this.#pass('unjudged', '');
    if (route === 'otlp') this.#form = otlpAnswerForm(request.contentType);
    // Envoy has given up: the tenant is not charged.
    if (this.#call.isOver) return this.#cancelled();

    const how = readAs(route, request);
    const admitting = enforcer.admit(request.tenant);
    const waitedFromMs = admitting instanceof Promise ? now() : 0;
    const admission = admitting instanceof Promise ? await this.#inTime(request, admitting) : admitting;
    const waitedMs = admitting instanceof Promise ? now() - waitedFromMs : 0;
    if (admission.tenant !== undefined) this.#countSender(request, admission.tenant, how);
    if (admission.kind === 'refuse') {
      if (this.#late) return this.#cancelled();
      const shadow = admission.tenant === undefined && enforcer.mode !== 'enforce';
      return this.#refuse(request, admission.tenant, admission, undefined, shadow);
    }
    const { tenant } = admission;
    if (!options.charge) enforcer.giveBack(admission, undefined);
    if (this.#call.isOver) return this.#cancelled(admission);
    if (tenant.mode === 'off') return this.#pass('unjudged', tenant.whole);
    if (admission.shadowed !== undefined)
      observer.refused(tenant, admission.shadowed, request.requestId, true);
    if (isUnreadable(how)) return this.#refuseBody(request, tenant, ...how);
    observer.body(request.bodyState);
    if (request.bodyState !== 'whole') return this.#refuseBodyState(request, admission, request.bodyState);
    if (request.body.length > options.maxBodyBytes) {
      const why = bodyTooLarge(options.maxBodyBytes);
      return this.#refuseBody(request, tenant, tooLarge(how.source), why);
    }
    this.#sender?.read(request.body.length);

    const decodeStartMs = now();
    // A body decoded inline is a view on the decoder's memory: nothing is awaited before it is judged.
    const decoding = this.#decode(request.body, decodeOptions(how, tenant, options));
    const decoded = decoding instanceof Promise ? await this.#inTime(request, decoding, tenant) : decoding;
    const decodeEndMs = now();
    observer.decoded((decodeEndMs - decodeStartMs) / 1000, protocolLabel(how));
    if (this.#call.isOver) return this.#cancelled(admission);
    if (decoded === 'over_budget') {
      const { used, capacity } = this.#parts.budget;
      return this.#refuseBody(request, tenant, 'edge_overloaded', edgeOverloaded(used, capacity));
    }
    if (decoded.kind !== 'push') {
      observer.ownPartDone((waitedMs + decodeEndMs - decodeStartMs) / 1000, decodeEndMs);
      return this.#refuseBody(request, tenant, ...undecodedBody(decoded, how.source));
    }
    if (decoded.protocol === 'rw2') this.#written = writtenOf(decoded, tenant.limits);

    const judging = enforcer.judge(tenant, decoded, options.onFilter === 'refuse', decodeEndMs);
    const verdict = judging instanceof Promise ? await this.#inTime(request, judging, tenant) : judging;
    const decidedMs = now();
    observer.decided((decidedMs - decodeEndMs) / 1000);
    observer.ownPartDone((waitedMs + decidedMs - decodeStartMs) / 1000, decidedMs);
    return this.#answer(request, admission, decoded, verdict);
  }

  #countSender(request: CheckedRequest, { whole, place }: Tenant, how: ReadAs | Unreadable): void {
    const head = new CheckedHead(request);
    this.#sender = this.#parts.senders.push(head, whole, place === whole, {
      senderProtocol: () => senderProtocolOf(how),
    });
  }

  #decode(body: Buffer, options: DecodeOptions): Stepped | Promise<Stepped> {
    const { decoder, budget } = this.#parts;
    const wanted = (): boolean => !this.#call.isOver;
    const reserve = (bytes: number): boolean => {
      if (!budget.reserve(bytes)) return false;
      this.#heldBytes += bytes;
      return true;
    };
    return decodeBody(decoder, [body], body.length, options, reserve, wanted);
  }

  /** A target that is not a path can not be classified: it may be a write. */
  #routeOf({ method, target }: CheckedRequest): Route {
    // A connection, not a request.
    if (method === '' && target === '') return 'other';
    const path = originForm(target);
    if (path !== undefined) return this.#writePaths.routeOf(method, path);
    return isRead(method) || this.#parts.options.unjudgedWrites === 'pass' ? 'other' : 'unjudged';
  }

  /**
   * Waits, but answers before Envoy's timeout, after which Envoy might let the push pass. A later result belongs to a call
   * that is over, and is refunded.
   */
  async #inTime<T>(request: CheckedRequest, answer: Promise<T>, tenant?: Tenant): Promise<T> {
    const timeoutMs = this.#call.answerInMs;
    if (timeoutMs > LONGEST_TIMER_MS) return await answer;
    const timer = setTimeout(() => {
      // On a busy machine it may be later than Envoy's timeout: answering does no harm, as Envoy has a clock of its own.
      if (this.#call.isClosed) return;
      this.#late = true;
      if (tenant === undefined) this.#refuseUnattributed('edge_busy', judgedTooLate());
      else this.#refuseBody(request, tenant, 'edge_busy', judgedTooLate());
    }, timeoutMs);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #answer(request: CheckedRequest, admission: Admitted, push: Push, verdict: Verdict): CheckOutcome {
    const { enforcer, options, observer } = this.#parts;
    const { tenant } = admission;
    const isCharged = verdict.kind !== 'refuse' && verdict.kind !== 'duplicate';
    if (this.#call.isOver) return this.#cancelled(admission, isCharged ? verdict : undefined);
    if (verdict.kind === 'refuse') return this.#refuse(request, tenant, verdict, push, false);
    if (verdict.kind === 'duplicate') return this.#answerDuplicate(request, tenant, push, verdict.message);
    if (options.charge) this.#giveBackUnlessDelivered(admission, verdict);
    else enforcer.giveBack({ ...admission, requests: 0 }, verdict);
    const refusal = verdict.kind === 'filter' ? verdict.answer : verdict.shadowed;
    if (refusal === undefined || refusal.kind === 'duplicate')
      return this.#pass('accept', tenant.whole, push, verdict.items);
    observer.refused(tenant, refusal, request.requestId, true);
    return this.#pass(verdict.kind === 'filter' ? 'unfiltered' : 'shadow', tenant.whole, push, verdict.items);
  }

  #answerDuplicate(request: CheckedRequest, tenant: Tenant, push: Push, message: string): CheckOutcome {
    const found = { verdict: 'duplicate', tenant: tenant.whole, items: 0, push } as const;
    this.#call.reply(encodeDuplicate(found, message, request.contentType, this.#written, this.#form));
    return 'duplicate';
  }

  #pass(verdict: VerdictWord, tenant: string, push?: Push, items = 0): CheckOutcome {
    this.#call.reply(encodeOk({ verdict, tenant, items, push }, this.#claimed));
    return verdict;
  }

  /** Answers, except in shadow mode. */
  #refuse(
    request: CheckedRequest,
    tenant: Tenant | undefined,
    unanswered: Refusal,
    push: Push | undefined,
    shadow: boolean,
  ): CheckOutcome {
    const refusal = withRetryAfter(unanswered, request.retryAttempt, this.#parts.options.retryAfter);
    this.#parts.observer.refused(tenant, refusal, request.requestId, shadow);
    const found = { tenant: tenant?.whole ?? '', items: 0, push };
    if (shadow) return this.#pass('shadow', found.tenant, push);
    this.#sender?.refuse(refusal.retryAfterSeconds);
    const denied = { verdict: 'refuse', ...found } as const;
    this.#call.reply(encodeDenied(denied, refusal, request.contentType, this.#written, this.#form));
    return 'refuse';
  }

  #refuseBody(request: CheckedRequest, tenant: Tenant, reason: Reason, why: Sentence): CheckOutcome {
    const refusal = this.#parts.enforcer.refuse(tenant, reason, why);
    return this.#refuse(request, tenant, refusal, undefined, tenant.mode === 'shadow');
  }

  /** Not the sender's mistake but that of a setting of Envoy: the sentence names it. */
  #refuseBodyState(
    request: CheckedRequest,
    { tenant }: Admitted,
    state: Exclude<BodyState, 'whole'>,
  ): CheckOutcome {
    if (this.#parts.options.onBody[state] === 'pass') return this.#pass('unjudged', tenant.whole);
    return this.#refuseBody(request, tenant, ...BODY_STATE_REFUSALS[state]);
  }

  /** The message was never complete, so the tenant is unknown. */
  #refuseMessage(fault: MessageFault): CheckOutcome {
    const { budget, options } = this.#parts;
    switch (fault) {
      case 'aborted':
        return 'cancelled';
      case 'too_large':
        return this.#refuseUnattributed('edge_body_too_large', bodyTooLarge(options.maxBodyBytes));
      case 'over_budget':
        return this.#refuseUnattributed('edge_overloaded', edgeOverloaded(budget.used, budget.capacity));
      case 'timeout':
        this.#late = true;
        return this.#refuseUnattributed('edge_incomplete_body', checkIncomplete());
      default:
        this.#call.failRead(fault);
        return 'invalid';
    }
  }

  #refuseUnattributed(reason: Reason, why: Sentence): CheckOutcome {
    const { enforcer, observer } = this.#parts;
    const refusal = enforcer.refuseUnattributed(reason, why);
    const shadow = enforcer.mode !== 'enforce';
    observer.refused(undefined, refusal, '', shadow);
    if (shadow) return this.#pass('shadow', '');
    const denied = { verdict: 'refuse', tenant: '', items: 0, push: undefined } as const;
    this.#call.reply(encodeDenied(denied, refusal, undefined, NOTHING, this.#form));
    return 'refuse';
  }

  #cancelled(admission?: Admitted, accepted?: Charge): CheckOutcome {
    const { enforcer, options } = this.#parts;
    if (admission !== undefined) {
      enforcer.giveBack(options.charge ? admission : { ...admission, requests: 0 }, accepted);
    }
    this.#call.fail(GRPC.DEADLINE_EXCEEDED, 'the deadline is over');
    return 'cancelled';
  }

  /** Envoy may leave before the answer arrives. */
  #giveBackUnlessDelivered(admission: Admitted, accepted: Charge): void {
    this.#call.onClose((delivered) => {
      if (!delivered) this.#parts.enforcer.giveBack(admission, accepted);
    });
  }
}

const BODY_STATE_REFUSALS: Record<Exclude<BodyState, 'whole'>, readonly [Reason, Sentence]> = {
  partial: ['edge_partial_body', bodyPartial()],
  missing: ['edge_body_not_sent', bodyNotSent()],
  text: ['edge_body_not_sent', bodySentAsText()],
};
