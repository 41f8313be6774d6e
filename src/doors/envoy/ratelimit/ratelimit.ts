/**
 * One call of Envoy's ratelimit filter: each descriptor names a bucket of a tenant and how much to take from it. The
 * call takes all or nothing. What is charged here is charged to the same buckets as by the other doors.
 */
import type { Allowance } from '../../../enforce/bucket-shapes.js';
import type { Enforcer } from '../../../enforce/enforcer.js';
import type { BucketKind } from '../../../enforce/ledger.js';
import type { Refusal } from '../../../enforce/refusal.js';
import type { Purse, Tenant } from '../../../enforce/tenant.js';
import { GRPC, type GrpcCall } from '../grpc/grpc-call.js';
import { type RateLimitDescriptor, type RateLimitRequest, rateLimitRequest } from '../grpc/messages.js';
import type { OverrideBuckets } from './override-buckets.js';
import { encodeAnswer } from './ratelimit-response.js';

export interface RateLimitOptions {
  /** Requests of other domains are unknown. */
  readonly domains: ReadonlySet<string>;
  /** The keys of the descriptor entries that name the tenant and the bucket. */
  readonly tenantKey: string;
  readonly bucketKey: string;
  /** What becomes of descriptors that name no bucket of a tenant. */
  readonly unknown: 'allow' | 'refuse';
  /** RateLimit-* headers for the client. */
  readonly headers: boolean;
}

export type DescriptorOutcome = 'ok' | 'over_limit' | 'shadow' | 'unlimited' | 'unknown';

export const DESCRIPTOR_OUTCOMES = [
  'ok',
  'over_limit',
  'shadow',
  'unlimited',
  'unknown',
] as const satisfies DescriptorOutcome[];

export interface RateLimitObserver {
  /** In seconds. */
  rateLimited(seconds: number): void;
  descriptor(outcome: DescriptorOutcome): void;
  /** `shadow`: the request went on all the same. */
  refused(tenant: Tenant, refusal: Refusal, requestId: string, shadow: boolean): void;
}

export interface RateLimitParts {
  readonly enforcer: Enforcer;
  /** Undefined: a descriptor's own limit is passed over. */
  readonly overrides: OverrideBuckets | undefined;
  readonly observer: RateLimitObserver;
  readonly now: () => number;
  readonly options: RateLimitOptions;
}

/** What one descriptor wants. */
interface Want {
  readonly tenant: Tenant;
  readonly kind: BucketKind;
  readonly purse: Purse;
  /** 0 only looks: is there one token left? */
  readonly n: number;
}

/** What became of one descriptor. */
export interface Drawn {
  readonly outcome: DescriptorOutcome;
  readonly kind: BucketKind | undefined;
  readonly allowance: Allowance | undefined;
  readonly left: number;
  readonly refusal: Refusal | undefined;
}

const MAX_REQUEST_BYTES = 64 * 1024;
const BUCKETS: ReadonlySet<string> = new Set<BucketKind>(['requests', 'items', 'bytes']);

export async function rateLimit(parts: RateLimitParts, call: GrpcCall): Promise<void> {
  const startMs = parts.now();
  const message = await call.read(MAX_REQUEST_BYTES, () => true);
  if (typeof message === 'string') return call.failRead(message);
  const request = rateLimitRequest.decode(message);
  if (request === undefined) return call.fail(GRPC.INVALID_ARGUMENT, 'expected a RateLimitRequest');
  if (call.cancelled) return call.fail(GRPC.DEADLINE_EXCEEDED, 'the deadline is over');
  await new RateLimitExchange(parts, call).handle(request);
  parts.observer.rateLimited((parts.now() - startMs) / 1000);
}

class RateLimitExchange {
  readonly #parts: RateLimitParts;
  readonly #call: GrpcCall;
  /** What was taken and is kept if nothing is refused. */
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
      if (typeof want === 'string') continue;
      const { tenant, kind, purse, n } = want;
      const drawing = enforcer.draw(tenant, kind, purse, Math.max(1, n), now());
      const refusal = drawing instanceof Promise ? await drawing : drawing;
      if (refusal !== undefined) refusals.set(want, refusal);
      else if (n === 0) purse.bucket.giveBack(1, now());
      else this.#taken.push(want);
    }
    const drawn = wants.map((want) => this.#outcome(want, refusals));
    const lost = drawn.find(({ refusal }) => refusal?.reason === 'edge_state_lost');
    const overLimit = drawn.some(({ outcome }) => outcome === 'over_limit' || this.#refuses(outcome));
    if (lost !== undefined || overLimit || this.#call.cancelled) this.#giveBack();
    for (const { outcome } of drawn) this.#parts.observer.descriptor(outcome);
    // Nothing is known of the limit: Envoy does as its failure mode says.
    if (lost?.refusal !== undefined) return this.#call.fail(GRPC.UNAVAILABLE, lost.refusal.message);
    if (this.#call.cancelled) return this.#call.fail(GRPC.DEADLINE_EXCEEDED, 'the deadline is over');
    this.#call.onClose((delivered) => {
      if (!delivered) this.#giveBack();
    });
    this.#call.reply(encodeAnswer(drawn, overLimit, options));
  }

  #wanted(
    { domain, hitsAddend }: RateLimitRequest,
    descriptor: RateLimitDescriptor,
  ): Want | 'unknown' | 'unlimited' {
    const { enforcer, overrides, now, options } = this.#parts;
    if (!options.domains.has(domain)) return 'unknown';
    const kind = entry(descriptor, options.bucketKey) ?? 'requests';
    const id = entry(descriptor, options.tenantKey);
    if (id === undefined || !isBucket(kind)) return 'unknown';
    const tenant = enforcer.tenant(id, now());
    if (tenant === undefined) return 'unknown';
    if (tenant.mode === 'off') return 'unlimited';
    const own = descriptor.limit && overrides?.purse(tenant.id, kind, descriptor.limit, now());
    const purse = own ?? tenant[kind];
    return purse === undefined
      ? 'unlimited'
      : { tenant, kind, purse, n: hits(descriptor) ?? (hitsAddend || 1) };
  }

  #outcome(want: Want | 'unknown' | 'unlimited', refusals: ReadonlyMap<Want, Refusal>): Drawn {
    if (typeof want === 'string') {
      return { outcome: want, kind: undefined, allowance: undefined, left: 0, refusal: undefined };
    }
    const { enforcer, observer, now } = this.#parts;
    const { tenant, kind, purse } = want;
    const refusal = refusals.get(want);
    const shadow = refusal !== undefined && enforcer.refused(tenant, refusal);
    if (refusal !== undefined) observer.refused(tenant, refusal, '', shadow);
    return {
      outcome: refusal === undefined ? 'ok' : shadow ? 'shadow' : 'over_limit',
      kind,
      allowance: purse.allowance,
      left: purse.bucket.left(now()),
      refusal: shadow ? undefined : refusal,
    };
  }

  #refuses(outcome: DescriptorOutcome): boolean {
    return outcome === 'unknown' && this.#parts.options.unknown === 'refuse';
  }

  #giveBack(): void {
    for (const { purse, n } of this.#taken.splice(0)) purse.bucket.giveBack(n, this.#parts.now());
  }
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
