/** A decoded push. Numbers only: the text of labels stays in `body` and is read there when a message needs a name. */
import type { LabelRewriting } from './rewriting.js';
import type { Rows } from './rows.js';
import type { Source } from './source.js';

/**
 * The type of a body: prometheus.WriteRequest, io.prometheus.write.v2.Request, or an OpenTelemetry
 * ExportMetricsServiceRequest (protobuf, uncompressed).
 */
export type Protocol = 'rw1' | 'rw2' | 'otlp';

/**
 * `records` and `body` may be views on a decoder's memory, which are valid until its next decode: read or copy them before
 * awaiting anything.
 */
export interface Push {
  readonly kind: 'push';
  readonly protocol: Protocol;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly series: number;
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  readonly metadata: number;
  /** Of the samples, histograms and exemplars above: those that Mimir drops silently and does not charge. */
  readonly uncharged: number;
  /** Metadata entries that Mimir refuses, and the rule that the first of them breaks: see FAULT. */
  readonly invalidMetadata: number;
  readonly metadataFault: number;
  /** Series with a RECORD_FAULT or a RECORD_DATA_FAULT; if 0, no record has to be looked at. */
  readonly faultySeries: number;
  /** Of all samples and histograms; without any, the least is greater than the greatest. */
  readonly leastTimestampMs: number;
  readonly greatestTimestampMs: number;
  /** The maxima over all series, so that records of a valid push need not be looked at. */
  readonly mostLabels: number;
  /** Of series whose metric name does not end in `_info`; Mimir allows those more labels. */
  readonly mostPlainLabels: number;
  readonly longestLabelName: number;
  readonly longestLabelValue: number;
  /** Series without a `__name__` label, or with an empty one. */
  readonly unnamedSeries: number;
  /** Of the first series, if it has both labels and they were asked for. */
  readonly ha: HaLabels | undefined;
  /** Only for an OTLP body, in addition to its series. */
  readonly otlp?: OtlpTotals;
  readonly translation?: OtlpTranslation | undefined;
  /** For an OTLP body: METRIC_WORDS for each metric that has series, in the order of its rows. */
  readonly metrics?: Uint32Array;
  /** If each series has a pair of its own: the replicas, as numbered by `pairNumber`. */
  readonly pairs?: readonly HaLabels[] | undefined;
  /** `series` rows of RECORD_WORDS words, with the layout below. */
  readonly records: Uint32Array;
  /** The uncompressed protobuf to which the records' offsets refer: to series, or in OTLP to what they were made of. */
  readonly body: Uint8Array;
  /** How labels were rewritten; the records reflect it, the body does not. */
  readonly rewriting?: LabelRewriting;
  /** The original form if it is not remote write, and lines of line protocol, from which `body` was made. */
  readonly source?: Source;
  readonly original?: Uint8Array;
}

/** Identifies a replica of an HA pair. */
export interface HaLabels {
  readonly cluster: string;
  readonly replica: string;
}

/** Totals of an OTLP body that its series do not show. */
export interface OtlpTotals {
  /** As received, including skipped ones. */
  readonly dataPoints: number;
  /** Data points that Mimir does not translate: it takes the others, and answers 400. */
  readonly skippedPoints: number;
  /** The first thing that Mimir's translation complains about; undefined: nothing. */
  readonly firstSkipped: OtlpSkipReason | undefined;
}

/** Why Mimir does not translate a metric, or the rest of one. A closed list. */
export type OtlpSkipReason =
  | 'temporality' // neither cumulative, nor delta where the tenant may send it
  | 'no_data' // it is of no kind that Mimir knows
  | 'no_points' // it has no data points
  | 'metric_name' // nothing is left of its name
  | 'label_name' // nothing is left of an attribute's name
  | 'scale' // of an exponential histogram, less than -4
  | 'exemplar'; // without a value

/** How Mimir translates a tenant's OTLP into series: its `otel_*` limits. */
export interface OtlpTranslation {
  /** Converts names to letters, digits and underscores. Off: they stay as they are. */
  readonly escapeNames: boolean;
  /** Appends the unit and, for counters, `_total` to metric names. */
  readonly addSuffixes: boolean;
  /** Resource attributes that become labels of the resource's series. */
  readonly promoteResourceAttributes: readonly string[];
  readonly keepIdentifyingResourceAttributes: boolean;
  readonly convertHistogramsToNhcb: boolean;
  readonly promoteScopeMetadata: boolean;
  readonly nativeDeltaIngestion: boolean;
  /** With `escapeNames`: a label name that begins with a single underscore is prefixed with `key`. */
  readonly labelNameUnderscoreSanitization: boolean;
  /** With `escapeNames`. Off: several underscores in a row become one. */
  readonly labelNamePreserveMultipleUnderscores: boolean;
}

/** A copy of the push that outlives the next decode. */
export function ownedPush(push: Push): Push {
  if (push.body.byteLength === push.body.buffer.byteLength) return push;
  const { original, metrics } = push;
  return {
    ...push,
    records: push.records.slice(),
    body: push.body.slice(),
    ...(original !== undefined && { original: original.slice() }),
    ...(metrics !== undefined && { metrics: metrics.slice() }),
  };
}

/** The words (u32) of one record. */
export const RECORD_WORDS = 20;
export const RECORD_BYTES = 4 * RECORD_WORDS;
/**
 * Offset of the series' field in the body, at its tag, and its length including tag and length prefix. In OTLP: of its data
 * point; or (target_info) the position of its resource, and 0.
 */
export const RECORD_OFFSET = 0;
export const RECORD_LENGTH = 1;
export const RECORD_HASH_LOW = 2;
export const RECORD_HASH_HIGH = 3;
export const RECORD_METRIC_HASH_LOW = 4;
export const RECORD_METRIC_HASH_HIGH = 5;
export const RECORD_LABELS = 6;
export const RECORD_LONGEST_NAME = 7;
export const RECORD_LONGEST_VALUE = 8;
export const RECORD_SAMPLES = 9;
export const RECORD_HISTOGRAMS = 10;
export const RECORD_EXEMPLARS = 11;
/** Bits, see RECORD_FLAG_*. */
export const RECORD_FLAGS = 12;
/** The first rule, in Mimir's order, that its labels break: see FAULT. */
export const RECORD_FAULT = 13;
/** Of its samples and histograms, i64 milliseconds, low word first; without any, the least is greater than the greatest. */
export const RECORD_LEAST_TIMESTAMP = 14;
export const RECORD_GREATEST_TIMESTAMP = 16;
/** Of its samples, histograms and exemplars: those that Mimir drops silently and does not charge. */
export const RECORD_UNCHARGED = 18;
/** The first rule, in Mimir's order, that its samples or histograms break. It counts if the labels break none. */
export const RECORD_DATA_FAULT = 19;

/**
 * The words (u32) of a metric of an OTLP body. Its metadata (two words) is counted each time that it changes for its
 * family.
 */
export const METRIC_WORDS = 4;
/** The first of its rows. */
export const METRIC_ROW = 0;
/** The number of its family, times two; plus one if Mimir refuses its metadata. */
export const METRIC_FAMILY = 1;
export const METRIC_SAID = 2;

/** What is wrong with a series or a metadata entry. 0 is nothing. kernel/rules.ts has the same numbers. */
export const FAULT = {
  none: 0,
  /** It has no labels, and Mimir drops it silently. */
  noLabels: 1,
  noMetricName: 2,
  metricNameInvalid: 3,
  tooManyLabels: 4,
  tooManyInfoLabels: 5,
  labelNameInvalid: 6,
  labelNameTooLong: 7,
  labelValueInvalid: 8,
  labelValueTooLong: 9,
  duplicateLabel: 10,
  tooFarInFuture: 11,
  tooFarInPast: 12,
  histogramSchema: 13,
  histogramBuckets: 14,
  histogramNotReducible: 15,
  histogramCustomBuckets: 16,
  metadataNoName: 17,
  metadataNameTooLong: 18,
  metadataUnitTooLong: 19,
} as const;

/** The series has a `__name__` label that is not empty. */
export const RECORD_FLAG_NAMED = 1;
/** Its metric name ends in `_info`: Mimir allows such series more labels. */
export const RECORD_FLAG_INFO = 2;

/** The oldest of its samples and histograms, in milliseconds since 1970; Infinity without any. */
export function leastTimestampMs({ records }: Push, row: number): number {
  const at = row * RECORD_WORDS + RECORD_LEAST_TIMESTAMP;
  const high = (records[at + 1] ?? 0) | 0;
  const ms = high * 2 ** 32 + (records[at] ?? 0);
  return ms === 2 ** 63 ? Number.POSITIVE_INFINITY : ms;
}

/** The HA replicas of a push, and whether all of it comes from one. */
export interface Replicas {
  readonly all: readonly HaLabels[];
  readonly isOne: boolean;
}

const NO_REPLICAS: Replicas = { all: [], isOne: false };

export function replicasOf(push: Push): Replicas {
  const { ha, pairs } = push;
  if (pairs !== undefined) return { all: pairs, isOne: pairs.length === 1 && everySeriesIsFromPair(push) };
  return ha === undefined ? NO_REPLICAS : { all: [ha], isOne: true };
}

function everySeriesIsFromPair(push: Push): boolean {
  for (let row = 0; row < push.series; row++) if (pairNumber(push, row) === 0) return false;
  return true;
}

/** The flags that identify a series' HA pair: that its replica label is removed, and the number of the pair. */
export const RECORD_PAIR_FLAGS = 0xffff0004;

/** The number of a series' replica in the push's `pairs`, from 1; 0: none. Stored in the upper half of its flags. */
export function pairNumber({ records }: Push, row: number): number {
  return (records[row * RECORD_WORDS + RECORD_FLAGS] ?? 0) >>> 16;
}

/** Why bytes could not be decoded. A closed list: metrics and docs are made from it. */
export type BrokenCode =
  | 'snappy' // not a valid snappy block
  | 'compression' // not valid data of the content encoding
  | 'protobuf' // not a valid message of the protocol that the content type names
  | 'influx' // not valid line protocol
  | 'json' // not valid JSON of the protocol
  | 'too_large' // more uncompressed bytes than the cap
  | 'too_many_series'; // more series than the cap

export interface Broken {
  readonly kind: 'broken';
  readonly code: BrokenCode;
  /** A plain sentence for the sender. */
  readonly message: string;
  /** The position: in the compressed bytes for `snappy`, otherwise in the uncompressed ones. */
  readonly offset: number;
}

/** The decoder lost this request (its thread died, or memory ran out): the sender may retry. */
export interface Lost {
  readonly kind: 'lost';
  /** It was not begun: too many are waiting. */
  readonly busy?: boolean;
  readonly message: string;
}

export type Decoded = Push | Broken | Lost;

export type FilteredBody = Uint8Array | Lost;

/**
 * A tenant's rules for series and metadata in the kernel's form. One flat object, made once for a tenant's limits. For
 * lengths and counts, NO_RULE means unlimited.
 */
export interface SeriesRules {
  /** Names of metrics and labels may be any UTF-8; otherwise letters, digits, `_`, and `:` in metrics. */
  readonly utf8Names: boolean;
  readonly maxLabels: number;
  /** For series whose metric name ends in `_info`. */
  readonly maxInfoLabels: number;
  readonly maxNameLength: number;
  readonly maxValueLength: number;
  /** Exemplars of a series beyond this number are dropped. */
  readonly maxExemplars: number;
  /** How far samples may be ahead of the clock, and behind it. */
  readonly maxAheadMs: number;
  readonly maxBehindMs: number;
  /** Buckets of a native histogram, and whether one with more is reduced if possible. */
  readonly maxBuckets: number;
  readonly reduceBuckets: boolean;
  readonly maxMetadataLength: number;
  readonly metadataNeedsName: boolean;
  /** The HA replica label is left out of series only if it is not longer than this. */
  readonly maxReplicaLength: number;
}

/** A length or count in SeriesRules: unlimited. */
export const NO_RULE = 0xffffffff;

/** Everything is valid, except series without a name. */
export const NO_RULES: SeriesRules = {
  utf8Names: true,
  maxLabels: NO_RULE,
  maxInfoLabels: NO_RULE,
  maxNameLength: NO_RULE,
  maxValueLength: NO_RULE,
  maxExemplars: NO_RULE,
  maxAheadMs: Number.POSITIVE_INFINITY,
  maxBehindMs: Number.POSITIVE_INFINITY,
  maxBuckets: NO_RULE,
  reduceBuckets: false,
  maxMetadataLength: NO_RULE,
  metadataNeedsName: false,
  maxReplicaLength: NO_RULE,
};

export interface DecodeOptions {
  readonly protocol: Protocol;
  readonly maxUncompressedBytes: number;
  readonly maxSeries: number;
  /** Set if the body is not remote write and has to be converted for the kernel. */
  readonly source?: Source | undefined;
  /** For OTLP; Mimir's defaults if not given. */
  readonly otlp?: OtlpTranslation | undefined;
  /** The label that the series hash leaves out (the HA replica label), or an empty string. */
  readonly excludeLabel: string;
  /** The label that names an HA pair: its value and the excluded label's are read from the first series. */
  readonly clusterLabel?: string;
  /** Each series belongs to the pair in its own labels. */
  readonly pairPerSeries?: boolean;
  /** NO_RULES if not given. */
  readonly rules?: SeriesRules;
  /** The current time for the rules on timestamps, in milliseconds since 1970. */
  readonly nowMs?: number;
  /** How labels are rewritten before they are judged. */
  readonly rewriting?: LabelRewriting | undefined;
  /** The sender of the body: senders of large bodies take turns. */
  readonly sender?: string;
  /** It has far more series than is usual for its size. */
  readonly hasManySeries?: boolean;
}

/**
 * Decodes a body, in the chunks in which it arrived, to a Push, and writes a Push as a body. Both are synchronous when they
 * work inline.
 */
export interface Decoder {
  /**
   * `wanted`: whether anybody still waits for it, asked when its turn comes. The chunks must stay valid until the result.
   */
  decode(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    wanted?: () => boolean,
  ): Decoded | Promise<Decoded>;
  /** Writes the push without the given rows, compressed. Afterwards the push must not be used. */
  filter(push: Push, leftOut: Rows): FilteredBody | Promise<FilteredBody>;
  close(): Promise<void>;
}
