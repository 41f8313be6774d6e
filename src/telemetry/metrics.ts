/** The process's own metrics: latencies, what is held now, what upstream answered. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { LatencyHistogram } from './latency-histogram.js';

const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'];

export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

export interface LabelledSource {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** All that there is now: what it leaves out is gone. */
  readonly read: () => Iterable<readonly [Readonly<Record<string, string>>, number]>;
}

function unlabelled({ name, help, read }: GaugeSource): LabelledSource {
  return { name, help, labelNames: [], read: () => [[{}, read()]] };
}

export class Metrics {
  readonly registry = new Registry();
  readonly #decode = this.#latency(
    'mimir_edge_decode_duration_seconds',
    'Time to decode a push, queueing included.',
  );
  readonly #decision = this.#latency('mimir_edge_decision_duration_seconds', 'Time to judge a decoded push.');
  readonly #upstream = this.#latency(
    'mimir_edge_upstream_duration_seconds',
    'Time from sending a request to the first byte of the answer.',
  );
  /** By the first digit of the status. */
  readonly #responses = new Float64Array(STATUS_CLASSES.length);
  readonly #failures = new Counter({
    name: 'mimir_edge_upstream_failures_total',
    help: 'Requests that got no answer from the upstream.',
    labelNames: ['failure'],
    registers: [this.registry],
  });

  #failed = 0;
  readonly #writes = new Counter({
    name: 'mimir_edge_admin_writes_total',
    help: 'Changes asked of the admin API.',
    labelNames: ['action', 'outcome'],
    registers: [this.registry],
  });

  constructor(version: string) {
    // Its default wakes the process a hundred times a second: most of what an idle edge would do.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 50 });
    // Gauges that are named like counters; the metrics without _total beside them say the same by type.
    for (const what of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
    new Gauge({
      name: 'mimir_edge_build_info',
      help: 'Always 1; the labels say what runs.',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    }).set({ version, node: process.version }, 1);
    this.counters({
      name: 'mimir_edge_upstream_responses_total',
      help: 'Answers of the upstream by status class.',
      labelNames: ['class'],
      read: () => Object.entries(this.responses()).map(([name, count]) => [{ class: name }, count]),
    });
    for (const failure of ['unreachable', 'timeout', 'broken']) this.#failures.inc({ failure }, 0);
  }

  /** Answers of the upstream by class, since the start. */
  responses(): Record<string, number> {
    return Object.fromEntries(STATUS_CLASSES.map((name, index) => [name, this.#responses[index] ?? 0]));
  }

  /** Requests that the upstream did not answer, since the start. */
  get failures(): number {
    return this.#failed;
  }

  /** A request to the admin API that changes something: done, refused (4xx) or failed. */
  wrote(action: string, status: number): void {
    this.#writes.inc({ action, outcome: status < 400 ? 'done' : status < 500 ? 'refused' : 'failed' });
  }

  gauge(source: GaugeSource): void {
    this.gauges(unlabelled(source));
  }

  counter(source: GaugeSource): void {
    this.counters(unlabelled(source));
  }

  gauges(source: LabelledSource): void {
    new Gauge(this.#collected(source));
  }

  counters(source: LabelledSource): void {
    new Counter(this.#collected(source));
  }

  decoded(seconds: number): void {
    this.#decode.observe(seconds);
  }

  decided(seconds: number): void {
    this.#decision.observe(seconds);
  }

  forwarded(status: number, seconds: number): void {
    this.#upstream.observe(seconds);
    const known = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
    this.#responses[known] = (this.#responses[known] ?? 0) + 1;
  }

  failed(failure: string): void {
    this.#failed++;
    this.#failures.inc({ failure });
  }

  /** Made anew at each scrape. */
  #collected({ name, help, labelNames, read }: LabelledSource) {
    return {
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect(this: Gauge | Counter) {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    };
  }

  #latency(name: string, help: string): LatencyHistogram {
    return new LatencyHistogram(name, help, this.registry);
  }
}
