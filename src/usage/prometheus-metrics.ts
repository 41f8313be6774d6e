/** What is asked of a Prometheus to know what tenants offered: by the edge's own metrics, or by those of Mimir. */

/** What a point of a series is added to. */
export type Quantity = 'requests' | 'items' | 'bytes' | 'newSeries' | 'refusedPushes' | 'refusedSamples';
export type Level = 'activeSeries' | 'series';

export interface Question {
  readonly what: Quantity | Level;
  /** `MATCH` stands for the matchers of labels, `STEP` for a duration. One series a tenant, or one for each of its reasons. */
  readonly expr: string;
  /** What they have is added up over ingesters: each series is on several of them. */
  readonly replicated?: true;
}

export interface MetricsOf {
  readonly of: 'edge' | 'mimir';
  /** Of all tenants that sent there is one of these. */
  readonly requests: string;
  readonly questions: readonly Question[];
}

function added(what: Quantity, metric: string, by = 'user'): Question {
  return { what, expr: `sum by (${by}) (increase(${metric}{MATCH}[STEP]))` };
}

const EDGE_ITEMS = ['samples', 'histograms', 'metadata', 'exemplars'];
const MIMIR_ITEMS = ['samples', 'metadata', 'exemplars'];

export const EDGE_METRICS: MetricsOf = {
  of: 'edge',
  requests: 'mimir_edge_received_requests_total',
  questions: [
    added('requests', 'mimir_edge_received_requests_total'),
    ...EDGE_ITEMS.map((kind) => added('items', `mimir_edge_received_${kind}_total`)),
    added('bytes', 'mimir_edge_received_body_bytes_total'),
    added('newSeries', 'mimir_edge_new_series_total'),
    added('refusedPushes', 'mimir_edge_discarded_requests_total', 'user, reason'),
    added('refusedSamples', 'mimir_edge_discarded_samples_total', 'user, reason'),
    {
      what: 'activeSeries',
      expr: 'max by (user) (max_over_time(mimir_edge_fleet_series{MATCH}[STEP])) or max by (user) (max_over_time(mimir_edge_active_series{MATCH}[STEP]))',
    },
  ],
};

/** Mimir counts what arrives, and what it takes. Of versions without the first, what it took and what it refused. */
export const MIMIR_METRICS: MetricsOf = {
  of: 'mimir',
  requests: 'cortex_distributor_received_requests_total',
  questions: [
    {
      what: 'requests',
      expr: 'sum by (user) (increase(cortex_distributor_requests_in_total{MATCH}[STEP])) or sum by (user) (increase(cortex_distributor_received_requests_total{MATCH}[STEP]))',
    },
    ...MIMIR_ITEMS.map((kind): Question => {
      const taken = `sum by (user) (increase(cortex_distributor_received_${kind}_total{MATCH}[STEP]))`;
      const refused = `sum by (user) (increase(cortex_discarded_${kind}_total{MATCH}[STEP]))`;
      return {
        what: 'items',
        expr: `sum by (user) (increase(cortex_distributor_${kind}_in_total{MATCH}[STEP])) or (${taken} + ${refused}) or ${taken}`,
      };
    }),
    added('refusedPushes', 'cortex_discarded_requests_total', 'user, reason'),
    added('refusedSamples', 'cortex_discarded_samples_total', 'user, reason'),
    {
      what: 'activeSeries',
      expr: 'sum by (user) (max_over_time(cortex_ingester_active_series{MATCH}[STEP]))',
      replicated: true,
    },
    {
      what: 'series',
      expr: 'sum by (user) (cortex_ingester_memory_series_created_total{MATCH} - cortex_ingester_memory_series_removed_total{MATCH})',
      replicated: true,
    },
    {
      what: 'newSeries',
      expr: 'sum by (user) (increase(cortex_ingester_memory_series_created_total{MATCH}[STEP]))',
      replicated: true,
    },
  ],
};
