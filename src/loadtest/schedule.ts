/**
 * When each push is due, by the clock alone: the target's answers have no influence. Each tenant spreads its pushes evenly
 * over the interval, from a random start. Times are milliseconds since the start of the run.
 */
import type { LoadTenant } from './tenants.js';

export interface DuePush {
  readonly tenant: number;
  /** Its index among the pushes of its tenant. */
  readonly push: number;
  /** How many times this push was due before. */
  readonly cycle: number;
  readonly dueMs: number;
}

interface Timing {
  readonly intervalMs: number;
  readonly durationMs: number;
  /** The multiple of the usual rate. It is sampled, so it should change in steps only. */
  readonly rate: (tenant: number, atMs: number) => number;
  readonly random: () => number;
}

const RATE_STEP_MS = 100;
/** For long runs: planning a push must not take longer than sending it. */
const MOST_STEPS = 2000;

export class Schedule {
  readonly #tenants: readonly LoadTenant[];
  readonly #timing: Timing;
  readonly #sent: Float64Array;
  readonly #due: Float64Array;
  /** Tenants as a binary heap: the one that is due first comes first. */
  readonly #heap: Uint32Array;
  readonly #stepMs: number;

  constructor(tenants: readonly LoadTenant[], timing: Timing) {
    this.#tenants = tenants;
    this.#timing = timing;
    const { durationMs } = timing;
    this.#stepMs = Number.isFinite(durationMs)
      ? Math.max(RATE_STEP_MS, durationMs / MOST_STEPS)
      : RATE_STEP_MS;
    this.#sent = new Float64Array(tenants.length);
    this.#due = Float64Array.from(tenants, (_, tenant) =>
      this.#after(tenant, 0, this.#gapMs(tenant) * timing.random()),
    );
    this.#heap = Uint32Array.from(tenants.keys()).sort((a, b) => this.#dueOf(a) - this.#dueOf(b));
  }

  /** When the next push is due; Infinity when the run is over. */
  get nextMs(): number {
    return this.#dueOf(this.#heap[0] ?? 0);
  }

  take(): DuePush {
    const tenant = this.#heap[0] ?? 0;
    const dueMs = this.#dueOf(tenant);
    const sent = this.#sent[tenant] ?? 0;
    const pushes = this.#tenants[tenant]?.pushes ?? 1;
    this.#sent[tenant] = sent + 1;
    this.#due[tenant] = this.#after(tenant, dueMs, this.#gapMs(tenant));
    this.#sink();
    return { tenant, push: sent % pushes, cycle: Math.floor(sent / pushes), dueMs };
  }

  #dueOf(tenant: number): number {
    return this.#due[tenant] ?? Number.POSITIVE_INFINITY;
  }

  /** Between two pushes at the usual rate. */
  #gapMs(tenant: number): number {
    return this.#timing.intervalMs / (this.#tenants[tenant]?.pushes ?? 1);
  }

  /** When as many pushes are due as in `gapMs` at the usual rate. */
  #after(tenant: number, fromMs: number, gapMs: number): number {
    const { rate, durationMs } = this.#timing;
    let left = gapMs;
    for (let at = fromMs; at < durationMs; ) {
      const times = rate(tenant, at);
      const stepEnd = (Math.floor(at / this.#stepMs) + 1) * this.#stepMs;
      const covered = (stepEnd - at) * times;
      if (covered >= left && times > 0) return orNever(at + left / times, durationMs);
      left -= covered;
      at = stepEnd;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The first tenant of the heap is due later now: moves it down. */
  #sink(): void {
    const heap = this.#heap;
    const tenant = heap[0] ?? 0;
    const due = this.#dueOf(tenant);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && this.#dueOf(heap[right] ?? 0) < this.#dueOf(heap[child] ?? 0)) child = right;
      if (this.#dueOf(heap[child] ?? 0) >= due) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = tenant;
  }
}

function orNever(dueMs: number, durationMs: number): number {
  return dueMs < durationMs ? dueMs : Number.POSITIVE_INFINITY;
}

/** A small seeded generator of numbers from 0 to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
