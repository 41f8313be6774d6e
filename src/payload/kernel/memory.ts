/**
 * The kernel's one linear memory. Nothing is ever freed: each decode lays its regions out anew, one after another,
 * and the memory grows to the largest decode seen. The binding drops the whole instance to give memory back.
 *
 *   BOUND_TEXTS  texts of OTLP's bounds that were met last
 *   RESULT   what a decode found, words that the binding reads
 *   EXCLUDE  the label name that the series hash leaves out
 *   WANTED   the label that names an HA pair
 *   LABELS   what is known of the labels of one series
 *   RULES    what series have to be like, written by the binding
 *   TEXTS    constant texts that OTLP's translation needs, written once by the binding
 *   KEYS     of the hash, written once by the binding
 *   (10752)  what the compiler makes static, see scripts/build.mjs
 *   INPUT    the bytes as they came, then in turn: the body, and the tables that the scan makes
 */

/** Space after a region, so that 16-byte loads and stores may run past its end. */
export const SLOP: u32 = 64;

export const BOUND_TEXTS: u32 = 512;
export const RESULT: u32 = 1920;
export const EXCLUDE: u32 = 2048;
export const WANTED: u32 = 3072;
export const LABELS: u32 = 4096;
export const RULES: u32 = 6144;
export const TEXTS: u32 = 6656;
export const KEYS: u32 = 8192;
export const INPUT: u32 = 16384;

// The compiler's own data (scripts/build.mjs sets where it begins) must end before the input.
if (<u32>__heap_base > INPUT) unreachable();

// Words of RESULT; src/payload/kernel-instance.ts reads the same.
export const RESULT_BODY: u32 = RESULT;
export const RESULT_BODY_LENGTH: u32 = RESULT + 4;
export const RESULT_RECORDS: u32 = RESULT + 8;
export const RESULT_SERIES: u32 = RESULT + 12;
export const RESULT_SAMPLES: u32 = RESULT + 16;
export const RESULT_HISTOGRAMS: u32 = RESULT + 20;
export const RESULT_EXEMPLARS: u32 = RESULT + 24;
export const RESULT_METADATA: u32 = RESULT + 28;
export const RESULT_MOST_LABELS: u32 = RESULT + 32;
export const RESULT_LONGEST_NAME: u32 = RESULT + 36;
export const RESULT_LONGEST_VALUE: u32 = RESULT + 40;
export const RESULT_UNNAMED: u32 = RESULT + 44;
export const RESULT_ERROR_OFFSET: u32 = RESULT + 48;
/** Set by `compress`. */
export const RESULT_LENGTH: u32 = RESULT + 52;
export const RESULT_LEAST_TIMESTAMP: u32 = RESULT + 56;
export const RESULT_GREATEST_TIMESTAMP: u32 = RESULT + 64;
export const RESULT_FAULTY: u32 = RESULT + 72;
export const RESULT_UNCHARGED: u32 = RESULT + 76;
export const RESULT_INVALID_METADATA: u32 = RESULT + 80;
export const RESULT_METADATA_FAULT: u32 = RESULT + 84;
/** The values of the HA labels; the address is 0 if there is no pair. */
export const RESULT_CLUSTER: u32 = RESULT + 88;
export const RESULT_CLUSTER_LENGTH: u32 = RESULT + 92;
export const RESULT_REPLICA: u32 = RESULT + 96;
export const RESULT_REPLICA_LENGTH: u32 = RESULT + 100;
/** The address and number of pairs of kernel/ha-pairs.ts. */
export const RESULT_PAIRS: u32 = RESULT + 104;
export const RESULT_PAIRS_FOUND: u32 = RESULT + 108;
/** Only for OTLP. */
export const RESULT_POINTS: u32 = RESULT + 112;
export const RESULT_SKIPPED_POINTS: u32 = RESULT + 116;
export const RESULT_FIRST_SKIPPED: u32 = RESULT + 120;
/** Without info series, for which Mimir has a separate limit. */
export const RESULT_MOST_PLAIN_LABELS: u32 = RESULT + 124;

// Results of a decode; src/payload/kernel-instance.ts has their messages.
export const OK: u32 = 0;
export const SNAPPY_HEADER: u32 = 1;
export const SNAPPY_CLAIM: u32 = 2;
export const SNAPPY_TRUNCATED: u32 = 3;
export const SNAPPY_OVERRUN: u32 = 4;
export const SNAPPY_OFFSET: u32 = 5;
export const SNAPPY_SHORT: u32 = 6;
export const TOO_LARGE: u32 = 7;
export const TOO_MANY_SERIES: u32 = 8;
export const TOO_MANY_SYMBOLS: u32 = 9;
export const OUT_OF_MEMORY: u32 = 10;
export const TRUNCATED: u32 = 11;
export const VARINT: u32 = 12;
export const FIELD_NUMBER: u32 = 13;
export const WIRE_TYPE: u32 = 14;
export const LENGTH: u32 = 15;
export const GROUP: u32 = 16;
export const SYMBOL_REF: u32 = 17;
export const ODD_REFS: u32 = 18;
export const OTHER_VERSION: u32 = 19;
export const TOO_DEEP: u32 = 20;
export const TRACE_ID_LENGTH: u32 = 21;

/** Grows memory up to `end`. False: the host gives no more. */
export function reserve(end: u64): bool {
  const have = (<u64>memory.size()) << 16;
  if (end <= have) return true;
  const pages = <i32>((end - have + 0xffff) >> 16);
  return memory.grow(pages) >= 0;
}

// @ts-ignore: decorator
@inline
export function align16(address: u32): u32 {
  return (address + 15) & ~15;
}
