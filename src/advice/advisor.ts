/**
 * The standing of every tenant, worked out again from time to time, or for a tenant alone as soon as its limits change. Nothing
 * of it stands in a push's way: between tenants others run, and unless somebody waits there are pauses.
 */
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { TenantLimits } from '../limits/limits.js';
import type { UsageHistory } from '../usage/usage-record.js';
import type { Budget } from './budget.js';
import { type Policy, policyFor } from './policy.js';
import type { PriceList } from './price.js';
import { type Standing, standingOf } from './standing.js';

/** Whoever keeps histories. */
export interface Histories {
  tenants(): Promise<readonly string[]>;
  /** Empty: nothing is known of it. */
  history(tenant: string): Promise<UsageHistory>;
}

export interface AdvisorOptions {
  readonly histories: Histories;
  readonly policies: readonly Policy[];
  readonly prices: PriceList;
  readonly budgets: readonly Budget[];
  readonly distributors: number;
  /** In force for a tenant, and whether a document names it. */
  readonly limitsOf: (tenant: string) => { readonly limits: TenantLimits; readonly named: boolean };
  /** Tenants that a document names, whether they have a history or not. */
  readonly named: () => Iterable<string>;
  readonly nowMs: () => number;
}

/** Whoever looks has none that are older, or those that are being replaced. */
const FRESH_MS = 10 * 60_000;
/** Without anybody who looks: what a month brought changes little in an hour. */
const BACKGROUND_MS = 60 * 60_000;
const PAUSE_MS = 20;
/** What histories call those that have no history of their own. */
const NO_TENANTS: readonly string[] = [NO_TENANT, OTHER_TENANTS];

export class Advisor {
  readonly #options: AdvisorOptions;
  #standings = new Map<string, Standing>();
  #atMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;
  /** Somebody waits: no pauses. */
  #isAwaited = false;

  constructor(options: AdvisorOptions) {
    this.#options = options;
  }

  get prices(): PriceList {
    return this.#options.prices;
  }

  get budgets(): readonly Budget[] {
    return this.#options.budgets;
  }

  /** When all were worked out last; undefined: not yet. */
  get atMs(): number | undefined {
    return Number.isFinite(this.#atMs) ? this.#atMs : undefined;
  }

  /** As they were worked out last, in order of ids. */
  get known(): ReadonlyMap<string, Standing> {
    return this.#standings;
  }

  /** As they were some minutes ago; where none are known yet they are worked out first. */
  async all(): Promise<ReadonlyMap<string, Standing>> {
    const working = this.#age() < FRESH_MS ? undefined : this.#work();
    if (this.atMs === undefined) {
      this.#isAwaited = true;
      await working;
    } else {
      working?.catch(() => {});
      await this.#followLimits();
    }
    return this.#standings;
  }

  /** For metrics: to be called often, does something seldom. Rejects when histories can not be read. */
  async keepUp(): Promise<void> {
    if (this.#age() >= BACKGROUND_MS) await this.#work();
  }

  #age(): number {
    return this.#options.nowMs() - this.#atMs;
  }

  /** Once at a time. */
  #work(): Promise<void> {
    this.#underWay ??= this.#workOut().finally(() => {
      this.#underWay = undefined;
      this.#isAwaited = false;
    });
    return this.#underWay;
  }

  /** Of one tenant, now. Undefined: no document names it, and it has no history. */
  async one(tenant: string): Promise<Standing | undefined> {
    const { histories, limitsOf } = this.#options;
    const history = await histories.history(tenant);
    const isKnown = history.hours.length + history.days.length > 0 || limitsOf(tenant).named;
    return isKnown ? this.#standing(history) : undefined;
  }

  async #workOut(): Promise<void> {
    const { histories, named, nowMs } = this.#options;
    const sent = (await histories.tenants()).filter((id) => !NO_TENANTS.includes(id));
    const ids = [...new Set([...sent, ...named()])].sort();
    const standings = new Map<string, Standing>();
    for (const tenant of ids) {
      standings.set(tenant, this.#standing(await histories.history(tenant)));
      await (this.#isAwaited ? setImmediate() : pause(PAUSE_MS, undefined, { ref: false }));
    }
    this.#standings = standings;
    this.#atMs = nowMs();
  }

  async #followLimits(): Promise<void> {
    for (const [tenant, { limits }] of this.#standings) {
      if (this.#options.limitsOf(tenant).limits === limits) continue;
      const standing = await this.one(tenant);
      if (standing === undefined) this.#standings.delete(tenant);
      else this.#standings.set(tenant, standing);
    }
  }

  #standing(history: UsageHistory): Standing {
    const { policies, prices, distributors, limitsOf } = this.#options;
    const { limits, named } = limitsOf(history.tenant);
    const policy = policyFor(policies, history.tenant);
    return standingOf(history, { limits, distributors }, { policy, prices, named });
  }
}
