/** /metrics of the primary and its workers as one process. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { type MetricValues, SummedMetrics } from '../telemetry/summed-metrics.js';
import type { WorkerSlot } from './worker-slot.js';

const SCRAPE_MS = 3000;

export class WorkerMetrics {
  readonly #sums = new SummedMetrics();
  /** What each worker last reported. */
  readonly #last = new Map<WorkerSlot, readonly MetricValues[]>();
  #scrape: Promise<string> | undefined;

  /** Concurrent callers share one result. */
  scrape(own: Registry, slots: readonly WorkerSlot[]): Promise<string> {
    this.#scrape ??= this.#sum(own, slots).finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  heard(slot: WorkerSlot, metrics: readonly MetricValues[]): void {
    this.#last.set(slot, metrics);
  }

  /** The counts of its process remain. */
  ended(slot: WorkerSlot): void {
    this.#sums.retire(this.#last.get(slot) ?? []);
    this.#last.delete(slot);
  }

  async #sum(own: Registry, slots: readonly WorkerSlot[]): Promise<string> {
    const heard = Promise.all(slots.filter(({ serving }) => serving).map((slot) => this.#ask(slot)));
    const patience = new AbortController();
    await Promise.race([heard, delay(SCRAPE_MS, undefined, patience).catch(() => {})]);
    patience.abort();
    // For a worker that did not answer, its last values: a falling sum would look like a restart.
    return this.#sums.text([await own.getMetricsAsJSON(), ...this.#last.values()]);
  }

  async #ask(slot: WorkerSlot): Promise<void> {
    const answer = await slot.ask({ about: 'metrics' });
    if (answer !== undefined) this.heard(slot, answer.metrics);
  }
}
