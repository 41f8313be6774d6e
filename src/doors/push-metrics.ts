/** Metrics of pushes through any door: the time of each step, and the memory of bodies. */
import type { LatencyHistogram } from '../telemetry/latency-histogram.js';
import type { Metrics } from '../telemetry/metrics.js';
import { RecentTimes } from '../telemetry/recent-times.js';
import { WordCounter } from '../telemetry/word-counter.js';
import type { ByteBudget } from './body.js';

/** The protocol of a push in metrics. */
export const PROTOCOLS = ['rw1', 'rw2', 'otlp', 'influx'] as const;
export type ProtocolLabel = (typeof PROTOCOLS)[number];

export class PushMetrics {
  readonly #pushes: WordCounter<ProtocolLabel>;
  readonly #decode: LatencyHistogram;
  readonly #decision: LatencyHistogram;
  readonly #own: LatencyHistogram;
  readonly #recent = new RecentTimes();

  constructor(metrics: Metrics) {
    this.#pushes = new WordCounter(
      metrics,
      'mimir_edge_pushes_total',
      'Pushes whose body was read, by protocol, whatever became of them.',
      'protocol',
      PROTOCOLS,
    );
    this.#decode = metrics.histogram(
      'mimir_edge_decode_duration_seconds',
      'Time to decode a push, queueing included.',
    );
    this.#decision = metrics.histogram(
      'mimir_edge_decision_duration_seconds',
      'Time to judge a decoded push.',
    );
    this.#own = metrics.histogram(
      'mimir_edge_push_own_duration_seconds',
      'Time that a push is in the edge itself: it is decoded and judged, and waits for a thread or for Redis.',
    );
  }

  decoded(seconds: number, protocol: ProtocolLabel): void {
    this.#pushes.add(protocol);
    this.#decode.observe(seconds);
  }

  decided(seconds: number): void {
    this.#decision.observe(seconds);
  }

  /** The edge has finished its own part of a push: the rest is up to Mimir, or the sender. */
  ownPartDone(seconds: number, nowMs: number): void {
    this.#own.observe(seconds);
    this.#recent.add(seconds, nowMs);
  }

  /** Over the last ten seconds (telemetry/recent-times.ts). */
  recentTimes(nowMs: number): number[] {
    return this.#recent.counts(nowMs);
  }
}

export function exportBudget(metrics: Metrics, budget: ByteBudget): void {
  metrics.gauge({
    name: 'mimir_edge_body_bytes_in_flight',
    help: 'Body bytes that the process holds now.',
    read: () => budget.used,
  });
  metrics.gauge({
    name: 'mimir_edge_body_bytes_in_flight_limit',
    help: 'The most that it may hold.',
    read: () => budget.capacity,
  });
}
