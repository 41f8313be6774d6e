/**
 * The standing of every tenant, recomputed periodically, or for a single tenant as soon as its limits change. It yields
 * between tenants, and pauses unless somebody waits, so that no push is delayed.
 */
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { TenantLimits } from '../limits/limits.js';
import type { UsageHistory } from '../usage/usage-record.js';
import type { Budget } from './budget.js';
import { type Policy, policyFor } from './policy.js';
import type { PriceList } from './price.js';
import { type Standing, standingOf } from './standing.js';

/** Provides the histories. */
export interface Histories {
  tenants(): Promise<readonly string[]>;
  /** Empty: nothing is known of the tenant. */
  history(tenant: string): Promise<UsageHistory>;
}

export interface AdvisorOptions {
  readonly histories: Histories;
  readonly policies: readonly Policy[];
  readonly prices: PriceList;
  readonly budgets: readonly Budget[];
  readonly distributors: number;
  /** A tenant's current limits, and whether a document names it. */
  readonly limitsOf: (tenant: string) => { readonly limits: TenantLimits; readonly named: boolean };
  /** Tenants that a document names, with or without a history. */
  readonly named: () => Iterable<string>;
  readonly nowMs: () => number;
}

/** Older results are recomputed, and meanwhile still returned. */
const FRESH_MS = 10 * 60_000;
/** The interval when nobody looks: a month of history changes little in an hour. */
const BACKGROUND_MS = 60 * 60_000;
const PAUSE_MS = 20;
/** Names in histories that are not tenants. */
const NO_TENANTS: readonly string[] = [NO_TENANT, OTHER_TENANTS];

export class Advisor {
  readonly #options: AdvisorOptions;
  #standings = new Map<string, Standing>();
  #atMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;
  /** Somebody waits, so there are no pauses. */
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

  /** When all tenants were last computed; undefined: not yet. */
  get atMs(): number | undefined {
    return Number.isFinite(this.#atMs) ? this.#atMs : undefined;
  }

  /** The last results, in order of ids. */
  get known(): ReadonlyMap<string, Standing> {
    return this.#standings;
  }

  /** Results of the last minutes; if there are none yet, waits for them. */
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

  /** For metrics: call often; it only works when it is due. Rejects when histories can not be read. */
  async keepUp(): Promise<void> {
    if (this.#age() >= BACKGROUND_MS) await this.#work();
  }

  #age(): number {
    return this.#options.nowMs() - this.#atMs;
  }

  /** One run at a time. */
  #work(): Promise<void> {
    this.#underWay ??= this.#workOut().finally(() => {
      this.#underWay = undefined;
      this.#isAwaited = false;
    });
    return this.#underWay;
  }

  /** One tenant, computed now. Undefined: no document names it, and it has no history. */
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
