/** Metrics about replicas asking each other. */
import type { Metrics } from '../telemetry/metrics.js';
import type { Replicas } from './replicas.js';

export function exportReplicas(
  metrics: Metrics,
  replicas: Pick<Replicas, 'status'>,
  now: () => number,
): void {
  const startedMs = now();
  metrics.gauge({
    name: 'mimir_edge_replicas_known',
    help: 'Replicas that are alive, as this one knows: those that answer reads of the API together.',
    read: () => replicas.status().known,
  });
  metrics.gauge({
    name: 'mimir_edge_replicas_age_seconds',
    help: 'Since Redis answered last what other replicas ask.',
    read: () => Math.max(0, now() - (replicas.status().heardMs ?? startedMs)) / 1000,
  });
  metrics.counter({
    name: 'mimir_edge_replicas_asked_total',
    help: 'Questions to other replicas.',
    read: () => replicas.status().asked,
  });
  metrics.counter({
    name: 'mimir_edge_replicas_missed_total',
    help: 'Answers of other replicas that did not come in time, or could not be read.',
    read: () => replicas.status().missed,
  });
  metrics.counter({
    name: 'mimir_edge_replicas_answered_total',
    help: 'Questions of other replicas that were answered.',
    read: () => replicas.status().answered,
  });
  metrics.counter({
    name: 'mimir_edge_replicas_answered_bytes_total',
    help: 'Bytes of these answers, as they went to Redis.',
    read: () => replicas.status().answeredBytes,
  });
  metrics.counter({
    name: 'mimir_edge_replicas_unanswered_total',
    help: 'Questions of other replicas that were not answered: there were too many, or the answer could not be sent.',
    read: () => replicas.status().unanswered,
  });
}
