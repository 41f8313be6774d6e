/**
 * What one remote-write request holds, after decoding. Numbers only: label text stays in `body`
 * and is read there when a refusal needs a name.
 */
import type { Rows } from './rows.js';

/** 1 is prometheus.WriteRequest, 2 is io.prometheus.write.v2.Request. */
export type ProtocolVersion = 1 | 2;

/**
 * `records` and `body` may be views on a decoder's memory: they hold until the next decode on the same
 * decoder, so they are read before anything is awaited, or copied.
 */
export interface Push {
  readonly kind: 'push';
  readonly version: ProtocolVersion;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  readonly series: number;
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  readonly metadata: number;
  /** The largest of each over all series, so that a clean push needs no look at the records. */
  readonly mostLabels: number;
  readonly longestLabelName: number;
  readonly longestLabelValue: number;
  /** Series with no `__name__` label, or with an empty one. */
  readonly unnamedSeries: number;
  /** Of the first series, if it has both labels and they were asked for. */
  readonly ha: HaLabels | undefined;
  /** `series` rows of RECORD_WORDS words, laid out as below. */
  readonly records: Uint32Array;
  /** The uncompressed protobuf that the records' offsets point into. */
  readonly body: Uint8Array;
}

/** What tells the replicas of an HA pair apart. */
export interface HaLabels {
  readonly cluster: string;
  readonly replica: string;
}

/** The push in memory of its own: it outlives the next decode. */
export function ownedPush(push: Push): Push {
  if (push.body.byteLength === push.body.buffer.byteLength) return push;
  return { ...push, records: push.records.slice(), body: push.body.slice() };
}

/** Words (u32) of one record. */
export const RECORD_WORDS = 14;
/** Offset of the series' field in the body, at its tag, and its length with tag and length prefix. */
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
/** Word 13 is spare, so that a record is a whole number of u64. */

/** The series has a `__name__` label that is not empty. */
export const RECORD_FLAG_NAMED = 1;
/** Its metric name ends in `_info`: Mimir allows such series more labels. */
export const RECORD_FLAG_INFO = 2;

/** Why bytes could not be decoded. Closed list: metrics and docs are made from it. */
export type BrokenCode =
  | 'snappy' // not a valid snappy block
  | 'protobuf' // not a valid message of the protocol that the content type names
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

export interface DecodeOptions {
  readonly version: ProtocolVersion;
  readonly maxUncompressedBytes: number;
  readonly maxSeries: number;
  /** A label name left out of the series hash (the HA replica label), or the empty string. */
  readonly excludeLabel: string;
  /** The label that names an HA pair: its value and the excluded label's are read from the first series. */
  readonly clusterLabel?: string;
  /** Whose body it is: senders of large ones take turns. */
  readonly sender?: string;
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
