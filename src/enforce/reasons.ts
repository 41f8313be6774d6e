/**
 * The closed list of reasons for which the edge answers a push itself. Status codes, error ids, metric labels
 * and docs/refusals.md all come from this table. Where Mimir has an error for it, its status, id and reason
 * label are Mimir's; what only the edge knows starts with `edge`.
 */

interface ReasonFacts {
  readonly status: number;
  /** Ends every message, in parentheses. */
  readonly id: string;
  /** The sender should retry with the same data: the answer has Retry-After. */
  readonly retry: boolean;
  /** A few words for tables: what is wrong, or who has the problem. */
  readonly brief: string;
  /** For docs/refusals.md: what happened, and what to do. */
  readonly meaning: string;
  readonly remedy: string;
}

export const REASONS = {
  rate_limited: {
    status: 429,
    id: 'err-mimir-tenant-max-ingestion-rate',
    retry: true,
    brief: 'over its ingestion rate',
    meaning: 'More samples, histograms, exemplars and metadata than the tenant may send now.',
    remedy: 'Raise `ingestion_rate` or `ingestion_burst_size`, or send less.',
  },
  burst_exceeded: {
    status: 429,
    id: 'err-mimir-tenant-max-ingestion-rate',
    retry: true,
    brief: 'a push above the burst',
    meaning: 'One push holds more items than the burst: at this limit it can never pass.',
    remedy:
      'Raise `ingestion_burst_size` above the largest push, or lower `max_samples_per_send` in the sender.',
  },
  request_rate_limited: {
    status: 429,
    id: 'err-mimir-tenant-max-request-rate',
    retry: true,
    brief: 'too many pushes a second',
    meaning: 'More pushes a second than the tenant may send; the body was not read.',
    remedy: 'Raise `request_rate` or `request_burst_size`, or send fewer, larger pushes.',
  },
  edge_bytes_rate_limited: {
    status: 429,
    id: 'err-edge-tenant-max-bytes-rate',
    retry: true,
    brief: 'too many bytes a second',
    meaning: 'More body bytes a second than the tenant may send (a limit of the edge alone).',
    remedy: 'Raise `bytes_per_second` or `bytes_burst_size` in the edge limits.',
  },
  edge_series_per_request: {
    status: 413,
    id: 'err-edge-max-series-per-request',
    retry: false,
    brief: 'too many series in a push',
    meaning:
      'One push holds more series than allowed: the tenant limit of the edge, or the cap `push.max_series`.',
    remedy:
      'Raise `max_series_per_request` or `push.max_series`, or lower `max_samples_per_send` in the sender.',
  },
  max_label_names_per_series: {
    status: 400,
    id: 'err-mimir-max-label-names-per-series',
    retry: false,
    brief: 'too many labels',
    meaning: 'Series with too many labels were left out; the rest of the push was taken, if there was any.',
    remedy: 'Drop labels in the sender, or raise `max_label_names_per_series`.',
  },
  max_label_names_per_info_series: {
    status: 400,
    id: 'err-mimir-max-label-names-per-info-series',
    retry: false,
    brief: 'too many labels on info series',
    meaning:
      'Info series with too many labels were left out; the rest of the push was taken, if there was any.',
    remedy: 'Drop labels in the sender, or raise `max_label_names_per_info_series`.',
  },
  label_name_too_long: {
    status: 400,
    id: 'err-mimir-label-name-too-long',
    retry: false,
    brief: 'a label name is too long',
    meaning:
      'Series with a label name that is too long were left out; the rest of the push was taken, if there was any.',
    remedy: 'Shorten the label in the sender, or raise `max_label_name_length`.',
  },
  label_value_too_long: {
    status: 400,
    id: 'err-mimir-label-value-too-long',
    retry: false,
    brief: 'a label value is too long',
    meaning:
      'Series with a label value that is too long were left out; the rest of the push was taken, if there was any.',
    remedy: 'Shorten the value in the sender, or raise `max_label_value_length`.',
  },
  missing_metric_name: {
    status: 400,
    id: 'err-mimir-missing-metric-name',
    retry: false,
    brief: 'no metric name',
    meaning: 'Series without a metric name were left out; the rest of the push was taken, if there was any.',
    remedy: 'Give every series a `__name__` label.',
  },
  metric_name_invalid: {
    status: 400,
    id: 'err-mimir-metric-name-invalid',
    retry: false,
    brief: 'metric name not allowed',
    meaning:
      "Series whose metric name the tenant's scheme does not allow were left out; the rest of the push was taken, if there was any.",
    remedy: 'Rename the metric, or set `name_validation_scheme` to `utf8`.',
  },
  label_invalid: {
    status: 400,
    id: 'err-mimir-label-invalid',
    retry: false,
    brief: 'label name not allowed',
    meaning:
      "Series with a label name that the tenant's scheme does not allow were left out; the rest of the push was taken, if there was any.",
    remedy: 'Rename the label, or set `name_validation_scheme` to `utf8`.',
  },
  label_value_invalid: {
    status: 400,
    id: 'err-mimir-label-value-invalid',
    retry: false,
    brief: 'label value is not UTF-8',
    meaning:
      'Series with a label value that is not UTF-8 were left out; the rest of the push was taken, if there was any.',
    remedy: 'Mend the sender.',
  },
  duplicate_label_names: {
    status: 400,
    id: 'err-mimir-duplicate-label-names',
    retry: false,
    brief: 'a label name twice',
    meaning:
      'Series with a label name twice were left out; the rest of the push was taken, if there was any.',
    remedy: 'Mend the sender.',
  },
  too_far_in_future: {
    status: 400,
    id: 'err-mimir-too-far-in-future',
    retry: false,
    brief: 'samples from the future',
    meaning:
      'Series with a sample too far in the future were left out; the rest of the push was taken, if there was any.',
    remedy: 'Look at the clock of the sender, or raise `creation_grace_period`.',
  },
  too_far_in_past: {
    status: 400,
    id: 'err-mimir-too-far-in-past',
    retry: false,
    brief: 'samples too old',
    meaning:
      'Series with a sample too far in the past were left out; the rest of the push was taken, if there was any.',
    remedy: 'Send samples sooner, or raise `past_grace_period` or `out_of_order_time_window`.',
  },
  sample_too_old: {
    status: 400,
    id: 'err-mimir-sample-too-old',
    retry: false,
    brief: 'samples older than the window',
    meaning:
      'Series with a sample older than the out-of-order window were left out, where distributors enforce it; the rest of the push was taken, if there was any.',
    remedy: 'Send samples sooner, or raise `out_of_order_time_window`.',
  },
  invalid_native_histogram_schema: {
    status: 400,
    id: 'err-mimir-invalid-native-histogram-schema',
    retry: false,
    brief: 'histogram schema unknown',
    meaning:
      'Series with a native histogram of a schema that Mimir does not know were left out; the rest of the push was taken, if there was any.',
    remedy: 'Mend the sender.',
  },
  max_native_histogram_buckets: {
    status: 400,
    id: 'err-mimir-max-native-histogram-buckets',
    retry: false,
    brief: 'too many histogram buckets',
    meaning:
      'Series with a native histogram of too many buckets, which may not be reduced, were left out; the rest of the push was taken, if there was any.',
    remedy:
      'Send fewer buckets, raise `max_native_histogram_buckets`, or set `reduce_native_histogram_over_max_buckets`.',
  },
  not_reducible_native_histogram: {
    status: 400,
    id: 'err-mimir-not-reducible-native-histogram',
    retry: false,
    brief: 'histogram can not be reduced',
    meaning:
      'Series with a native histogram of too many buckets, which can not be reduced far enough, were left out; the rest of the push was taken, if there was any.',
    remedy: 'Send fewer buckets, or raise `max_native_histogram_buckets`.',
  },
  native_histogram_custom_buckets_not_reducible: {
    status: 400,
    id: 'err-mimir-native-histogram-custom-buckets-not-reducible',
    retry: false,
    brief: 'too many custom buckets',
    meaning:
      'Series with a native histogram of too many custom buckets were left out; the rest of the push was taken, if there was any.',
    remedy: 'Send fewer buckets, or raise `max_native_histogram_buckets`.',
  },
  metadata_missing_metric_name: {
    status: 400,
    id: 'err-mimir-metadata-missing-metric-name',
    retry: false,
    brief: 'metadata without a name',
    meaning: 'The push held nothing but metadata without a metric name.',
    remedy: 'Give every entry a metric name, or set `enforce_metadata_metric_name` to false.',
  },
  metric_name_too_long: {
    status: 400,
    id: 'err-mimir-metric-name-too-long',
    retry: false,
    brief: 'metadata name is too long',
    meaning: 'The push held nothing but metadata whose metric name is too long.',
    remedy: 'Shorten the name, or raise `max_metadata_length`.',
  },
  unit_too_long: {
    status: 400,
    id: 'err-mimir-unit-too-long',
    retry: false,
    brief: 'metadata unit is too long',
    meaning: 'The push held nothing but metadata whose unit is too long.',
    remedy: 'Shorten the unit, or raise `max_metadata_length`.',
  },
  max_active_series: {
    status: 429,
    id: 'err-mimir-max-active-series',
    retry: true,
    brief: 'no room for new series',
    meaning:
      'New series were left out: the tenant has as many active ones as it may. Known series were taken. The tenant may have another status (`active_series_limit_response_code`).',
    remedy: 'Raise `max_active_series_per_user`, or send fewer series.',
  },
  per_user_series_limit: {
    status: 400,
    id: 'err-mimir-max-series-per-user',
    retry: false,
    brief: 'no room for new series',
    meaning:
      'New series were left out: the tenant has as many active ones as it may. Known series were taken.',
    remedy: 'Raise `max_global_series_per_user`, or send fewer series.',
  },
  per_metric_series_limit: {
    status: 400,
    id: 'err-mimir-max-series-per-metric',
    retry: false,
    brief: 'no room for series of a metric',
    meaning:
      'New series were left out: their metric has as many active ones as it may. Known series were taken.',
    remedy: 'Raise `max_global_series_per_metric`, or drop a label of that metric.',
  },
  too_many_ha_clusters: {
    status: 400,
    id: 'err-mimir-tenant-too-many-ha-clusters',
    retry: false,
    brief: 'too many HA clusters',
    meaning: 'The push is of an HA cluster that is not known yet, and the tenant has as many as it may.',
    remedy: 'Raise `ha_max_clusters`, or give fewer values to the label `ha_cluster_label`.',
  },
  edge_missing_tenant: {
    status: 401,
    id: 'err-edge-missing-tenant',
    retry: false,
    brief: 'no tenant is named',
    meaning: 'The push names no tenant.',
    remedy: 'Send the tenant header (`tenant.header`), or let the proxy in front set it.',
  },
  edge_invalid_tenant: {
    status: 400,
    id: 'err-edge-invalid-tenant',
    retry: false,
    brief: 'the tenant id is not valid',
    meaning: 'The tenant id breaks the rules of Mimir, or names more than one tenant.',
    remedy: "Use at most 150 characters of `a-z A-Z 0-9 ! - _ . * ' ( )`, one tenant a push.",
  },
  edge_unknown_tenant: {
    status: 403,
    id: 'err-edge-unknown-tenant',
    retry: false,
    brief: 'the tenant is not known',
    meaning: 'No overrides document names the tenant, and `tenants.unknown` is `refuse`.',
    remedy: 'Add the tenant to the overrides, or set `tenants.unknown` to `defaults`.',
  },
  edge_unsupported_media_type: {
    status: 415,
    id: 'err-edge-unsupported-media-type',
    retry: false,
    brief: 'content type not supported',
    meaning: 'The content type or content encoding is none of the protocol.',
    remedy:
      'Compress remote write as snappy; send OTLP as `application/x-protobuf` or `application/json`, plain or as gzip, lz4 or zstd.',
  },
  edge_unknown_message: {
    // The specification says 415; this is what Mimir answers.
    status: 400,
    id: 'err-edge-unknown-message',
    retry: false,
    brief: 'message type unknown',
    meaning:
      'The content type is that of remote write, and its parameters name a message that is none of its.',
    remedy:
      'Name `proto=prometheus.WriteRequest`, `proto=io.prometheus.write.v2.Request`, or none. Any other content type is read as Remote Write 1.0, as Mimir does.',
  },
  edge_unjudged_write: {
    // Not 4xx: this is about a setting, and the sender must keep its data until somebody has decided.
    status: 503,
    id: 'err-edge-unjudged-write',
    retry: true,
    brief: 'a path that is not judged',
    meaning:
      'The path takes series in a way that the edge does not judge (line protocol without `push.influx`, a path that is not in `push.paths`), and `push.unjudged` is `refuse`.',
    remedy:
      'Send remote write or OTLP, set `push.influx`, or set `push.unjudged` to `pass`: then no limit of the edge holds there.',
  },
  edge_malformed_body: {
    status: 400,
    id: 'err-edge-malformed-body',
    retry: false,
    brief: 'the body does not decode',
    meaning: 'The body does not decode; the message names the byte.',
    remedy: 'Look at the body with `mimir-edge inspect`; mend the sender or what stands between.',
  },
  edge_incomplete_body: {
    // Not 408: senders drop data for good on 4xx, and a slow network is not their mistake.
    status: 503,
    id: 'err-edge-incomplete-body',
    retry: true,
    brief: 'the body came too slowly',
    meaning: 'The body did not arrive in time (`server.body_timeout`).',
    remedy: 'Look at the network between sender and edge, or raise `server.body_timeout`.',
  },
  edge_body_too_large: {
    // As Mimir answers it; 413 is only for OTLP.
    status: 400,
    id: 'err-mimir-distributor-max-write-message-size',
    retry: false,
    brief: 'the body is too large',
    meaning: 'The body is larger than the cap, on the wire or uncompressed.',
    remedy: 'Raise `push.max_body_bytes` or `push.max_uncompressed_bytes`, as high as Mimir takes it.',
  },
  edge_otlp_too_large: {
    status: 413,
    id: 'err-mimir-distributor-max-otlp-request-size',
    retry: false,
    brief: 'the OTLP body is too large',
    meaning: 'The OTLP body is larger than the cap, on the wire or uncompressed.',
    remedy: 'Send smaller batches, or raise `push.max_body_bytes` or `push.max_uncompressed_bytes`.',
  },
  edge_partial_body: {
    status: 413,
    id: 'err-edge-partial-body',
    retry: false,
    brief: 'Envoy sent part of the body',
    meaning:
      'Envoy sent the edge a part of the body only (ext_authz): it is larger than Envoy is told to send.',
    remedy: 'Raise `max_request_bytes` in `with_request_body`, or set `envoy.on_partial_body` to `pass`.',
  },
  edge_body_not_sent: {
    // Not 4xx: Envoy is misconfigured, and the sender must keep its data until that is mended.
    status: 503,
    id: 'err-edge-body-not-sent',
    retry: true,
    brief: 'Envoy sent no body',
    meaning: 'Envoy sent the edge no body, or one as text (ext_authz); the message names the setting.',
    remedy: 'Set `with_request_body` with `pack_as_bytes: true`, at the filter itself.',
  },
  edge_overloaded: {
    status: 503,
    id: 'err-edge-max-bytes-in-flight',
    retry: true,
    brief: 'the edge holds too many bytes',
    meaning:
      'The edge holds as many body bytes as it may (`push.max_bytes_in_flight`); the body was not read.',
    remedy: 'Add replicas, raise the cap, or find out why the upstream is slow.',
  },
  edge_body_share: {
    status: 503,
    id: 'err-edge-body-share',
    retry: true,
    brief: 'too many bytes held of it',
    meaning:
      'The edge holds as many body bytes of the tenant (`push.tenant_share`), or from its address (`push.address_share`), as it may.',
    remedy: 'Send smaller or fewer pushes at one time, or raise the share.',
  },
  edge_upstream_full: {
    status: 503,
    id: 'err-edge-upstream-full',
    retry: true,
    brief: 'Mimir takes no more',
    meaning:
      'Mimir answers too slowly to take all that is sent, and of what it takes the tenant has its share (`upstream.fairness`).',
    remedy:
      'Look at what makes Mimir slow. A tenant that matters more gets a higher `weight`, or `priority: critical`.',
  },
  edge_panic: {
    // Not 429: as far as anybody knows the tenant is within its limits, and its data must not be lost.
    status: 503,
    id: 'err-edge-panic',
    retry: true,
    brief: 'a panic is on',
    meaning:
      'A panic is on: tenants of this priority may use a part of their rates and bursts alone, and this one has used it ([panic.md](panic.md)).',
    remedy:
      'Look at what Mimir lacks, and at `GET /api/v1/panic` for who or what set it. A tenant that matters more gets `priority: critical`.',
  },
  edge_busy: {
    status: 503,
    id: 'err-edge-busy',
    retry: true,
    brief: 'the edge is busy',
    meaning:
      'The tenant has as many large pushes waiting to be decoded as it may (`decode.max_waiting`), or the edge could not judge the push in the time that Envoy gives it.',
    remedy:
      'Lower `max_samples_per_send` in the sender; raise `decode.threads`, or `timeout` of the grpc_service in Envoy; or add replicas.',
  },
  edge_request_too_large: {
    status: 431,
    id: 'err-edge-request-too-large',
    retry: false,
    brief: 'a call of Envoy is too large',
    meaning: 'A call of Envoy holds more headers or descriptors than the edge reads; nothing was judged.',
    remedy: 'Send fewer or shorter headers; see `allowed_headers` of the ext_authz filter.',
  },
  edge_decoder_lost: {
    status: 503,
    id: 'err-edge-decoder-lost',
    retry: true,
    brief: 'a decoding thread died',
    meaning: 'The thread that decoded or filtered this push died; it has been replaced.',
    remedy: 'Nothing, if rare. Otherwise look for memory limits of the process.',
  },
  edge_state_lost: {
    status: 503,
    id: 'err-edge-state-lost',
    retry: true,
    brief: 'Redis does not answer',
    meaning: 'The shared state is out of reach and `state.on_loss` is `refuse`.',
    remedy: 'Bring Redis back, or set `state.on_loss` to `local-share`.',
  },
  edge_series_busy: {
    status: 503,
    id: 'err-edge-series-busy',
    retry: true,
    brief: 'series are not counted in time',
    meaning:
      'More new series came at once than the shared state looks at in time; those of this push were not looked at.',
    remedy: 'Nothing, if it ends: the sender comes again. Otherwise look for who makes so many new series.',
  },
} as const satisfies Record<string, ReasonFacts>;

export type Reason = keyof typeof REASONS;

export const REASON_NAMES = Object.keys(REASONS) as Reason[];

/** The index of a reason in per-tenant counters. */
export const REASON_INDEX = Object.fromEntries(REASON_NAMES.map((name, index) => [name, index])) as Record<
  Reason,
  number
>;

/** Mimir would also refuse the push for it. */
export function isMimirs(reason: Reason): boolean {
  return REASONS[reason].id.startsWith('err-mimir-');
}

/** The edge held the push back through no fault of the tenant; the sender retries. */
export function isEdges(reason: Reason): boolean {
  return EDGES.has(reason);
}

const EDGES: ReadonlySet<Reason> = new Set([
  'edge_overloaded',
  'edge_busy',
  'edge_decoder_lost',
  'edge_state_lost',
  'edge_series_busy',
]);

/** Mimir could not take the push, or a panic held it back. */
export function isMimirsTrouble(reason: Reason): boolean {
  return reason === 'edge_upstream_full' || reason === 'edge_panic';
}
