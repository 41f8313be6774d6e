/**
 * What all replicas together have counted of each tenant, followed step by step as the book is closed: tallies like those of
 * one process, and their history. Of the last hour before this one began, too.
 */
import { messageOf } from '../base/message-of.js';
import { REASON_INDEX, type Reason } from '../enforce/reasons.js';
import { TALLY_NUMBERS, Tally } from '../enforce/tally.js';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { Mode, TenantLimits } from '../limits/limits.js';
import type { UsageStore } from '../shared/usage-store.js';
import { HOUR_STEPS } from './arrival-curve.js';
import { type BookState, emptyState } from './book-state.js';
import { Damaged } from './bytes.js';
import { DISCARD_FIELDS, type FrameEntry, STEP_MS } from './frame.js';
import { unpackFrame } from './frame-codec.js';
import { History } from './history.js';
import { NO_NAMES, Places, type TenantNames } from './places.js';

export interface FleetCountsOptions {
  readonly store: UsageStore;
  /** Of the history. */
  readonly maxBytes: number;
  readonly tenantsMax: number;
  /** Undefined: documents name nobody. */
  readonly names?: () => TenantNames;
  readonly inForce: (tenant: string) => { readonly limits: TenantLimits; readonly mode: Mode };
  readonly now: () => number;
}

/** As long as a tally has them. */
const ALL_COUNTS = Object.keys(REASON_INDEX).length * DISCARD_FIELDS;

export class FleetTenant {
  readonly id: string;
  readonly tally = new Tally();
  series: { active: number; fleet: number | undefined } | undefined;
  /** The step that it was in last. */
  step = 0;
  readonly #inForce: FleetCountsOptions['inForce'];

  constructor(id: string, inForce: FleetCountsOptions['inForce']) {
    this.id = id;
    this.#inForce = inForce;
  }

  get limits(): TenantLimits {
    return this.#inForce(this.id).limits;
  }

  get mode(): Mode {
    return this.#inForce(this.id).mode;
  }

  add({ added, discards, active, fleet }: FrameEntry, step: number): void {
    this.step = step;
    TALLY_NUMBERS.forEach((name, i) => {
      this.tally[name] += added[i] ?? 0;
    });
    for (const { kind, reason, counts } of discards) {
      const row = REASON_INDEX[reason as Reason];
      // Of a version that has more of them.
      if (row === undefined) continue;
      const all = new Float64Array(ALL_COUNTS);
      all.set(counts, row * DISCARD_FIELDS);
      this.tally.absorbDiscarded(kind, all);
    }
    if (!Number.isNaN(active)) this.series = { active, fleet: Number.isNaN(fleet) ? undefined : fleet };
  }
}

const POLL_MS = 2000;
const STEPS_A_READ = 20;
/** Not closed for so long: the fleet is not seen any more. */
const STALE_MS = 60_000;
/** A tenant that was in no step for so long is forgotten where there are too many. */
const SILENT_STEPS = 24 * HOUR_STEPS;

export class FleetCounts {
  readonly history: History;
  readonly #options: FleetCountsOptions;
  readonly #tenants = new Map<string, FleetTenant>();
  readonly #places: Places;
  readonly #unattributed: FleetTenant;
  #state: BookState = emptyState();
  /** The last step that is in the counts. */
  #step: number;
  #sweptStep = 0;
  #following: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #error: string | undefined;

  constructor(options: FleetCountsOptions) {
    this.#options = options;
    this.#places = new Places(options.tenantsMax, options.names ?? (() => NO_NAMES));
    this.#step = Math.floor(options.now() / STEP_MS) - HOUR_STEPS;
    this.history = new History(options.maxBytes, (this.#step + 1) * STEP_MS);
    this.#unattributed = new FleetTenant(NO_TENANT, options.inForce);
  }

  start(): void {
    void this.follow();
    this.#timer = setInterval(() => void this.follow(), POLL_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#following;
  }

  /** The clock of its history: when the last step ended that is in it. */
  now = (): number => (this.#step + 1) * STEP_MS;

  /** Data planes, and how much of the time somebody counted. */
  get state(): BookState {
    return this.#state;
  }

  get error(): string | undefined {
    return this.#error;
  }

  /** What is told of the fleet is of some seconds ago, and not of before it was lost sight of. */
  get isFresh(): boolean {
    return this.#state.step > 0 && this.#options.now() - this.now() < STALE_MS;
  }

  tenants(): Iterable<FleetTenant> {
    return this.#tenants.values();
  }

  tenant(id: string): FleetTenant | undefined {
    return this.#tenants.get(id);
  }

  unattributed(): FleetTenant {
    return this.#unattributed;
  }

  /** Takes in what was closed since. One at a time; never rejects. */
  follow(): Promise<void> {
    this.#following ??= this.#follow()
      .then(
        () => {
          this.#error = undefined;
        },
        (error: unknown) => {
          this.#error = messageOf(error);
        },
      )
      .finally(() => {
        this.#following = undefined;
      });
    return this.#following;
  }

  async #follow(): Promise<void> {
    const { store } = this.#options;
    const text = await store.state();
    if (text === undefined) return;
    const state = (JSON.parse(text) as { book: BookState }).book;
    // What is older is not kept.
    this.#step = Math.max(this.#step, state.step - HOUR_STEPS);
    while (this.#step < state.step) {
      const count = Math.min(STEPS_A_READ, state.step - this.#step);
      const numbers = Array.from({ length: count }, (_, i) => this.#step + 1 + i);
      const found = await store.steps('sums', numbers);
      for (const [i, step] of numbers.entries()) await this.#take(step, found[i]);
    }
    this.#state = state;
  }

  async #take(step: number, bytes: Buffer | undefined): Promise<void> {
    this.#step = step;
    for (const entry of bytes === undefined ? [] : await entriesOf(bytes))
      this.#tenantOf(entry.id).add(entry, step);
    // Nobody told of it: whether anything was sent is not known.
    await this.history.sample(this.#counted(), (step + 1) * STEP_MS, bytes !== undefined);
  }

  *#counted(): Generator<FleetTenant> {
    yield* this.#tenants.values();
    yield this.#unattributed;
  }

  #tenantOf(id: string): FleetTenant {
    if (id === NO_TENANT) return this.#unattributed;
    let tenant = this.#tenants.get(id);
    if (tenant === undefined) {
      if (id !== OTHER_TENANTS && !this.#hasPlace(id)) return this.#tenantOf(OTHER_TENANTS);
      tenant = new FleetTenant(id, this.#options.inForce);
      this.#tenants.set(id, tenant);
    }
    return tenant;
  }

  #hasPlace(id: string): boolean {
    if (this.#places.take(id)) return true;
    // Once for all that a step has too many.
    if (this.#sweptStep === this.#step) return false;
    this.#sweptStep = this.#step;
    this.#forgetSilent();
    return this.#places.take(id);
  }

  #forgetSilent(): void {
    for (const [id, { step }] of this.#tenants) {
      if (this.#step - step <= SILENT_STEPS) continue;
      this.#tenants.delete(id);
      if (id !== OTHER_TENANTS) this.#places.leave(id);
    }
  }
}

/** A step that can not be read is missing, and no more. */
async function entriesOf(bytes: Buffer): Promise<readonly FrameEntry[]> {
  try {
    return (await unpackFrame(bytes)).entries;
  } catch (error) {
    if (error instanceof Damaged) return [];
    throw error;
  }
}
