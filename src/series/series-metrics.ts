/** The table of active series, read when somebody scrapes. */
import type { Metrics } from '../telemetry/metrics.js';
import type { SeriesStatus, SeriesTracker } from './series-tracker.js';

export function exportSeries(metrics: Metrics, tracker: SeriesTracker): void {
  const gauges: [string, string, (now: SeriesStatus) => number][] = [
    ['series_table_bytes', 'Memory of the table of active series.', ({ tableBytes }) => tableBytes],
    ['series_table_series', 'Series in it, those of tenants that left included.', ({ series }) => series],
    ['series_table_metrics', 'Metric names in it.', ({ metrics }) => metrics],
    [
      'series_tenants_alone',
      'Tenants with series that the store does not know of.',
      ({ tenantsAlone }) => tenantsAlone,
    ],
    [
      'series_admitted_alone',
      'Series that were admitted without the store, and that it was not told of since.',
      ({ admittedAlone }) => admittedAlone,
    ],
  ];
  for (const [name, help, read] of gauges) {
    metrics.gauge({ name: `mimir_edge_${name}`, help, read: () => read(tracker.status()) });
  }
  metrics.counter({
    name: 'mimir_edge_series_untracked_total',
    help: 'Series that passed uncounted because the table was full, or its half for tenants without a limit.',
    read: () => tracker.status().untracked,
  });
}
