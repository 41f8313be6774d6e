/**
 * A histogram of seconds without labels. prom-client's own costs over a microsecond for each observation in a busy process;
 * this one adds to two numbers, and is converted to prom-client's form at each scrape.
 */
import type { Metric, Registry } from 'prom-client';

/** From 50 µs, a small push inline, to 30 s, where upstreams time out. */
export const BOUNDS: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** The index of its bucket in BOUNDS, or their number if it is above all. */
export function bucketOf(seconds: number): number {
  let bucket = 0;
  while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket++;
  return bucket;
}

export class LatencyHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  /** The last count is for values above all bounds. */
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  constructor(name: string, help: string, registry: Registry) {
    this.name = name;
    this.help = help;
    registry.registerMetric(this as unknown as Metric);
  }

  observe(seconds: number): void {
    const bucket = bucketOf(seconds);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** prom-client calls this for each scrape. */
  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    let total = 0;
    const buckets = [...BOUNDS, '+Inf'].map((le, index) => {
      total += this.#counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le }, value: total };
    });
    const values = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, value: total },
    ];
    return { name, help, type, aggregator, values };
  }
}
