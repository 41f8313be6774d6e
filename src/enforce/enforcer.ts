/**
 * Where pushes are judged, as the doors see it. A door calls `admit` before it reads a body, `judge` with the decoded body,
 * and `giveBack` when an accepted push did not reach Mimir. The checks run in Mimir's order.
 *
 * Answers are synchronous unless the store has to be asked (an empty lease, an unknown HA pair); then they are promises,
 * which never reject.
 */
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import type { HaLabels, Push } from '../payload/push.js';
import { ACCEPT_UNCHARGED, conclude, countRefusal } from './conclude.js';
import { askFor, giveBackCharge, take } from './draw.js';
import { judge } from './judge.js';
import { beginJudgement, type JudgeParts, type SeriesNamer } from './judgement.js';
import type { LimitedBucket } from './limited-bucket.js';
import { type AdmittedParts, NO_PRICE } from './panic.js';
import type { Reason } from './reasons.js';
import { type Refusal, refuse } from './refusal.js';
import { refuseForPanic, refusePush } from './refusals.js';
import { pushRefused, type Sentence } from './sentences.js';
import { Tally } from './tally.js';
import { Tenant } from './tenant.js';
import { type RegistryOptions, TenantRegistry } from './tenant-registry.js';
import type { Tenants } from './tenants.js';
import type { Admission, Admitted, Charge, Verdict } from './verdict.js';
import { whenAnswered } from './when-answered.js';

export interface EnforcerOptions extends RegistryOptions, Omit<JudgeParts, 'nameSeries'> {}

export class Enforcer {
  /** The tenants in memory. */
  readonly tenants: Tenants;
  /** Pushes without a tenant, or with one that may not send. */
  readonly unattributed = new Tally();
  readonly #options: EnforcerOptions;
  readonly #registry: TenantRegistry;
  readonly #parts: JudgeParts;

  constructor(options: EnforcerOptions, nameSeries: SeriesNamer) {
    this.#options = options;
    this.#registry = new TenantRegistry(options);
    this.tenants = this.#registry.held;
    const { now, wallNow, random, overLimit, dropDuplicates, usageTracker } = options;
    this.#parts = { now, wallNow, random, nameSeries, overLimit, dropDuplicates, usageTracker };
  }

  get snapshot(): Snapshot {
    return this.#registry.snapshot;
  }

  get mode(): Mode {
    return this.#registry.mode;
  }

  /** Replaces all limits at once, of tenants in memory and of those to come. */
  apply(snapshot: Snapshot): void {
    this.#registry.apply(snapshot, this.#options.now());
  }

  setMode(mode: Mode): void {
    this.#registry.setMode(mode, this.#options.now());
  }

  /** Which part of its rates a tenant may use, by priority. */
  get admitted(): AdmittedParts {
    return this.#registry.admitted;
  }

  setAdmitted(admitted: AdmittedParts): void {
    this.#registry.setAdmitted(admitted);
  }

  /** A tenant's limits and mode, whether or not it is in memory. */
  effective(id: string): { readonly limits: TenantLimits; readonly mode: Mode } {
    return this.#registry.effective(id);
  }

  /** Before the body: is there a tenant, is it known, and may it send another request? */
  admit(name = ''): Admission | Promise<Admission> {
    const nowMs = this.#options.now();
    // Nearly always the name is the id of a tenant in memory.
    const tenant = this.tenants.use(name, nowMs);
    return tenant === undefined ? this.#admitNew(name, nowMs) : this.#admitTenant(tenant, nowMs);
  }

  /**
   * After the body: may its content pass? Takes all that the push costs, or nothing. `indivisible`: the door can not leave
   * single series out. `nowMs` may be passed if the clock has just been read.
   */
  judge(
    tenant: Tenant,
    push: Push,
    indivisible = false,
    nowMs = this.#options.now(),
  ): Verdict | Promise<Verdict> {
    tenant.tally.received(push);
    if (tenant.mode === 'off') {
      tenant.tally.accepted++;
      return ACCEPT_UNCHARGED;
    }
    const judgement = beginJudgement(tenant, push, indivisible, nowMs, this.#parts);
    if (judgement.price !== NO_PRICE) return judge(judgement);
    return conclude(judgement, this.#refuseForPanic(tenant, NO_PRICE));
  }

  /** The push did not reach Mimir. The sender will retry, and pays then. */
  giveBack({ tenant, requests }: Admitted, charge: Charge | undefined): void {
    const nowMs = this.#options.now();
    if (requests > 0) tenant.requests?.bucket.giveBack(requests, nowMs);
    if (charge !== undefined) giveBackCharge(tenant, charge, nowMs);
  }

  /** Mimir took the push for a duplicate: it costs nothing, and Mimir's election overrules ours. */
  deduplicated(tenant: Tenant, ha: HaLabels, charge: Charge): void {
    const nowMs = this.#options.now();
    giveBackCharge(tenant, charge, nowMs);
    tenant.elections.resign(ha, nowMs);
  }

  /** A door refuses for a reason of its own, for example a body that does not decode. */
  refuse(tenant: Tenant, reason: Reason, why: Sentence, waitSeconds = 1): Refusal {
    if (tenant.mode === 'shadow') tenant.tally.shadow(reason, undefined);
    else tenant.tally.refuse(reason, undefined);
    return refusePush(tenant, reason, why, { waitSeconds, random: this.#options.random() });
  }

  /** The same without a known tenant; the global mode applies. */
  refuseUnattributed(reason: Reason, why: Sentence): Refusal {
    this.unattributed.requests++;
    if (this.mode === 'enforce') this.unattributed.refuse(reason, undefined);
    else this.unattributed.shadow(reason, undefined);
    return refuse(reason, pushRefused(undefined, why));
  }

  /** The tenant of a charge without a push, by the value of its header; or a refusal. */
  tenant(name: string): Tenant | Refusal {
    const nowMs = this.#options.now();
    const tenant = this.tenants.use(name, nowMs) ?? this.#registry.resolve(name, nowMs);
    if (!(tenant instanceof Tenant)) return this.refuseUnattributed(tenant.reason, tenant.why);
    return this.#registry.ready(tenant, nowMs);
  }

  /**
   * Takes the cost of n from one of the tenant's buckets, or from one in place of it. A refusal is not counted yet: the
   * door may still refund other draws, and then calls `refused`.
   */
  draw(
    tenant: Tenant,
    limited: LimitedBucket,
    n: number,
    price = tenant.price,
  ): Refusal | undefined | Promise<Refusal | undefined> {
    const { now, random } = this.#options;
    const nowMs = now();
    if (price === NO_PRICE) return this.#refuseForPanic(tenant, price);
    return take(limited, n, price, nowMs) ? undefined : askFor(n, price, limited, tenant, nowMs, random);
  }

  /** Counts a refusal by `draw`. Returns true in shadow mode, in which it is only counted. */
  refused(tenant: Tenant, refusal: Refusal): boolean {
    return countRefusal(tenant, refusal);
  }

  #admitNew(name: string, nowMs: number): Admission | Promise<Admission> {
    const tenant = this.#registry.resolve(name, nowMs);
    if (tenant instanceof Tenant) return this.#admitTenant(tenant, nowMs);
    return { ...this.refuseUnattributed(tenant.reason, tenant.why), tenant: undefined };
  }

  #admitTenant(tenant: Tenant, nowMs: number): Admission | Promise<Admission> {
    tenant.tally.requests++;
    if (tenant.isPart) this.#registry.ready(tenant, nowMs);
    const { requests: limited, price } = tenant;
    if (tenant.mode === 'off') return admitted(tenant, 0);
    if (price === NO_PRICE) return this.#admitNone(tenant);
    if (limited === undefined) return admitted(tenant, 0);
    if (take(limited, 1, price, nowMs)) return admitted(tenant, price);
    return this.#askToAdmit(tenant, limited, nowMs);
  }

  #askToAdmit(tenant: Tenant, limited: LimitedBucket, nowMs: number): Admission | Promise<Admission> {
    const { price } = tenant;
    return whenAnswered(askFor(1, price, limited, tenant, nowMs, this.#options.random), (refusal) =>
      refusal === undefined ? admitted(tenant, price) : this.#refuseUnlessShadow(tenant, refusal),
    );
  }

  /** In shadow mode the refusal is counted when the push is judged. */
  #admitNone(tenant: Tenant): Admission {
    if (tenant.mode === 'shadow') return admitted(tenant, 0);
    return this.#refuseUnlessShadow(tenant, this.#refuseForPanic(tenant, NO_PRICE));
  }

  /** In shadow mode the request is admitted all the same. */
  #refuseUnlessShadow(tenant: Tenant, refusal: Refusal): Admission {
    return countRefusal(tenant, refusal) ? admitted(tenant, 0, refusal) : { ...refusal, tenant };
  }

  #refuseForPanic(tenant: Tenant, price: number): Refusal {
    return refuseForPanic(tenant, price, Number.POSITIVE_INFINITY, this.#options.random());
  }
}

function admitted(tenant: Tenant, requests: number, shadowed?: Refusal): Admitted {
  return { kind: 'admitted', tenant, requests, shadowed };
}
