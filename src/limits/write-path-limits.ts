/**
 * Limits of Mimir's write path that only Mimir can enforce, so the edge does not read them. They cause no warning;
 * `mimir-edge check` says which tenants have them, and docs/limits.md lists them.
 */

interface WritePathFacts {
  /** The default, as written in a document. */
  readonly fallback: string;
  /** What Mimir does for it, and why the edge does not. */
  readonly why: string;
}

export const WRITE_PATH_LIMITS: Readonly<Record<string, WritePathFacts>> = {
  native_histograms_ingestion_enabled: {
    fallback: 'true',
    why: "Where it is false Mimir's ingesters drop native histograms without a word; they count towards the ingestion rate all the same, here and there.",
  },
  ignore_ooo_exemplars: {
    fallback: 'false',
    why: "Only an ingester knows a tenant's newest exemplar: it drops older ones, or answers with an error.",
  },
  max_global_metadata_per_user: {
    fallback: '0',
    why: "Mimir's ingesters count metrics with metadata, and drop the metadata of others.",
  },
  max_global_metadata_per_metric: {
    fallback: '0',
    why: "Mimir's ingesters count the metadata of a metric, and drop what is over it.",
  },
  merge_duplicate_timeseries: {
    fallback: 'false',
    why: 'Mimir makes one series of those that a push has twice, and counts a repeated sample once.',
  },
  ingestion_artificial_delay: { fallback: '0s', why: 'Mimir answers later; what it takes is the same.' },
  ingestion_tenant_shard_size: {
    fallback: '0',
    why: "To how many ingesters a tenant's series go; how many it may have does not depend on it.",
  },
  ingestion_partitions_tenant_shard_size: {
    fallback: '0',
    why: "To how many partitions a tenant's series go; how many it may have does not depend on it.",
  },
  ingestion_partitions_tenant_write_shard_size: {
    fallback: '0',
    why: 'To how many of its partitions a tenant writes; how much it may write does not depend on it.',
  },
  separate_metrics_group_label: {
    fallback: '""',
    why: "Labels some of Mimir's own metrics; nothing is refused for it.",
  },
  otel_created_timestamp_zero_ingestion_enabled: {
    fallback: 'false',
    why: 'Mimir keeps the start time of OTLP data points beside their samples, and counts nothing more for it.',
  },
};
