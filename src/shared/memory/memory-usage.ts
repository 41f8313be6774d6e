/** The usage of one machine, in memory. */
import {
  type RecordKind,
  STEP_SECONDS_KEPT,
  type StepKind,
  type StoredFrame,
  type UsageCommit,
  type UsageStore,
} from '../usage-store.js';

/** The bookkeeper reads them within seconds. */
const MOST_FRAMES_HERE = 1024;
const SECONDS_A_STEP = 10;

export class MemoryUsage implements UsageStore {
  protected readonly kept: Record<RecordKind, Map<string, Buffer>> = { hours: new Map(), days: new Map() };
  protected book: { state: string; pages: Map<string, Buffer> } | undefined;
  readonly #steps: Record<StepKind, Map<number, Buffer>> = { seconds: new Map(), sums: new Map() };
  readonly #now: () => number;
  #frames: StoredFrame[] = [];
  #sent = 0;
  #keeper: { readonly id: string; readonly fence: number; untilMs: number } | undefined;
  #fence = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  async connect(): Promise<void> {}

  async send(frame: Buffer): Promise<void> {
    this.#frames.push({ id: idOf(++this.#sent), bytes: frame });
    if (this.#frames.length > MOST_FRAMES_HERE) this.#frames.shift();
  }

  async elect(keeper: string, leaseMs: number): Promise<number | undefined> {
    const nowMs = this.#now();
    if (this.#keeper === undefined || this.#keeper.untilMs <= nowMs) {
      this.#keeper = { id: keeper, fence: ++this.#fence, untilMs: 0 };
    }
    if (this.#keeper.id !== keeper) return undefined;
    this.#keeper.untilMs = nowMs + leaseMs;
    return this.#keeper.fence;
  }

  async resign(keeper: string): Promise<void> {
    if (this.#keeper?.id === keeper) this.#keeper = undefined;
  }

  async frames(after: string, most: number): Promise<readonly StoredFrame[]> {
    const last = numberOf(after);
    return this.#frames.filter(({ id }) => numberOf(id) > last).slice(0, most);
  }

  async state(): Promise<string | undefined> {
    return this.book?.state;
  }

  async pages(): Promise<ReadonlyMap<string, Buffer>> {
    return new Map(this.book?.pages);
  }

  async steps(kind: StepKind, steps: readonly number[]): Promise<readonly (Buffer | undefined)[]> {
    return steps.map((step) => this.#steps[kind].get(step));
  }

  async records(kind: RecordKind, tenants: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    return tenants.map((tenant) => this.kept[kind].get(tenant));
  }

  async tenants(kind: RecordKind): Promise<readonly string[]> {
    return [...this.kept[kind].keys()];
  }

  async commit(keeper: string, fence: number, commit: UsageCommit): Promise<boolean> {
    const holder = this.#keeper;
    if (holder?.id !== keeper || holder.fence !== fence || holder.untilMs <= this.#now()) return false;
    const { state, pages, gonePages, steps, records, appliedId } = commit;
    const all = this.book?.pages ?? new Map<string, Buffer>();
    for (const name of gonePages) all.delete(name);
    for (const [name, bytes] of pages) all.set(name, bytes);
    this.book = { state, pages: all };
    for (const { step, kind, bytes } of steps) this.#keepStep(kind, step, bytes);
    for (const { kind, tenant, bytes } of records) {
      if (bytes === undefined) this.kept[kind].delete(tenant);
      else this.kept[kind].set(tenant, bytes);
    }
    const applied = numberOf(appliedId);
    this.#frames = this.#frames.filter(({ id }) => numberOf(id) >= applied);
    return true;
  }

  close(): void {}

  #keepStep(kind: StepKind, step: number, bytes: Buffer): void {
    const steps = this.#steps[kind];
    steps.set(step, bytes);
    const oldest = step - STEP_SECONDS_KEPT[kind] / SECONDS_A_STEP;
    for (const known of steps.keys()) if (known < oldest) steps.delete(known);
  }
}

/** In the format of Redis' stream ids. */
function idOf(count: number): string {
  return `${count}-0`;
}

function numberOf(id: string): number {
  return Number(id.split('-')[0]);
}
