/**
 * All sentences of refusals. Each says what happened and to whom, the number and the limit, and what to do about it. What
 * happened is mostly the second half of "the push of tenant a was refused:", which `pushRefused` puts in front.
 */
import type { EdgeLimits, TenantLimits } from '../limits/limits.js';
import type { TenantIdFault } from '../limits/tenant-id.js';
import type { HaLabels } from '../payload/push.js';
import type { MetadataReason } from './label-rules.js';
import type { LeftOut, LeftOutGroup, SeriesReason } from './left-out.js';
import type { LimitedBucket } from './limited-bucket.js';
import { mostSeries, tenantSeriesLimit } from './series-limit.js';

/** As in Mimir's messages, the error id goes between the two. */
export interface Sentence {
  readonly what: string;
  readonly remedy: string;
}

export function pushRefused(tenant: string | undefined, { what, remedy }: Sentence): Sentence {
  return {
    what: `the push${tenant === undefined ? '' : ` of tenant ${tenant}`} was refused: ${what}`,
    remedy,
  };
}

// Who sends

export const TENANT_ID_FAULTS: Record<TenantIdFault, Sentence> = {
  empty: {
    what: 'it names no tenant',
    remedy: 'let the sender, or the proxy in front, set the tenant header (tenant.header)',
  },
  too_long: { what: 'its tenant id is longer than 150 characters', remedy: 'use a shorter one' },
  unsupported_character: {
    what: 'its tenant id has a character that Mimir does not allow',
    remedy: "use a-z A-Z 0-9 ! - _ . * ' ( ) only",
  },
  reserved: { what: 'its tenant id is one that Mimir keeps for itself', remedy: 'use another one' },
  several: { what: 'it names more than one tenant', remedy: 'name one' },
};

export function unknownTenant(id: string): Sentence {
  return {
    what: `no overrides document names tenant ${id}`,
    remedy: 'add it to one, or set tenants.unknown to defaults',
  };
}

/** The same of a tenant without a bucket of its own. */
export function withoutRoom({ what, remedy }: Sentence): Sentence {
  return {
    what: `${what}; it shares this limit with others, as no overrides document names it and the edge holds no more such tenants`,
    remedy: `${remedy}, name it in a document, or raise tenants.max or tenants.unknown_max`,
  };
}

// Rates

export function overItemRate(
  { rate, burst }: LimitedBucket,
  items: number,
  left: number,
  limits: TenantLimits,
): Sentence {
  return {
    what:
      `it holds ${heldItems(items)}, and ${leftOf(left)} of the ingestion rate of ${rate} items/s with a burst of ` +
      `${burst}`,
    remedy: `send less, or raise ingestion_rate or ${burstSetting(limits)}`,
  };
}

export function overBurst({ burst }: LimitedBucket, items: number, limits: TenantLimits): Sentence {
  return {
    what: `it holds ${heldItems(items)}, more than the burst of ${burst}, and can not pass at any rate`,
    remedy: `send smaller pushes, or raise ${burstSetting(limits)}`,
  };
}

export function overByteRate({ rate, capacity }: LimitedBucket, bytes: number, left: number): Sentence {
  return {
    what:
      `its body has ${count(bytes, 'byte')}, and ${leftOf(left)} of the byte rate of ${rate} bytes/s with a burst ` +
      `of ${capacity}`,
    remedy: 'send less, or raise bytes_per_second or bytes_burst_size',
  };
}

export function overRequestRate({ rate, burst }: LimitedBucket): Sentence {
  return {
    what: `the tenant sends more than its request rate of ${rate} requests/s with a burst of ${burst}`,
    remedy: 'send fewer, larger pushes, or raise request_rate or request_burst_size',
  };
}

/** `part`: of its rates. */
export function lessAdmitted(part: number, priority: EdgeLimits['priority']): Sentence {
  const percent = Math.round(part * 1000) / 10;
  return {
    what:
      `too much comes for Mimir, and tenants of priority ${priority} may send ${percent} % of their rates and bursts until ` +
      'that is over (panic)',
    remedy:
      'nothing, if it ends: the sender comes again. Otherwise see GET /api/v1/panic for why, or raise the priority of this tenant',
  };
}

export function stateLost(): Sentence {
  return {
    what: 'the edge can not reach the shared state, and lets no push through without it (state.on_loss)',
    remedy: 'send it again soon',
  };
}

export function seriesBusy(): Sentence {
  return {
    what: 'too many new series wait for the shared state to look at them',
    remedy: 'send it again soon',
  };
}

function heldItems(items: number): string {
  return `${count(items, 'item')} (samples, histograms, exemplars, metadata)`;
}

function burstSetting(limits: TenantLimits): string {
  return limits.ingestion_burst_factor >= 1 ? 'ingestion_burst_factor' : 'ingestion_burst_size';
}

// The body

export function notSnappy(contentEncoding = ''): Sentence {
  return {
    what: `content encoding ${JSON.stringify(contentEncoding)} is not remote write's`,
    remedy: 'compress it as snappy: Mimir reads nothing else',
  };
}

export function unknownMessage(contentType = ''): Sentence {
  return {
    what: `content type ${JSON.stringify(contentType)} names a message that is not remote write's`,
    remedy: 'name proto=prometheus.WriteRequest, proto=io.prometheus.write.v2.Request, or none',
  };
}

export function notOtlpType(contentType = ''): Sentence {
  return {
    what: `content type ${JSON.stringify(contentType)} is not OTLP's`,
    remedy: 'send application/x-protobuf or application/json, without parameters',
  };
}

export function notOtlpEncoding(contentEncoding = ''): Sentence {
  return {
    what: `content encoding ${JSON.stringify(contentEncoding)} is none that Mimir reads`,
    remedy: 'compress it as gzip, lz4 or zstd, or send no such header',
  };
}

export function noZstd(): Sentence {
  return {
    what: 'this edge reads no zstd: its Node is older than 22.15',
    remedy: 'compress it as gzip or lz4, or run the edge with a newer Node',
  };
}

export function writeNotJudged(): Sentence {
  return {
    what: 'its path takes series in a protocol that the edge does not judge',
    remedy: 'send remote write, set push.influx for line protocol, or set push.unjudged to pass',
  };
}

export function unknownPrecision(precision: string): Sentence {
  return {
    what: `its precision ${JSON.stringify(precision.slice(0, 20))} is none of ns, us, ms and s`,
    remedy: 'name one of them, or none for nanoseconds',
  };
}

export function bodyTooLarge(maxBytes: number): Sentence {
  return {
    what: `its body is larger than ${maxBytes} bytes`,
    remedy: 'send smaller pushes, or raise push.max_body_bytes',
  };
}

export function bodyTooLate(timeoutMs: number): Sentence {
  return {
    what: `its body did not arrive within ${timeoutMs} ms`,
    remedy: 'look at the network, or raise server.body_timeout',
  };
}

export function edgeOverloaded(heldBytes: number, maxBytes: number): Sentence {
  return {
    what: `the edge holds ${heldBytes} of at most ${maxBytes} body bytes`,
    remedy: 'send it again later, add replicas, or raise push.max_bytes_in_flight',
  };
}

export function upstreamFull(): Sentence {
  return {
    what: 'Mimir can not take all that is sent, and this tenant sends more than its share',
    remedy:
      'nothing, if it ends: the sender comes again. Otherwise add distributors, or raise the weight of this tenant',
  };
}

/** `holder`: a tenant or an address. `setting` is its share of the edge's memory for bodies. */
export function overShare(holder: string, heldBytes: number, maxBytes: number, setting: string): Sentence {
  return {
    what: `the edge holds ${heldBytes} of at most ${maxBytes} body bytes for ${holder}`,
    remedy: `send it again later, or raise ${setting} or push.max_bytes_in_flight`,
  };
}

/** What the decoder found goes in front: "the body is too large when uncompressed". */
export function overDecoderCap(found: string, setting: string): Sentence {
  return { what: found, remedy: `send smaller pushes, or raise ${setting}` };
}

/** `offset` is undefined where nobody can say at which byte. */
export function bodyBroken(found: string, offset: number | undefined): Sentence {
  const where = offset === undefined ? '' : ` at byte ${offset}`;
  return {
    what: `its body does not decode: ${found}${where}`,
    remedy: 'look at it with mimir-edge inspect',
  };
}

export function decoderLost(found: string): Sentence {
  return { what: found, remedy: 'send it again' };
}

// What Envoy sends

const EXT_AUTHZ = 'with_request_body of the ext_authz filter';

export function checkIncomplete(): Sentence {
  return {
    what: 'it did not arrive whole from Envoy in time',
    remedy:
      'look at the network, or raise timeout of the grpc_service of the ext_authz filter, and server.body_timeout',
  };
}

export function judgedTooLate(): Sentence {
  return {
    what: 'the edge could not judge it in the time that Envoy gives',
    remedy: 'send it again later, add replicas, or raise timeout of the grpc_service of the ext_authz filter',
  };
}

export function besideBodyTooLarge(maxHeaders: number, maxBytes: number): Sentence {
  return {
    what: `Envoy sent more than ${maxHeaders} headers, or more than ${maxBytes} bytes beside the body`,
    remedy: 'name the headers that the edge reads in allowed_headers of the ext_authz filter',
  };
}

export function bodyPartial(): Sentence {
  return {
    what: 'Envoy sent a part of the body only',
    remedy: `send smaller pushes, or raise max_request_bytes in ${EXT_AUTHZ}`,
  };
}

export function bodyNotSent(): Sentence {
  return {
    what: 'Envoy did not send the body',
    remedy: `set ${EXT_AUTHZ}, and do not switch it off for the route`,
  };
}

export function bodySentAsText(): Sentence {
  return {
    what: 'Envoy sent the body as text, which destroys it',
    remedy: `set pack_as_bytes in ${EXT_AUTHZ}`,
  };
}

export function ratelimitCallTooLarge(max: number, what: 'bytes' | 'descriptors'): Sentence {
  return {
    what: `the ratelimit call of Envoy has more than ${max} ${what}`,
    remedy: 'send fewer or shorter ones',
  };
}

/** Of a call whose descriptors name nothing that the edge knows: it has no reason of its own. */
export const UNKNOWN_DESCRIPTOR =
  'the request was refused: a descriptor names no bucket of a tenant (err-edge-unknown-descriptor). ' +
  'Look at the actions of the ratelimit filter.';

// The whole push

export function tooManySeries(series: number, allowed: number): Sentence {
  return {
    what: `it holds ${series} series, and one push may hold ${allowed}`,
    remedy: 'send smaller pushes, or raise max_series_per_request',
  };
}

export function tooManyClusters(allowed: number, cluster: string): Sentence {
  return {
    what:
      `it comes from HA cluster ${cluster}, and the tenant has ${count(allowed, 'other')} already, as many as it ` +
      'may have',
    remedy: 'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
  };
}

/** Not a refusal, and no mistake of the sender. */
export function duplicateDropped(tenant: string, { cluster, replica }: HaLabels): string {
  return `the push of tenant ${tenant} was dropped as a duplicate: replica ${replica} of HA cluster ${cluster} is not elected`;
}

/** The same of some series of a push. */
export function duplicatesLeftOut(tenant: string, duplicates: number, series: number): string {
  return (
    `${duplicates} of ${series} series of tenant ${tenant} were dropped as duplicates and the rest was taken: ` +
    'they come from replicas of HA clusters that are not elected'
  );
}

// Single series

export interface RefusedSeries {
  readonly tenant: string;
  readonly limits: TenantLimits;
  /** Series in the push. */
  readonly series: number;
  readonly leftOut: LeftOut;
  /** What the answer is about, and a few of its series by name. */
  readonly lead: LeftOutGroup;
  readonly examples: readonly string[];
  /** The push goes on without them. */
  readonly restPasses: boolean;
}

/** "2 of 7 series of tenant a were refused and the rest was taken: they have no metric name ({job="x"}, {})" */
export function seriesRefused(refused: RefusedSeries): Sentence {
  const { lead, limits, leftOut } = refused;
  const others = leftOut.groups.filter((group) => group !== lead);
  const inSamePoints = leftOut.groups.reduce((sum, group) => sum + group.inSamePoints, 0);
  const isOnly = others.length === 0 && inSamePoints === 0;
  const subject = isOnly ? (lead.series === 1 ? 'it' : 'they') : String(faultySeries(lead));
  const faults = [
    `${subject} ${faultOf(lead, limits)} (${examplesOf(refused)})`,
    ...others.map((group) => `${faultySeries(group)} ${faultOf(group, limits)}`),
    ...(inSamePoints === 0
      ? []
      : [`${inSamePoints} ${inSamePoints === 1 ? 'is' : 'are'} of the same data points`]),
  ];
  return { what: `${whatWasRefused(refused)}: ${listed(faults)}`, remedy: remedyOf(lead.reason, limits) };
}

function faultySeries({ series, inSamePoints }: LeftOutGroup): number {
  return series - inSamePoints;
}

function whatWasRefused({ tenant, series, leftOut, restPasses }: RefusedSeries): string {
  const refused = leftOut.series;
  const were = refused === 1 ? 'was' : 'were';
  if (refused < series && !restPasses) {
    return (
      `the push of tenant ${tenant} was refused whole (series.over_limit, envoy.on_filter) because ` +
      `${refused} of its ${series} series may not pass`
    );
  }
  if (refused < series) {
    return `${refused} of ${series} series of tenant ${tenant} ${were} refused and the rest was taken`;
  }
  const all = `${refused === 1 ? '1' : `all ${refused}`} series of tenant ${tenant} ${were} refused`;
  return restPasses ? `${all} and only metadata was taken` : all;
}

function faultOf(group: LeftOutGroup, limits: TenantLimits): string {
  const isOne = faultySeries(group) === 1;
  const has = isOne ? 'has' : 'have';
  const is = isOne ? 'is' : 'are';
  switch (group.reason) {
    case 'missing_metric_name':
      return `${has} no metric name`;
    case 'metric_name_invalid':
      return `${has} a metric name that ${schemeOf(limits)} does not allow`;
    case 'label_invalid':
      return `${has} a label name that ${schemeOf(limits)} does not allow`;
    case 'label_value_invalid':
      return `${has} a label value that is not UTF-8`;
    case 'duplicate_label_names':
      return `${has} a label twice`;
    case 'too_far_in_future':
      return `${has} a sample more than ${duration(limits.creation_grace_period)} in the future`;
    case 'too_far_in_past':
      return `${has} a sample more than ${duration(limits.past_grace_period + limits.out_of_order_time_window)} in the past`;
    case 'invalid_native_histogram_schema':
      return `${has} a native histogram whose schema is neither -4 to 8 nor -53`;
    case 'max_native_histogram_buckets':
      return `${has} a native histogram of more than ${count(limits.max_native_histogram_buckets, 'bucket')}`;
    case 'not_reducible_native_histogram':
      return `${has} a native histogram that can not be reduced below ${count(limits.max_native_histogram_buckets, 'bucket')}`;
    case 'native_histogram_custom_buckets_not_reducible':
      return `${has} a native histogram of more than ${count(limits.max_native_histogram_buckets, 'custom bucket')}`;
    case 'max_label_names_per_series':
      return `${has} more than ${count(limits.max_label_names_per_series, 'label')}`;
    case 'max_label_names_per_info_series':
      return `${has} more than ${count(limits.max_label_names_per_info_series, 'label')}`;
    case 'label_name_too_long':
      return `${has} a label name of more than ${count(limits.max_label_name_length, 'byte')}`;
    case 'label_value_too_long':
      return `${has} a label value of more than ${count(limits.max_label_value_length, 'byte')}`;
    case 'max_active_series':
    case 'per_user_series_limit':
      return `${is} new and over the tenant's limit of ${mostSeries(limits)} active series`;
    case 'too_many_ha_clusters':
      return `${is} of an HA cluster that is new, and the tenant has as many as it may (${limits.ha_max_clusters})`;
    case 'per_metric_series_limit':
      return `${is} new and over the limit of ${limits.max_global_series_per_metric} active series for a metric`;
  }
}

/** A usage tracker of Mimir answers for two limits under one name. */
function remedyOf(reason: SeriesReason, limits: TenantLimits): string {
  if (reason !== 'max_active_series') return REMEDIES[reason];
  return `send fewer series, or raise ${tenantSeriesLimit(limits)}`;
}

const REMEDIES: Record<Exclude<SeriesReason, 'max_active_series'>, string> = {
  missing_metric_name: 'give every series a label __name__',
  metric_name_invalid: 'rename the metric, or set name_validation_scheme to utf8',
  label_invalid: 'rename the label, or set name_validation_scheme to utf8',
  label_value_invalid: 'mend the sender: values have to be UTF-8',
  duplicate_label_names: 'mend the sender: a series has each label once',
  too_far_in_future: 'look at the clock of the sender, or raise creation_grace_period',
  too_far_in_past: 'send samples sooner, or raise past_grace_period or out_of_order_time_window',
  invalid_native_histogram_schema: 'mend the sender',
  max_native_histogram_buckets:
    'send fewer buckets, raise max_native_histogram_buckets, or set reduce_native_histogram_over_max_buckets',
  not_reducible_native_histogram: 'send fewer buckets, or raise max_native_histogram_buckets',
  native_histogram_custom_buckets_not_reducible: 'send fewer buckets, or raise max_native_histogram_buckets',
  max_label_names_per_series: 'drop labels, or raise max_label_names_per_series',
  max_label_names_per_info_series: 'drop labels, or raise max_label_names_per_info_series',
  label_name_too_long: 'shorten the name, or raise max_label_name_length',
  label_value_too_long: 'shorten the value, or raise max_label_value_length',
  per_user_series_limit: 'send fewer series, or raise max_global_series_per_user',
  too_many_ha_clusters: 'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
  per_metric_series_limit: 'drop a label of the metric, or raise max_global_series_per_metric',
};

function schemeOf({ name_validation_scheme: scheme }: TenantLimits): string {
  return `the name validation scheme ${scheme}`;
}

// Metadata

export function metadataRefused(
  tenant: string,
  reason: MetadataReason,
  entries: number,
  maxLength: number,
): Sentence {
  const were = entries === 1 ? '1 metadata entry' : `all ${entries} metadata entries`;
  const faults: Record<MetadataReason, string> = {
    metadata_missing_metric_name: 'the first has no metric name',
    metric_name_too_long: `the metric name of the first has more than ${count(maxLength, 'byte')}`,
    unit_too_long: `the unit of the first has more than ${count(maxLength, 'byte')}`,
  };
  return {
    what: `${were} of tenant ${tenant} ${entries === 1 ? 'was' : 'were'} refused: ${faults[reason]}`,
    remedy:
      reason === 'metadata_missing_metric_name'
        ? 'give every entry a metric name, or set enforce_metadata_metric_name to false'
        : 'shorten it, or raise max_metadata_length',
  };
}

/** The largest unit in which it is a whole number. */
function duration(ms: number): string {
  const [unit, size] = DURATION_UNITS.find(([, one]) => ms % one === 0 && ms >= one) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

function examplesOf({ lead, examples }: RefusedSeries): string {
  return `${faultySeries(lead) > examples.length ? 'such as ' : ''}${examples.join(', ')}`;
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${last}` : last;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function leftOf(n: number): string {
  if (n === 0) return 'none are left';
  return `only ${n} ${n === 1 ? 'is' : 'are'} left`;
}
