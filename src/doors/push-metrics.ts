/** What pushes cost here, through whichever door they come: the time of each step, and the memory of their bodies. */
import type { LatencyHistogram } from '../telemetry/latency-histogram.js';
import type { Metrics } from '../telemetry/metrics.js';
import { WordCounter } from '../telemetry/word-counter.js';
import type { ByteBudget } from './body.js';

/** In which a push came, as metrics have it. */
export const PROTOCOLS = ['rw1', 'rw2', 'otlp', 'influx'] as const;
export type ProtocolLabel = (typeof PROTOCOLS)[number];

export class PushMetrics {
  readonly #pushes: WordCounter<ProtocolLabel>;
  readonly #decode: LatencyHistogram;
  readonly #decision: LatencyHistogram;

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
  }

  decoded(seconds: number, protocol: ProtocolLabel): void {
    this.#pushes.add(protocol);
    this.#decode.observe(seconds);
  }

  decided(seconds: number): void {
    this.#decision.observe(seconds);
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
