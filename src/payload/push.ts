/**
 * What one push holds, after decoding. Numbers only: label text stays in `body` and is read there when a refusal
 * needs a name.
 */
import type { LabelRewriting } from './rewriting.js';
import type { Rows } from './rows.js';
import type { Source } from './source.js';

/**
 * What a body is: prometheus.WriteRequest, io.prometheus.write.v2.Request, or an OpenTelemetry ExportMetricsServiceRequest
 * (protobuf, not compressed).
 */
export type Protocol = 'rw1' | 'rw2' | 'otlp';

/**
 * `records` and `body` may be views on a decoder's memory: they hold until the next decode on the same
 * decoder, so they are read before anything is awaited, or copied.
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
  /** Of the samples, histograms and exemplars above: those that Mimir drops without a word, and charges nothing for. */
  readonly uncharged: number;
  /** Metadata entries that Mimir refuses, and the rule that the first of them breaks: see FAULT. */
  readonly invalidMetadata: number;
  readonly metadataFault: number;
  /** Series with a RECORD_FAULT or a RECORD_DATA_FAULT: where there is none no record has to be looked at. */
  readonly faultySeries: number;
  /** Of all samples and histograms; the least is above the greatest where there are none. */
  readonly leastTimestampMs: number;
  readonly greatestTimestampMs: number;
  /** The largest of each over all series, so that a clean push needs no look at the records. */
  readonly mostLabels: number;
  /** Of series whose metric name does not end in `_info`: Mimir allows those more. */
  readonly mostPlainLabels: number;
  readonly longestLabelName: number;
  readonly longestLabelValue: number;
  /** Series with no `__name__` label, or with an empty one. */
  readonly unnamedSeries: number;
  /** Of the first series, if it has both labels and they were asked for. */
  readonly ha: HaLabels | undefined;
  /** Of an OTLP body only, and how it becomes series. */
  readonly otlp?: OtlpTotals;
  readonly translation?: OtlpTranslation | undefined;
  /** Of an OTLP body: METRIC_WORDS for each metric that has series, in the order of its rows. */
  readonly metrics?: Uint32Array;
  /** Where each series is of a pair of its own: the replicas that they come from, in the order of `pairNumber`. */
  readonly pairs?: readonly HaLabels[] | undefined;
  /** `series` rows of RECORD_WORDS words, laid out as below. */
  readonly records: Uint32Array;
  /** The uncompressed protobuf that the records' offsets point into: at series, in OTLP at what they were made of. */
  readonly body: Uint8Array;
  /** Its records are of series whose labels were rewritten like this; the body has them as they were sent. */
  readonly rewriting?: LabelRewriting;
  /** What it came as, where that is no remote write, and its lines of line protocol: `body` was made from them. */
  readonly source?: Source;
  readonly original?: Uint8Array;
}

/** What tells the replicas of an HA pair apart. */
export interface HaLabels {
  readonly cluster: string;
  readonly replica: string;
}

/** What is told of OTLP bodies beside the series that their data points become. */
export interface OtlpTotals {
  /** As they were received, with those that are skipped. */
  readonly dataPoints: number;
  /** Data points that Mimir does not translate: it takes the others, and answers 400. */
  readonly skippedPoints: number;
  /** The first thing that Mimir's translation would complain about; undefined: nothing. */
  readonly firstSkipped: OtlpSkipReason | undefined;
}

/** Why Mimir does not translate a metric, or what is left of one. Closed list. */
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
  /** Names become letters, digits and underscores. Off: they stay as they are. */
  readonly escapeNames: boolean;
  /** Metric names end in their unit and, for counters, `_total`. */
  readonly addSuffixes: boolean;
  /** Resource attributes that become labels of the resource's series. */
  readonly promoteResourceAttributes: readonly string[];
  readonly keepIdentifyingResourceAttributes: boolean;
  readonly convertHistogramsToNhcb: boolean;
  readonly promoteScopeMetadata: boolean;
  readonly nativeDeltaIngestion: boolean;
  /** With `escapeNames`: a label name with one underscore at its beginning gets `key` before it. */
  readonly labelNameUnderscoreSanitization: boolean;
  /** With `escapeNames`. Off: several underscores in a row become one. */
  readonly labelNamePreserveMultipleUnderscores: boolean;
}

/** The push in memory of its own: it outlives the next decode. */
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

/** Words (u32) of one record. */
export const RECORD_WORDS = 20;
export const RECORD_BYTES = 4 * RECORD_WORDS;
/**
 * Offset of the series' field in the body, at its tag, and its length with tag and length prefix. Of OTLP: of the data point
 * that it was made of; or (target_info) where its resource begins, and 0.
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
/** The rule that its labels break, the first in Mimir's order: see FAULT. */
export const RECORD_FAULT = 13;
/** Of its samples and histograms, i64 milliseconds, low word first; the least is above the greatest where it has none. */
export const RECORD_LEAST_TIMESTAMP = 14;
export const RECORD_GREATEST_TIMESTAMP = 16;
/** Of its samples, histograms and exemplars: those that Mimir drops without a word, and charges nothing for. */
export const RECORD_UNCHARGED = 18;
/** The rule that its samples or histograms break, the first in Mimir's order. It counts where the labels break none. */
export const RECORD_DATA_FAULT = 19;

/** Words (u32) of a metric of an OTLP body. What is said of it (two words) is told once each time that it changes for its family. */
export const METRIC_WORDS = 4;
/** The first of its rows. */
export const METRIC_ROW = 0;
/** The number of its family, times two; and one more where Mimir refuses its metadata. */
export const METRIC_FAMILY = 1;
export const METRIC_SAID = 2;

/** What is wrong with a series or a metadata entry. 0 is nothing. kernel/rules.ts has the same. */
export const FAULT = {
  none: 0,
  /** It has no label, and Mimir drops it without a word. */
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

/** Milliseconds since 1970, of its samples and histograms; infinite where it has none. */
export function leastTimestampMs({ records }: Push, row: number): number {
  const at = row * RECORD_WORDS + RECORD_LEAST_TIMESTAMP;
  const high = (records[at + 1] ?? 0) | 0;
  const ms = high * 2 ** 32 + (records[at] ?? 0);
  return ms === 2 ** 63 ? Number.POSITIVE_INFINITY : ms;
}

/** The HA replicas that a push comes from, and whether all of it comes from one. */
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

/** What says which HA pair a series is of: that its replica label is removed, and the number of the pair. */
export const RECORD_PAIR_FLAGS = 0xffff0004;

/** From which of the push's `pairs` a series comes, the first being 1; 0: from none. It is in the upper half of its flags. */
export function pairNumber({ records }: Push, row: number): number {
  return (records[row * RECORD_WORDS + RECORD_FLAGS] ?? 0) >>> 16;
}

/** Why bytes could not be decoded. Closed list: metrics and docs are made from it. */
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
  /** Where: in the compressed bytes for `snappy`, in the uncompressed ones otherwise. */
  readonly offset: number;
}

/** The decoder lost this request (its thread died, memory ran out): the sender may come again. */
export interface Lost {
  readonly kind: 'lost';
  /** It was not begun: there are too many before it. */
  readonly busy?: boolean;
  readonly message: string;
}

export type Decoded = Push | Broken | Lost;

export type FilteredBody = Uint8Array | Lost;

/**
 * What a tenant's series and metadata have to be like, as the kernel judges them. One flat object, made once for a tenant's
 * limits. Lengths and counts: no limit is NO_RULE.
 */
export interface SeriesRules {
  /** Names of metrics and labels may be any UTF-8; otherwise they are letters, digits, `_`, and `:` in metrics. */
  readonly utf8Names: boolean;
  readonly maxLabels: number;
  /** Of series whose metric name ends in `_info`. */
  readonly maxInfoLabels: number;
  readonly maxNameLength: number;
  readonly maxValueLength: number;
  /** Exemplars of a series that are looked at; those after them are dropped. */
  readonly maxExemplars: number;
  /** How far samples may be ahead of the clock, and behind it. */
  readonly maxAheadMs: number;
  readonly maxBehindMs: number;
  /** Buckets of a native histogram, and whether one that has more is reduced where it can be. */
  readonly maxBuckets: number;
  readonly reduceBuckets: boolean;
  readonly maxMetadataLength: number;
  readonly metadataNeedsName: boolean;
  /** The HA replica label is left out of series only if it is no longer than this. */
  readonly maxReplicaLength: number;
}

/** As a length or a count in SeriesRules. */
export const NO_RULE = 0xffffffff;

/** All that can be sent is valid, but for what has no name. */
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
  /** The body is no remote write, and is made into one that the kernel reads. */
  readonly source?: Source | undefined;
  /** Of OTLP; Mimir's defaults where it is not given. */
  readonly otlp?: OtlpTranslation | undefined;
  /** A label name left out of the series hash (the HA replica label), or the empty string. */
  readonly excludeLabel: string;
  /** The label that names an HA pair: its value and the excluded label's are read from the first series. */
  readonly clusterLabel?: string;
  /** Each series is of the pair that its own labels name. */
  readonly pairPerSeries?: boolean;
  /** NO_RULES where they are not given. */
  readonly rules?: SeriesRules;
  /** What time it is, for the rules on timestamps: milliseconds since 1970. */
  readonly nowMs?: number;
  /** What becomes of the series' labels before they are judged. */
  readonly rewriting?: LabelRewriting | undefined;
  /** Whose body it is: senders of large ones take turns. */
  readonly sender?: string;
  /** It has far more series than bodies of its size have. */
  readonly hasManySeries?: boolean;
}

/**
 * Turns a body, in the chunks that it arrived in, into a Push, and a Push back into a body. Both answer at once when they
 * work inline.
 */
export interface Decoder {
  /** `wanted`: is anybody still waiting for it? Asked when its turn comes. The chunks must hold until it is answered. */
  decode(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    wanted?: () => boolean,
  ): Decoded | Promise<Decoded>;
  /** The push without the rows that are left out, compressed. Afterwards the push is not to be used. */
  filter(push: Push, leftOut: Rows): FilteredBody | Promise<FilteredBody>;
  close(): Promise<void>;
}
