/**
 * One push through the inline proxy, from tenant to answer, in the order of docs/architecture.md. This is the hot
 * path: `handle` reads top to bottom, and every refusal is an early return.
 */

import { UNCHARGED } from '../../enforce/conclude.js';
import type { Enforcer } from '../../enforce/enforcer.js';
import type { Reason } from '../../enforce/reasons.js';
import type { Refusal } from '../../enforce/refusal.js';
import {
  bodyTooLarge,
  bodyTooLate,
  decoderLost,
  type Sentence,
  upstreamFull,
} from '../../enforce/sentences.js';
import type { Tenant } from '../../enforce/tenant.js';
import type { Admitted, Charge, Filtered } from '../../enforce/verdict.js';
import { type Broken, type Decoder, type Lost, type Replicas, replicasOf } from '../../payload/push.js';
import type { Source } from '../../payload/source.js';
import { type PushUnderWay, weightOf } from '../../upstream/admission.js';
import type { Entry, Sender, Turn } from '../../upstream/fair-queue.js';
import type { Upstream } from '../../upstream/upstream.js';
import { type Body, type BodyFault, readBody } from '../body.js';
import { decodeBody } from '../decode-body.js';
import { type DecodeSettings, decodeOptions } from '../decode-options.js';
import { otlpAnswerForm } from '../otlp-format.js';
import type { ProtocolLabel } from '../push-metrics.js';
import { isUnreadable, protocolLabel, readAs, senderProtocolOf } from '../read-as.js';
import { NOTHING, tooLarge, undecodedBody, type Written, writtenOf } from '../refusal-answer.js';
import { type RetryAfterOptions, withRetryAfter } from '../retry-after.js';
import type { SenderPlace, SenderProtocol, Senders } from '../senders.js';
import type { SharedBudget } from '../shared-budget.js';
import type { WriteRoute } from '../write-paths.js';
import type { Caller } from './caller.js';
import { upstreamHeaders } from './forwarded-headers.js';
import { HeldBytes } from './held-bytes.js';
import { tookNothing } from './mimir-took.js';
import { Relay, type RelayHost, type RelayObserver } from './relay.js';
import { answerDuplicate, answerRefusal, type PartialAnswer } from './respond.js';

export interface PushOptions extends DecodeSettings {
  /** Lower case. */
  readonly tenantHeader: string;
  readonly maxBodyBytes: number;
  /** A body must be whole by then. */
  readonly bodyTimeoutMs: number;
  readonly upstreamHeadersTimeoutMs: number;
  readonly upstreamBodyTimeoutMs: number;
  readonly retryAfter: RetryAfterOptions;
}

/** What the proxy reports while it works. Times in seconds. */
export interface PushObserver extends RelayObserver {
  decoded(seconds: number, protocol: ProtocolLabel): void;
  decided(seconds: number): void;
  /** Decoded and judged now, and written anew where some of it may not pass; waiting included, but for its body and for Mimir. */
  ownPartDone(seconds: number, nowMs: number): void;
  /** `shadow`: the push went on all the same. */
  refused(tenant: Tenant | undefined, refusal: Refusal, requestId: string, shadow: boolean): void;
}

export interface PushParts {
  readonly enforcer: Enforcer;
  readonly decoder: Decoder;
  readonly upstream: Upstream;
  readonly budget: SharedBudget;
  readonly observer: PushObserver;
  readonly senders: Senders;
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number;
  readonly options: PushOptions;
}

/**
 * `unread`: the push is none of the edge's business, and its body still to come. `sent`: it is on its way to the upstream, and
 * ends by itself.
 */
export type PushOutcome = 'answered' | 'unread' | 'sent';

/** What goes to the upstream, and what is to be known when it answers. */
interface Delivery {
  readonly admission: Admitted;
  readonly charge: Charge;
  readonly body: Pick<Body, 'chunks' | 'headRoom'>;
  readonly replicas: Replicas;
  /** Some series were left out: the body was written anew. */
  readonly partial: PartialAnswer | undefined;
}

export class PushExchange implements RelayHost {
  readonly #parts: PushParts;
  readonly #caller: Caller;
  readonly #requestId: string;
  readonly #route: WriteRoute;
  readonly #held: HeldBytes;
  readonly #ended: () => void;
  #isOver = false;
  /** Whole, and read by nobody but this. */
  #body: Body | undefined;
  /** The body while the upstream's connection may read it, too. */
  #bodyUnderWay: Body | undefined;
  #delivery: Delivery | undefined;
  #underWay: PushUnderWay | undefined;
  /** Undefined: it named no tenant that may send. */
  #sender: SenderPlace | undefined;
  /** What a Remote Write 2.0 sender is told of it. */
  #written: Written = NOTHING;

  /** `ended` is called once, when nothing more will happen. */
  constructor(parts: PushParts, caller: Caller, requestId: string, route: WriteRoute, ended: () => void) {
    this.#parts = parts;
    this.#caller = caller;
    this.#requestId = requestId;
    this.#route = route;
    this.#held = new HeldBytes(parts.budget, caller.remoteAddress);
    this.#ended = ended;
  }

  /** To be called where the push was not sent, whatever became of it. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#underWay?.ended();
    this.#release();
    this.#ended();
  }

  #release(): void {
    this.#body?.release();
    this.#body = undefined;
    this.#held.releaseTo(0);
  }

  async handle(): Promise<PushOutcome> {
    if (this.#route === 'otlp') this.#caller.answerForm = otlpAnswerForm(this.#caller.header('content-type'));
    const { enforcer, observer, now, options } = this.#parts;
    const admitting = enforcer.admit(this.#caller.header(options.tenantHeader));
    const waitedFromMs = admitting instanceof Promise ? now() : 0;
    const admission = admitting instanceof Promise ? await admitting : admitting;
    const waitedMs = admitting instanceof Promise ? now() - waitedFromMs : 0;
    if (admission.kind === 'refuse') {
      if (admission.tenant !== undefined) this.#countSender(admission.tenant);
      const shadow = admission.tenant === undefined && enforcer.mode !== 'enforce';
      return this.#refuse(admission.tenant, admission, shadow) ? 'answered' : 'unread';
    }
    const { tenant } = admission;
    this.#held.tenant = tenant.whole;
    this.#countSender(tenant);
    if (tenant.mode === 'off') return 'unread';
    if (admission.shadowed !== undefined) this.#refuse(tenant, admission.shadowed, true);

    const how = this.#readAs();
    if (isUnreadable(how)) return this.#refuseUnread(tenant, ...how);
    const declaredBytes = this.#caller.contentLength ?? 0;
    if (declaredBytes > options.maxBodyBytes) {
      return this.#refuseUnread(tenant, tooLarge(how.source), bodyTooLarge(options.maxBodyBytes));
    }
    const held = this.#held;
    if (!held.hasRoomFor(declaredBytes)) return this.#refuseUnread(tenant, held.reason(), held.sentence());

    this.#caller.continue();
    const { maxBodyBytes, bodyTimeoutMs } = options;
    const reading = readBody(this.#caller, maxBodyBytes, bodyTimeoutMs, declaredBytes, held.reserve);
    const body = reading instanceof Promise ? await reading : reading;
    if (typeof body === 'string') return this.#refuseBodyFault(tenant, body, how.source);
    this.#body = body;
    this.#sender?.read(body.byteLength);

    const bodyBytes = held.bytes;
    const decodeStartMs = now();
    // A body decoded inline is a view on the decoder's memory: nothing is awaited before it is judged, and filtered.
    const { decoder } = this.#parts;
    const decoding = decodeBody(
      decoder,
      body.chunks,
      body.byteLength,
      decodeOptions(how, tenant, options),
      held.reserve,
    );
    const decoded = decoding instanceof Promise ? await decoding : decoding;
    if (decoded === 'over_budget') return this.#refuseForGood(tenant, held.reason(), held.sentence());
    const decodeEndMs = now();
    observer.decoded((decodeEndMs - decodeStartMs) / 1000, protocolLabel(how));
    if (decoded.kind !== 'push') {
      observer.ownPartDone((waitedMs + decodeEndMs - decodeStartMs) / 1000, decodeEndMs);
      return this.#refuseUndecoded(admission, decoded, body, how.source);
    }
    if (decoded.protocol === 'rw2') this.#written = writtenOf(decoded, tenant.limits);

    const replicas = replicasOf(decoded);
    const judging = enforcer.judge(tenant, decoded, false, decodeEndMs);
    const verdict = judging instanceof Promise ? await judging : judging;
    const decidedMs = now();
    observer.decided((decidedMs - decodeEndMs) / 1000);
    const ownMs = waitedMs + decidedMs - decodeStartMs;
    if (verdict.kind === 'filter') return this.#forwardPart(admission, verdict, decidedMs - ownMs);
    observer.ownPartDone(ownMs / 1000, decidedMs);
    if (verdict.kind === 'refuse') {
      this.#refuse(tenant, verdict, false);
      return 'answered';
    }
    if (verdict.kind === 'duplicate') {
      answerDuplicate(this.#caller, verdict.message, this.#written);
      return 'answered';
    }
    if (verdict.shadowed !== undefined) this.#refuse(tenant, verdict.shadowed, true);
    held.releaseTo(bodyBytes);
    const delivery = { admission, charge: verdict, body, replicas, partial: undefined };
    const forwarding = this.#forward(delivery, decidedMs);
    // To return a promise is to wait for it three times.
    return forwarding instanceof Promise ? await forwarding : forwarding;
  }

  #readAs(): ReturnType<typeof readAs> {
    const caller = this.#caller;
    if (caller.readAs !== undefined) return caller.readAs;
    const how = readAs(this.#route, {
      target: caller.url,
      contentType: caller.header('content-type'),
      contentEncoding: caller.header('content-encoding'),
    });
    // Line protocol is read with the time of its push.
    if (!isUnreadable(how) && how.source === undefined) caller.readAs = how;
    return how;
  }

  #countSender({ whole, place }: Tenant): void {
    this.#sender = this.#parts.senders.push(this.#caller, whole, place === whole, this);
  }

  /** Asked for where the sender is not known. */
  senderProtocol(): SenderProtocol {
    return senderProtocolOf(this.#readAs());
  }

  /** The body is written anew at once, while its push can still be read. */
  async #forwardPart(admission: Admitted, verdict: Filtered, ownStartMs: number): Promise<PushOutcome> {
    const { enforcer, decoder, observer, now } = this.#parts;
    const { push, leftOut } = verdict;
    const replicas = replicasOf(push);
    const filtering = decoder.filter(push, leftOut.taken);
    const filtered = filtering instanceof Promise ? await filtering : filtering;
    const filteredMs = now();
    observer.ownPartDone((filteredMs - ownStartMs) / 1000, filteredMs);
    if (!(filtered instanceof Uint8Array)) {
      enforcer.giveBack(admission, verdict);
      return this.#refuseForGood(admission.tenant, 'edge_decoder_lost', decoderLost(filtered.message));
    }
    // What came is not needed any more. A sender may have compressed it better than the edge does.
    this.#release();
    const held = this.#held;
    if (!held.reserve(filtered.length)) {
      enforcer.giveBack(admission, verdict);
      return this.#refuseForGood(admission.tenant, held.reason(), held.sentence());
    }
    let { answer } = verdict;
    if (answer.kind === 'refuse') {
      answer = this.#withRetryAfter(answer);
      observer.refused(admission.tenant, answer, this.#requestId, false);
    }
    const delivery = {
      admission,
      charge: verdict,
      body: {
        chunks: [Buffer.from(filtered.buffer, filtered.byteOffset, filtered.length)],
        headRoom: 0,
      },
      replicas,
      partial: { answer, written: this.#written },
    };
    return this.#forward(delivery, filteredMs);
  }

  /** At once, unless it has to wait for its turn. `nowMs`: the time, which has just been read. */
  #forward(delivery: Delivery, nowMs: number): PushOutcome | Promise<PushOutcome> {
    const { upstream, now } = this.#parts;
    if (upstream.admission === undefined) return this.#send(delivery, nowMs);
    let bytes = 0;
    for (const { length } of delivery.body.chunks) bytes += length;
    const items = weightOf(delivery.charge.items, bytes);
    const entering = upstream.admission.enter(senderOf(delivery.admission.tenant), items, bytes);
    return typeof entering === 'object' && 'entry' in entering
      ? this.#turn(entering).then((entry) => this.#enter(entry, delivery, items, now()))
      : this.#enter(entering, delivery, items, nowMs);
  }

  /** A client that goes away makes room for another. */
  #turn({ entry, giveUp }: Turn): Promise<Entry> {
    this.#caller.onGone = giveUp;
    if (this.#caller.isGone) giveUp();
    return entry;
  }

  #enter(entry: Entry, delivery: Delivery, items: number, nowMs: number): PushOutcome {
    const { admission, charge } = delivery;
    if (entry === 'go') {
      this.#underWay = this.#parts.upstream.admission?.begin(items, admission.tenant.place, nowMs);
      return this.#send(delivery, nowMs);
    }
    this.#parts.enforcer.giveBack(admission, charge);
    if (entry === 'gone') return 'answered';
    return this.#refuseForGood(admission.tenant, 'edge_upstream_full', upstreamFull(), entry.againInSeconds);
  }

  #send(delivery: Delivery, nowMs: number): PushOutcome {
    const { observer, now, options, upstream } = this.#parts;
    const { tenant } = delivery.admission;
    this.#delivery = delivery;
    // Until it is sent the upstream's connection reads the body, too.
    this.#bodyUnderWay = this.#body;
    this.#body = undefined;
    const relay = new Relay(this.#caller, observer, now, nowMs, tenant.place, this, delivery.partial);
    const address = upstream.push(
      {
        tenant: tenant.whole,
        place: tenant.place,
        address: this.#held.address,
        method: this.#caller.method,
        path: this.#caller.url,
        headers: upstreamHeaders(this.#caller, options.tenantHeader),
        requestId: this.#requestId,
        body: delivery.body.chunks,
        headRoom: delivery.body.headRoom,
        headersTimeoutMs: options.upstreamHeadersTimeoutMs,
        bodyTimeoutMs: options.upstreamBodyTimeoutMs,
      },
      relay,
      nowMs,
    );
    this.#underWay?.at(address);
    return 'sent';
  }

  /** A status of 0 is none. What Mimir did not take is not charged. */
  answered(status: number, words: string, nowMs: number): void {
    this.#underWay?.answered(status, nowMs);
    if (this.#delivery === undefined) return;
    const { admission, charge, replicas } = this.#delivery;
    if (tookNothing(status, words)) this.#parts.enforcer.giveBack(admission, charge);
    else if (status === 202) this.#deduplicated(admission.tenant, replicas, charge);
  }

  ended(bodySent: boolean): void {
    if (bodySent) this.#body = this.#bodyUnderWay;
    this.#bodyUnderWay = undefined;
    this.end();
  }

  /** Mimir says it of one of them or several: whichever is heard next may be the right one, and it may have taken the rest. */
  #deduplicated(tenant: Tenant, { all, isOne }: Replicas, charge: Charge): void {
    for (const replica of all) this.#parts.enforcer.deduplicated(tenant, replica, isOne ? charge : UNCHARGED);
  }

  /** Answers, unless the refusal is only to be seen (shadow mode). True: answered. */
  #refuse(tenant: Tenant | undefined, found: Refusal, shadow: boolean): boolean {
    const refusal = this.#withRetryAfter(found);
    this.#parts.observer.refused(tenant, refusal, this.#requestId, shadow);
    if (!shadow) this.#sender?.refuse(refusal.retryAfterSeconds);
    if (!shadow) answerRefusal(this.#caller, refusal, this.#written);
    return !shadow;
  }

  #withRetryAfter(refusal: Refusal): Refusal {
    return withRetryAfter(refusal, this.#caller.header('retry-attempt'), this.#parts.options.retryAfter);
  }

  #refuseUnread(tenant: Tenant, reason: Reason, why: Sentence): PushOutcome {
    const refusal = this.#parts.enforcer.refuse(tenant, reason, why);
    return this.#refuse(tenant, refusal, tenant.mode === 'shadow') ? 'answered' : 'unread';
  }

  /** Also in shadow mode: there is nothing that could be passed on. */
  #refuseForGood(tenant: Tenant, reason: Reason, why: Sentence, waitSeconds = 1): PushOutcome {
    this.#refuse(tenant, this.#parts.enforcer.refuse(tenant, reason, why, waitSeconds), false);
    return 'answered';
  }

  /** Half a body can not be passed on. */
  #refuseBodyFault(tenant: Tenant, fault: BodyFault, source: Source | undefined): PushOutcome {
    const { options } = this.#parts;
    if (fault === 'aborted') return 'answered';
    const [reason, why] = {
      too_large: [tooLarge(source), bodyTooLarge(options.maxBodyBytes)] as const,
      over_budget: [this.#held.reason(), this.#held.sentence()] as const,
      timeout: ['edge_incomplete_body', bodyTooLate(options.bodyTimeoutMs)] as const,
    }[fault];
    return this.#refuseForGood(tenant, reason, why);
  }

  /** Bytes that do not decode never reach Mimir, unless the tenant is in shadow mode. */
  #refuseUndecoded(
    admission: Admitted,
    fault: Broken | Lost,
    body: Body,
    source: Source | undefined,
  ): PushOutcome | Promise<PushOutcome> {
    const { tenant } = admission;
    const [reason, why] = undecodedBody(fault, source);
    const refusal = this.#parts.enforcer.refuse(tenant, reason, why);
    if (this.#refuse(tenant, refusal, tenant.mode === 'shadow')) return 'answered';
    const delivery = {
      admission,
      charge: UNCHARGED,
      body,
      replicas: { all: [], isOne: false },
      partial: undefined,
    };
    return this.#forward(delivery, this.#parts.now());
  }
}

/** As whom a tenant waits when Mimir can not take all. */
function senderOf({ whole, place, limits: { edge, ingestion_rate } }: Tenant): Sender {
  return { tenant: whole, place, weight: edge.weight || ingestion_rate || 1, priority: edge.priority };
}
