/**
 * One call of Envoy's ratelimit filter: each descriptor names a bucket of a tenant and how much to take. The call takes all
 * or nothing, from the same buckets as the other doors.
 */
import type { Enforcer } from '../../../enforce/enforcer.js';
import type { BucketKind } from '../../../enforce/ledger.js';
import type { LimitedBucket } from '../../../enforce/limited-bucket.js';
import type { Refusal } from '../../../enforce/refusal.js';
import { ratelimitCallTooLarge, type Sentence } from '../../../enforce/sentences.js';
import { Tenant } from '../../../enforce/tenant.js';
import type { ByteBudget } from '../../body.js';
import { type RetryAfterOptions, withRetryAfter } from '../../retry-after.js';
import { GRPC, type GrpcCall } from '../grpc/grpc-call.js';
import { type RateLimitDescriptor, type RateLimitRequest, rateLimitRequest } from '../grpc/messages.js';
import type { DescriptorOutcome, Drawn } from './drawn.js';
import type { OverrideBuckets } from './override-buckets.js';
import { encodeAnswer, encodeRefusal } from './ratelimit-response.js';

export interface RateLimitOptions {
  /** Requests for other domains are unknown. */
  readonly domains: ReadonlySet<string>;
  /** The keys of the descriptor entries that name the tenant and the bucket. */
  readonly tenantKey: string;
  readonly bucketKey: string;
  /** What happens to descriptors that name no bucket of a tenant. */
  readonly unknown: 'allow' | 'refuse';
  /** RateLimit-* headers for the client. */
  readonly headers: boolean;
  readonly retryAfter: RetryAfterOptions;
}

interface RateLimitObserver {
  /** In seconds. */
  rateLimited(seconds: number): void;
  descriptor(outcome: DescriptorOutcome): void;
  /** `shadow`: the request went on all the same. */
  refused(tenant: Tenant | undefined, refusal: Refusal, requestId: string, shadow: boolean): void;
}

export interface RateLimitParts {
  readonly enforcer: Enforcer;
  /** Undefined: a descriptor's own limit is ignored. */
  readonly overrides: OverrideBuckets | undefined;
  readonly budget: ByteBudget;
  readonly observer: RateLimitObserver;
  readonly now: () => number;
  readonly options: RateLimitOptions;
}

/** What one descriptor asks for. */
interface Want {
  readonly tenant: Tenant;
  readonly limited: LimitedBucket;
  /** 0 only asks whether one token is left. */
  readonly n: number;
  /** Tokens for each. */
  readonly price: number;
}

/** More than Envoy's default limit for the headers of a request. */
const MAX_REQUEST_BYTES = 64 * 1024;
const MAX_DESCRIPTORS = 1000;
const BUCKETS: ReadonlySet<string> = new Set<BucketKind>(['requests', 'items', 'bytes']);

export async function rateLimit(parts: RateLimitParts, call: GrpcCall): Promise<void> {
  const startMs = parts.now();
  const message = await call.read(MAX_REQUEST_BYTES, parts.budget);
  if (message === 'too_large')
    return refuseCall(parts, call, ratelimitCallTooLarge(MAX_REQUEST_BYTES, 'bytes'));
  if (typeof message === 'string') return call.failRead(message);
  const request = rateLimitRequest.decode(message);
  if (request === undefined) return call.fail(GRPC.INVALID_ARGUMENT, 'expected a RateLimitRequest');
  if (call.isOver) return call.fail(GRPC.DEADLINE_EXCEEDED, 'the deadline is over');
  if (request.descriptors.length > MAX_DESCRIPTORS) {
    return refuseCall(parts, call, ratelimitCallTooLarge(MAX_DESCRIPTORS, 'descriptors'));
  }
  await new RateLimitExchange(parts, call).handle(request);
  parts.observer.rateLimited((parts.now() - startMs) / 1000);
}

/** Senders can influence the size of a call, and Envoy lets pass what ends in an error. */
function refuseCall({ enforcer, observer }: RateLimitParts, call: GrpcCall, why: Sentence): void {
  const refusal = enforcer.refuseUnattributed('edge_request_too_large', why);
  const shadow = enforcer.mode !== 'enforce';
  observer.descriptor(shadow ? 'shadow' : 'invalid');
  observer.refused(undefined, refusal, '', shadow);
  call.reply(shadow ? encodeAnswer([], false) : encodeRefusal(refusal));
}

class RateLimitExchange {
  readonly #parts: RateLimitParts;
  readonly #call: GrpcCall;
  /** Taken, and kept if nothing is refused. */
  readonly #taken: Want[] = [];

  constructor(parts: RateLimitParts, call: GrpcCall) {
    this.#parts = parts;
    this.#call = call;
  }

  async handle(request: RateLimitRequest): Promise<void> {
    const { enforcer, now, options } = this.#parts;
    const wants = request.descriptors.map((descriptor) => this.#wanted(request, descriptor));
    const refusals = new Map<Want, Refusal>();
    for (const want of wants) {
      if (!isWant(want)) continue;
      const { tenant, limited, n, price } = want;
      const drawing = enforcer.draw(tenant, limited, Math.max(1, n), price);
      const refusal = drawing instanceof Promise ? await drawing : drawing;
      if (refusal !== undefined) refusals.set(want, refusal);
      else if (n === 0) limited.bucket.giveBack(price, now());
      else this.#taken.push(want);
    }
    const drawn = wants.map((want) => (isWant(want) ? this.#drawn(want, refusals.get(want)) : want));
    const lost = drawn.find(({ refusal }) => refusal?.reason === 'edge_state_lost');
    const refused = drawn.some((one) => one.refused);
    if (lost !== undefined || refused || this.#call.isOver) this.#giveBack();
    for (const { outcome } of drawn) this.#parts.observer.descriptor(outcome);
    // The limit is unknown: Envoy applies its failure mode.
    if (lost?.refusal !== undefined) return this.#call.fail(GRPC.UNAVAILABLE, lost.refusal.message);
    if (this.#call.isOver) return this.#call.fail(GRPC.DEADLINE_EXCEEDED, 'the deadline is over');
    this.#call.onClose((delivered) => {
      if (!delivered) this.#giveBack();
    });
    this.#call.reply(encodeAnswer(drawn, options.headers));
  }

  #wanted({ domain, hitsAddend }: RateLimitRequest, descriptor: RateLimitDescriptor): Want | Drawn {
    const { enforcer, overrides, now, options } = this.#parts;
    const kind = entry(descriptor, options.bucketKey) ?? 'requests';
    const name = entry(descriptor, options.tenantKey);
    if (!options.domains.has(domain) || name === undefined || !isBucket(kind)) {
      return drawnFromNone('unknown', options.unknown === 'refuse', undefined);
    }
    const tenant = enforcer.tenant(name);
    if (!(tenant instanceof Tenant)) return this.#invalid(tenant);
    if (tenant.mode === 'off') return drawnFromNone('unlimited', false, undefined);
    const whose = kind === 'items' ? tenant.id : tenant.whole;
    const own = descriptor.limit && overrides?.bucket(whose, kind, descriptor.limit, now());
    const limited = own ?? tenant[kind];
    return limited === undefined
      ? drawnFromNone('unlimited', false, undefined)
      : { tenant, limited, n: hits(descriptor) ?? (hitsAddend || 1), price: tenant.price };
  }

  /** Refused whatever the setting: Mimir would take some of these names for a tenant's if the edge let them pass. */
  #invalid(refusal: Refusal): Drawn {
    const shadow = this.#parts.enforcer.mode !== 'enforce';
    this.#parts.observer.refused(undefined, refusal, '', shadow);
    return drawnFromNone(shadow ? 'shadow' : 'invalid', !shadow, refusal);
  }

  #drawn({ tenant, limited, price }: Want, unanswered: Refusal | undefined): Drawn {
    const { enforcer, observer, now, options } = this.#parts;
    // Envoy does not say which attempt it is.
    const refusal = unanswered && withRetryAfter(unanswered, undefined, options.retryAfter);
    const shadow = refusal !== undefined && enforcer.refused(tenant, refusal);
    if (refusal !== undefined) observer.refused(tenant, refusal, '', shadow);
    return {
      outcome: refusal === undefined ? 'ok' : shadow ? 'shadow' : 'over_limit',
      refused: refusal !== undefined && !shadow,
      refusal: shadow ? undefined : refusal,
      from: { limited, left: limited.bucket.left(now()) / price },
    };
  }

  #giveBack(): void {
    for (const { limited, n, price } of this.#taken.splice(0)) {
      limited.bucket.giveBack(n * price, this.#parts.now());
    }
  }
}

function isWant(one: Want | Drawn): one is Want {
  return 'limited' in one;
}

function drawnFromNone(outcome: DescriptorOutcome, refused: boolean, refusal: Refusal | undefined): Drawn {
  return { outcome, refused, refusal, from: undefined };
}

function isBucket(text: string): text is BucketKind {
  return BUCKETS.has(text);
}

function entry({ entries }: RateLimitDescriptor, key: string): string | undefined {
  return entries.find((one) => one.key === key)?.value;
}

/** Undefined: the descriptor has none of its own. */
function hits({ hitsAddend }: RateLimitDescriptor): number | undefined {
  const value = hitsAddend?.value;
  return typeof value === 'object' ? value.toNumber() : value;
}
