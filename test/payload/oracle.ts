/**
 * What a body holds, found out the slow and independent way: snappyjs and a full protobufjs decode. Strings are read
 * as bytes, because lengths count bytes and nobody checks UTF-8.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';
import {
  type DecodeOptions,
  type HaLabels,
  NO_RULES,
  type Push,
  pairNumber,
  RECORD_DATA_FAULT,
  RECORD_EXEMPLARS,
  RECORD_FAULT,
  RECORD_FLAGS,
  RECORD_GREATEST_TIMESTAMP,
  RECORD_HISTOGRAMS,
  RECORD_LABELS,
  RECORD_LEAST_TIMESTAMP,
  RECORD_LONGEST_NAME,
  RECORD_LONGEST_VALUE,
  RECORD_SAMPLES,
  RECORD_UNCHARGED,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { hasRow, type Rows } from '#src/payload/rows.js';
import { type Judged, kept, type Label, MimirRules, type Series, type Span } from './mimir-rules.js';

export interface Expected {
  series: number;
  samples: number;
  histograms: number;
  exemplars: number;
  metadata: number;
  uncharged: number;
  invalidMetadata: number;
  metadataFault: number;
  faultySeries: number;
  leastTimestampMs: number;
  greatestTimestampMs: number;
  mostLabels: number;
  mostPlainLabels: number;
  longestLabelName: number;
  longestLabelValue: number;
  unnamedSeries: number;
  ha: HaLabels | undefined;
  /** In the order of the series that name them first. */
  pairs: readonly HaLabels[] | undefined;
  rows: Row[];
}

/** What a record says beside where its series is and what it hashes to. */
interface Row {
  labels: number;
  longestName: number;
  longestValue: number;
  samples: number;
  histograms: number;
  exemplars: number;
  flags: number;
  pair: HaLabels | undefined;
  fault: number;
  leastTimestamp: bigint;
  greatestTimestamp: bigint;
  /** Undefined where the series breaks a rule: Mimir looks no further then. */
  uncharged: number | undefined;
  dataFault: number;
}

export type Rules = Pick<
  DecodeOptions,
  'rules' | 'nowMs' | 'excludeLabel' | 'clusterLabel' | 'pairPerSeries'
>;

/** By MetricType: what Mimir cuts off a series' name to get its family's. */
const SUFFIXES = new Map([
  [3, /(?<=.)_(bucket|count|sum)$/s],
  [4, /(?<=.)_(bucket|gcount|gsum)$/s],
  [5, /(?<=.)_(count|sum)$/s],
]);

interface PointsOnWire {
  samples: { timestamp: { toString(): string } }[];
  histograms: HistogramOnWire[];
}

interface HistogramOnWire {
  timestamp: { toString(): string };
  schema: number;
  count?: 'countInt' | 'countFloat';
  positiveSpans: Span[];
  negativeSpans: Span[];
  positiveDeltas: unknown[];
  negativeDeltas: unknown[];
  positiveCounts: unknown[];
  negativeCounts: unknown[];
}

interface LabelsV1 {
  labels: { name: Uint8Array; value: Uint8Array }[];
}

interface SeriesV1 extends PointsOnWire, LabelsV1 {
  exemplars: (LabelsV1 & { timestamp: { toString(): string } })[];
}

interface SeriesV2 extends PointsOnWire {
  labelsRefs: number[];
  exemplars: { labelsRefs: number[]; timestamp: { toString(): string } }[];
  metadata: { type: number; helpRef: number; unitRef: number } | null;
}

const V1 = lookup('remote-write-v1.proto', 'prometheus.WriteRequest');
const V2 = lookup('remote-write-v2.proto', 'io.prometheus.write.v2.Request');

function lookup(file: string, type: string): protobuf.Type {
  const text = readFileSync(new URL(`../../../proto/${file}`, import.meta.url), 'utf8');
  return protobuf.parse(text.replaceAll('string ', 'bytes ')).root.lookupType(type);
}

/** Undefined: the oracle refuses the body. */
export function expect(body: Uint8Array, version: 1 | 2, rules: Rules = NO_LABELS): Expected | undefined {
  try {
    return version === 1 ? expectV1(body, rules) : expectV2(body, rules);
  } catch {
    return undefined;
  }
}

/** The body's top-level fields, cut apart by protobufjs, without the series that are left out. */
export function without(body: Uint8Array, version: 1 | 2, leftOut: Rows): Buffer {
  const reader = protobuf.Reader.create(body);
  const kept: Uint8Array[] = [];
  for (let row = 0; reader.pos < reader.len; ) {
    const start = reader.pos;
    const tag = reader.uint32();
    reader.skipType(tag & 7);
    const isSeries = tag >>> 3 === (version === 1 ? 1 : 5);
    if (!isSeries || !hasRow(leftOut, row)) kept.push(body.subarray(start, reader.pos));
    if (isSeries) row++;
  }
  return Buffer.concat(kept);
}

/**
 * Snappy as its format description has it, byte by byte. snappyjs alone would not do: it lets pass blocks that end in
 * mid-element, or that are longer or shorter than their header says. Where both take a block they must agree.
 */
export function uncompress(block: Uint8Array): Uint8Array | undefined {
  const out = uncompressStrictly(block);
  if (out !== undefined && !Buffer.from(SnappyJS.uncompress(block)).equals(out))
    throw new Error('two oracles differ');
  return out;
}

function uncompressStrictly(block: Uint8Array): Uint8Array | undefined {
  let at = 0;
  const little = (bytes: number): number => {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += (block[at++] ?? Number.NaN) * 256 ** i;
    return value;
  };
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = block[at++];
    if (byte === undefined || at > 5) return undefined;
    length += (byte & 127) * scale;
    if (byte < 128) break;
  }
  // What no block of this size can hold is not worth an allocation.
  if (length > block.length * 32 + 64) return undefined;
  const out: number[] = [];
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >>> 2;
      const size = 1 + (short < 60 ? short : little(short - 59));
      if (!(at + size <= block.length) || out.length + size > length) return undefined;
      out.push(...block.subarray(at, at + size));
      at += size;
      continue;
    }
    const size = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    const offset = kind === 1 ? (tag >>> 5) * 256 + little(1) : little(kind === 2 ? 2 : 4);
    if (!(offset > 0 && offset <= out.length) || out.length + size > length) return undefined;
    for (let i = 0; i < size; i++) out.push(out[out.length - offset]!);
  }
  return out.length === length ? Uint8Array.from(out) : undefined;
}

function expectV1(body: Uint8Array, rules: Rules): Expected {
  const { timeseries, metadata } = V1.decode(body) as unknown as {
    timeseries: SeriesV1[];
    metadata: { metricFamilyName: Uint8Array; unit: Uint8Array }[];
  };
  const series = timeseries.map(
    (one): Series => ({
      ...pointsOf(one),
      labels: labelsOf(one),
      exemplars: one.exemplars.map((exemplar) => ({
        labels: labelsOf(exemplar),
        timestamp: millis(exemplar),
      })),
    }),
  );
  const entries = metadata.map(({ metricFamilyName, unit }): Entry => [metricFamilyName.length, unit.length]);
  return addUp(series, entries, rules);
}

function expectV2(body: Uint8Array, rules: Rules): Expected {
  const { symbols, timeseries } = V2.decode(body) as unknown as {
    symbols: Uint8Array[];
    timeseries: SeriesV2[];
  };
  const symbol = (ref: number): Buffer => {
    const bytes = symbols[ref];
    if (bytes === undefined) throw new Error('no such symbol');
    return Buffer.from(bytes);
  };
  const pairsOf = (refs: number[]): Label[] =>
    refs.flatMap((ref, index): Label[] =>
      index % 2 === 0 && index + 1 < refs.length ? [[symbol(ref), symbol(refs[index + 1]!)]] : [],
    );
  const families = new Map<string, Entry>();
  const series = timeseries.map((one): Series => {
    const { labelsRefs, exemplars, metadata } = one;
    if (labelsRefs.length % 2 !== 0) throw new Error('a name without a value');
    const labels = pairsOf(labelsRefs);
    for (const exemplar of exemplars) exemplar.labelsRefs.forEach(symbol);
    if (metadata !== null) addFamily(families, kept(labels, undefined), metadata, symbol);
    return {
      ...pointsOf(one),
      labels,
      exemplars: exemplars.map((exemplar) => ({
        labels: pairsOf(exemplar.labelsRefs),
        timestamp: millis(exemplar),
      })),
    };
  });
  return addUp(series, [...families.values()], rules);
}

/** Of a name and a unit. */
type Entry = readonly [name: number, unit: number];

function addFamily(
  families: Map<string, Entry>,
  labels: readonly Label[],
  { type, helpRef, unitRef }: { type: number; helpRef: number; unitRef: number },
  symbol: (ref: number) => Buffer,
): void {
  if (helpRef !== 0) symbol(helpRef);
  const unit = unitRef === 0 ? 0 : symbol(unitRef).length;
  if (type === 0 && helpRef === 0 && unitRef === 0) return;
  const name = nameOf(labels);
  if (name === undefined) return;
  const family = name.toString('latin1').replace(SUFFIXES.get(type) ?? /$^/, '');
  if (!families.has(family)) families.set(family, [family.length, unit]);
}

function labelsOf({ labels }: LabelsV1): Label[] {
  return labels.map(({ name, value }): Label => [Buffer.from(name), Buffer.from(value)]);
}

function pointsOf({ samples, histograms }: PointsOnWire): Pick<Series, 'samples' | 'histograms'> {
  return {
    samples: samples.map(millis),
    histograms: histograms.map((one) => ({
      timestamp: millis(one),
      schema: one.schema,
      isFloat: one.count === 'countFloat',
      positiveSpans: one.positiveSpans,
      negativeSpans: one.negativeSpans,
      positiveDeltas: one.positiveDeltas.length,
      negativeDeltas: one.negativeDeltas.length,
      counts: one.positiveCounts.length + one.negativeCounts.length,
    })),
  };
}

function millis({ timestamp }: { timestamp: { toString(): string } }): bigint {
  return BigInt(timestamp.toString());
}

function nameOf(labels: readonly Label[]): Buffer | undefined {
  return labels.find(([label]) => label.toString('latin1') === '__name__')?.[1];
}

/** The labels of the first series that tell HA replicas apart: it is looked through until both are found. */
function pairOf(labels: readonly Label[], { clusterLabel = '', excludeLabel }: Rules): HaLabels | undefined {
  let [cluster, replica] = ['', ''];
  if (clusterLabel === '' || excludeLabel === '') return undefined;
  for (const [name, value] of labels) {
    if (name.toString() === clusterLabel) cluster = value.toString();
    if (name.toString() === excludeLabel) replica = value.toString();
    if (cluster !== '' && replica !== '') return { cluster, replica };
  }
  return undefined;
}

/** Of a replica whose name is too long Mimir knows nothing. */
function isOfPair(labels: readonly Label[], { rules = NO_RULES, ...options }: Rules): boolean {
  const pair = pairOf(labels, options);
  return pair !== undefined && Buffer.byteLength(pair.replica) <= rules.maxReplicaLength;
}

/** Where each series is of a pair of its own: that of this one, if its replica label is removed. */
function pairOfSeries(labels: readonly Label[], options: Rules): HaLabels | undefined {
  if (!options.pairPerSeries || replicaOf(labels, options) === undefined) return undefined;
  return pairOf(labels, options);
}

/** Undefined: there is none. */
function distinct(pairs: readonly HaLabels[]): readonly HaLabels[] | undefined {
  const found = new Map(pairs.map((pair) => [JSON.stringify(pair), pair]));
  return found.size === 0 ? undefined : [...found.values()];
}

/** The label that is removed from all series of a push whose first has these labels. */
function replicaOf(first: readonly Label[], options: Rules): string | undefined {
  const { clusterLabel = '', excludeLabel, rules = NO_RULES } = options;
  if (excludeLabel === '') return undefined;
  if (clusterLabel === '') return excludeLabel;
  const pair = pairOf(first, options);
  return pair !== undefined && Buffer.byteLength(pair.replica) <= rules.maxReplicaLength
    ? excludeLabel
    : undefined;
}

const NO_LABELS: Rules = { excludeLabel: '' };
const NO_TIME = { least: 2n ** 63n - 1n, greatest: -(2n ** 63n) };

function addUp(all: readonly Series[], metadata: readonly Entry[], options: Rules): Expected {
  const { rules = NO_RULES, nowMs = 0 } = options;
  const mimir = new MimirRules(rules, nowMs);
  const first = all[0]?.labels ?? [];
  const { pairPerSeries = false } = options;
  const judged = mimir.judge(all, ({ labels }) => replicaOf(pairPerSeries ? labels : first, options));
  const rows = all.map((series, row) => rowOf(series, judged[row]!, options));
  const faults = metadata.map((entry) => mimir.metadata(...entry)).filter((fault) => fault !== 0);
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const most = (of: (row: Row) => number) => rows.reduce((greatest, row) => Math.max(greatest, of(row)), 0);
  return {
    series: rows.length,
    samples: sum(({ samples }) => samples),
    histograms: sum(({ histograms }) => histograms),
    exemplars: sum(({ exemplars }) => exemplars),
    metadata: metadata.length,
    uncharged: sum(({ uncharged = 0 }) => uncharged),
    invalidMetadata: faults.length,
    metadataFault: faults[0] ?? 0,
    faultySeries: sum(({ fault, dataFault }) => Number(fault !== 0 || dataFault !== 0)),
    leastTimestampMs: Number(rows.reduce((a, { leastTimestamp: b }) => (b < a ? b : a), NO_TIME.least)),
    greatestTimestampMs: Number(
      rows.reduce((a, { greatestTimestamp: b }) => (b > a ? b : a), NO_TIME.greatest),
    ),
    mostLabels: most(({ labels }) => labels),
    mostPlainLabels: most(({ labels, flags }) => (flags === 3 ? 0 : labels)),
    longestLabelName: most(({ longestName }) => longestName),
    longestLabelValue: most(({ longestValue }) => longestValue),
    unnamedSeries: sum(({ flags }) => Number(flags === 0)),
    ha: pairPerSeries || !isOfPair(first, options) ? undefined : pairOf(first, options),
    pairs: pairPerSeries ? distinct(rows.flatMap(({ pair }) => pair ?? [])) : undefined,
    rows,
  };
}

/** Lengths are those of all labels that have values, counts those of the labels that Mimir keeps. */
function rowOf(series: Series, { labels, fault, dataFault, uncharged }: Judged, options: Rules): Row {
  const valued = series.labels.filter(([, value]) => value.length > 0);
  const name = nameOf(labels);
  const times = [...series.samples, ...series.histograms.map(({ timestamp }) => timestamp)];
  return {
    labels: labels.length,
    longestName: Math.max(0, ...valued.map(([text]) => text.length)),
    longestValue: Math.max(0, ...valued.map(([, text]) => text.length)),
    samples: series.samples.length,
    histograms: series.histograms.length,
    exemplars: series.exemplars.length,
    flags: name === undefined ? 0 : name.toString('latin1').endsWith('_info') ? 3 : 1,
    pair: pairOfSeries(series.labels, options),
    fault,
    leastTimestamp: times.reduce((a, b) => (b < a ? b : a), NO_TIME.least),
    greatestTimestamp: times.reduce((a, b) => (b > a ? b : a), NO_TIME.greatest),
    uncharged: fault === 0 && dataFault === 0 ? uncharged : undefined,
    dataFault,
  };
}

/** The same view of what the kernel found. */
export function found(push: Push): Expected {
  const rows = Array.from({ length: push.series }, (_, row) => foundRow(push, row));
  const { series, samples, histograms, exemplars, metadata, invalidMetadata, metadataFault } = push;
  const { faultySeries, leastTimestampMs, greatestTimestampMs, mostLabels, longestLabelName } = push;
  return {
    series,
    samples,
    histograms,
    exemplars,
    metadata,
    // In series that break a rule it means nothing.
    uncharged: rows.reduce((sum, { uncharged = 0 }) => sum + uncharged, 0),
    invalidMetadata,
    metadataFault,
    faultySeries,
    leastTimestampMs,
    greatestTimestampMs,
    mostLabels,
    mostPlainLabels: push.mostPlainLabels,
    longestLabelName,
    longestLabelValue: push.longestLabelValue,
    unnamedSeries: push.unnamedSeries,
    pairs: push.pairs,
    ha: push.ha,
    rows,
  };
}

function foundRow(push: Push, row: number): Row {
  const word = (place: number) => push.records[row * RECORD_WORDS + place]!;
  const pair = pairNumber(push, row);
  const fault = word(RECORD_FAULT);
  const dataFault = word(RECORD_DATA_FAULT);
  return {
    labels: word(RECORD_LABELS),
    longestName: word(RECORD_LONGEST_NAME),
    longestValue: word(RECORD_LONGEST_VALUE),
    samples: word(RECORD_SAMPLES),
    histograms: word(RECORD_HISTOGRAMS),
    exemplars: word(RECORD_EXEMPLARS),
    flags: word(RECORD_FLAGS) & 3,
    pair: push.pairs?.[pair - 1],
    fault,
    leastTimestamp: signed(word(RECORD_LEAST_TIMESTAMP), word(RECORD_LEAST_TIMESTAMP + 1)),
    greatestTimestamp: signed(word(RECORD_GREATEST_TIMESTAMP), word(RECORD_GREATEST_TIMESTAMP + 1)),
    uncharged: fault === 0 && dataFault === 0 ? word(RECORD_UNCHARGED) : undefined,
    dataFault,
  };
}

function signed(low: number, high: number): bigint {
  return BigInt.asIntN(64, BigInt(low) | (BigInt(high) << 32n));
}

/** The 64-bit series hashes, in order. */
export function hashes(push: Push, word = 2): bigint[] {
  return Array.from({ length: push.series }, (_, row) => {
    const at = row * RECORD_WORDS + word;
    return BigInt(push.records[at]!) | (BigInt(push.records[at + 1]!) << 32n);
  });
}

/**
 * Where the kernel refuses what protobufjs lets pass, and why that is right: Mimir's own decoder refuses a known
 * field of a wrong wire type, a varint of more than ten bytes and fields of the other version, and no sender writes deeply nested groups.
 */
const STRICTER = new Set([
  'a field has the wrong wire type',
  'a varint is too long',
  'a group does not end as it began, or is nested too deeply',
  'the message is of the other version of remote write',
]);

export function mayBeStricter(message: string): boolean {
  return STRICTER.has(message);
}
