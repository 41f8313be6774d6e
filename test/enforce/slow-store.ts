/** A ledger and series whose answers are late: a test sees what is asked, and when, and answers it. */
import type { BucketKind, ElectionAnswer, Ledger } from '#src/enforce/ledger.js';
import type { ActiveSeries, SeriesAnswer } from '#src/enforce/series.js';

export interface Asked {
  readonly what: BucketKind | 'election' | 'series';
  readonly nowMs: number;
  /** Tokens, for buckets. */
  readonly n: number;
}

interface Waiting {
  readonly what: Asked['what'];
  answer(answer: unknown): void;
}

const GRANTED = { granted: true, available: 0, waitSeconds: 0 };

export class SlowStore {
  readonly asked: Asked[] = [];
  readonly givenBack: Asked[] = [];
  readonly #waiting: Waiting[] = [];

  readonly ledger: Ledger = {
    bucket: (_tenant, kind) => ({
      take: () => false,
      ask: (n, nowMs) => this.#ask({ what: kind, nowMs, n }),
      left: () => 0,
      giveBack: (n, nowMs) => this.givenBack.push({ what: kind, nowMs, n }),
      reshape() {},
      release() {},
    }),
    elections: () => ({
      hear: (_ha, _rules, nowMs) => this.#ask({ what: 'election', nowMs, n: 0 }),
      resign() {},
    }),
    remembersEvicted: () => true,
    close: async () => {},
  };

  readonly series: ActiveSeries = {
    tenant: () => ({
      check: (_push, _excluded, _limits, _allOrNothing, nowMs) => this.#ask({ what: 'series', nowMs, n: 0 }),
      active: 0,
      fleet: undefined,
      topMetrics: () => [],
      release() {},
    }),
  };

  get waitsFor(): Asked['what'] | undefined {
    return this.#waiting[0]?.what;
  }

  grant(): void {
    this.#answer(GRANTED);
  }

  deny(waitSeconds = 2, lost?: true): void {
    this.#answer({ granted: false, available: 3.5, waitSeconds, ...(lost ? { lost } : {}) });
  }

  elect(answer: ElectionAnswer): void {
    this.#answer(answer);
  }

  count(answer: Partial<SeriesAnswer> = {}): void {
    this.#answer({ newAdmitted: 0, overLimit: undefined, ...answer });
  }

  #answer(answer: unknown): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error('nothing is asked');
    waiting.answer(answer);
  }

  #ask<A>(asked: Asked): Promise<A> {
    this.asked.push(asked);
    return new Promise((resolve) => {
      this.#waiting.push({ what: asked.what, answer: resolve as (answer: unknown) => void });
    });
  }
}

/** Lets everything run that waits for what was answered. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
