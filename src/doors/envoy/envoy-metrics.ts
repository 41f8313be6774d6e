/** Counts Envoy's calls and answers as plain numbers, which are read at each scrape. */

import type { LatencyHistogram } from '../../telemetry/latency-histogram.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { WordCounter } from '../../telemetry/word-counter.js';
import { CHECK_OUTCOMES, type CheckOutcome } from './authz/check.js';
import { BODY_STATES, type BodyState } from './authz/check-request.js';
import type { EnvoyDoor } from './envoy-door.js';
import { DESCRIPTOR_OUTCOMES, type DescriptorOutcome } from './ratelimit/drawn.js';

export class EnvoyMetrics {
  readonly #checks: WordCounter<CheckOutcome>;
  readonly #bodies: WordCounter<BodyState>;
  readonly #descriptors: WordCounter<DescriptorOutcome>;
  readonly #errors: WordCounter<string>;
  readonly #check: LatencyHistogram;
  readonly #rateLimit: LatencyHistogram;

  constructor(metrics: Metrics) {
    this.#checks = new WordCounter(
      metrics,
      'mimir_edge_envoy_checks_total',
      'ext_authz calls by outcome.',
      'outcome',
      CHECK_OUTCOMES,
    );
    this.#bodies = new WordCounter(
      metrics,
      'mimir_edge_envoy_bodies_total',
      "Pushes by how much of the body Envoy sent: anything but whole is a matter of Envoy's settings.",
      'body',
      BODY_STATES,
    );
    this.#descriptors = new WordCounter(
      metrics,
      'mimir_edge_envoy_descriptors_total',
      'Descriptors of ratelimit calls by outcome.',
      'outcome',
      DESCRIPTOR_OUTCOMES,
    );
    this.#errors = new WordCounter(
      metrics,
      'mimir_edge_grpc_errors_total',
      'gRPC calls that ended in an error, by status code.',
      'code',
      [],
    );
    this.#check = metrics.histogram(
      'mimir_edge_envoy_check_duration_seconds',
      "Time from a Check's headers to its answer, its body's way in included.",
    );
    this.#rateLimit = metrics.histogram(
      'mimir_edge_envoy_ratelimit_duration_seconds',
      'Time to answer a ratelimit call.',
    );
  }

  checked(outcome: CheckOutcome, seconds: number): void {
    this.#checks.add(outcome);
    this.#check.observe(seconds);
  }

  body(state: BodyState): void {
    this.#bodies.add(state);
  }

  descriptor(outcome: DescriptorOutcome): void {
    this.#descriptors.add(outcome);
  }

  rateLimited(seconds: number): void {
    this.#rateLimit.observe(seconds);
  }

  failed(code: number): void {
    this.#errors.add(String(code));
  }
}

export function exportEnvoyDoor(metrics: Metrics, door: EnvoyDoor): void {
  metrics.gauge({
    name: 'mimir_edge_grpc_connections',
    help: 'gRPC connections that are open.',
    read: () => door.connections,
  });
  metrics.gauge({
    name: 'mimir_edge_grpc_calls_in_flight',
    help: 'gRPC calls under way.',
    read: () => door.activeCalls,
  });
  metrics.counter({
    name: 'mimir_edge_grpc_certificate_failures_total',
    help: 'Attempts to read the certificate of listen.grpc that failed.',
    read: () => door.tlsFailures,
  });
}
