/**
 * The metrics of several processes as one. Counters and amounts are added up; those of workers that ended stay in the sums,
 * so that no sum falls when a worker is replaced.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AggregatorRegistry, type LabelValues, type Registry } from 'prom-client';

/** As returned by a registry's getMetricsAsJSON(). */
export interface MetricValues {
  readonly name: string;
  readonly help: string;
  readonly type: string | number;
  readonly aggregator?: string;
  readonly values: readonly { readonly value: number; readonly labels: LabelValues<string> }[];
}

/** What is not added up. `first`: the primary's own value. */
const NOT_SUMMED: readonly (readonly [RegExp, string])[] = [
  [/^(mimir_edge_build_info|mimir_edge_ready|process_start_time_seconds|nodejs_version_info)$/, 'first'],
  [
    /^(nodejs_eventloop_lag_min_seconds|mimir_edge_limits_source_up|mimir_edge_upstream_address_(up|sent_to))$/,
    'min',
  ],
  [/^nodejs_eventloop_lag_/, 'max'],
  [/^mimir_edge_(limits_.*|tenants|upstream_addresses|upstream_breaker)$/, 'max'],
  [/^mimir_edge_ledger_(degraded|parts_down|parts|replicas)$/, 'max'],
];

export class SummedMetrics {
  #departed: readonly MetricValues[] = [];

  /** A worker has ended; these are its last values. */
  retire(last: readonly MetricValues[]): void {
    const lasting = last.filter(({ type }) => type !== 'gauge');
    this.#departed = sum([this.#departed, lasting]).getMetricsAsArray() as unknown as MetricValues[];
  }

  /** In Prometheus' text format. The primary's come first. */
  async text(processes: readonly (readonly MetricValues[])[]): Promise<string> {
    const byName = new Map<string, MetricValues[][]>();
    for (const metric of [...processes, this.#departed].flat()) {
      const same = byName.get(metric.name);
      if (same === undefined) byName.set(metric.name, [[metric]]);
      else same.push([metric]);
    }
    const texts: string[] = [];
    for (const same of byName.values()) {
      texts.push(await sum(same).metrics());
      // Workers wait for leases meanwhile.
      await nextTurn();
    }
    return texts.join('\n');
  }
}

function sum(processes: readonly (readonly MetricValues[])[]): Registry {
  return AggregatorRegistry.aggregate(
    processes.map((metrics) =>
      metrics.map((metric) => ({ ...metric, aggregator: aggregatorOf(metric.name) })),
    ),
  );
}

function aggregatorOf(name: string): string {
  return NOT_SUMMED.find(([names]) => names.test(name))?.[1] ?? 'sum';
}
