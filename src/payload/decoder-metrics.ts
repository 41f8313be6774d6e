/** Metrics of the decoder: what waits for a thread, what is lost with one, and its memory. */
import type { Metrics } from '../telemetry/metrics.js';
import type { PooledDecoder } from './decoder-pool.js';

export function exportDecoder(metrics: Metrics, decoder: PooledDecoder): void {
  metrics.gauge({
    name: 'mimir_edge_decode_queue',
    help: 'Bodies that wait for a decoding thread.',
    read: () => decoder.queued(),
  });
  metrics.gauge({
    name: 'mimir_edge_decode_memory_bytes',
    help: 'Memory of the inline decoder.',
    read: () => decoder.memoryBytes(),
  });
  metrics.counter({
    name: 'mimir_edge_decode_threads_lost_total',
    help: 'Pushes lost to a decoding thread that ended.',
    read: () => decoder.lostWorkers(),
  });
}
