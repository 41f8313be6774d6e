/**
 * What a body holds, found out the slow and independent way: snappyjs and a full protobufjs decode. Strings are read
 * as bytes, because lengths count bytes and nobody checks UTF-8.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';
import { type HaLabels, type Push, RECORD_LABELS, RECORD_WORDS } from '#src/payload/push.js';
import { hasRow, type Rows } from '#src/payload/rows.js';

export interface Expected {
  series: number;
  samples: number;
  histograms: number;
  exemplars: number;
  metadata: number;
  mostLabels: number;
  longestLabelName: number;
  longestLabelValue: number;
  unnamedSeries: number;
  /** Per series: labels, longest name, longest value, samples, histograms, exemplars, flags. */
  rows: number[][];
}

/** By MetricType: what Mimir cuts off a series' name to get its family's. */
const SUFFIXES = new Map([
  [3, /(?<=.)_(bucket|count|sum)$/s],
  [4, /(?<=.)_(bucket|gcount|gsum)$/s],
  [5, /(?<=.)_(count|sum)$/s],
]);

type Label = [name: Buffer, value: Buffer];

interface SeriesV1 {
  labels: { name: Uint8Array; value: Uint8Array }[];
  samples: unknown[];
  histograms: unknown[];
  exemplars: unknown[];
}

interface SeriesV2 {
  labelsRefs: number[];
  samples: unknown[];
  histograms: unknown[];
  exemplars: { labelsRefs: number[] }[];
  metadata: { type: number; helpRef: number; unitRef: number } | null;
}

const V1 = lookup('remote-write-v1.proto', 'prometheus.WriteRequest');
const V2 = lookup('remote-write-v2.proto', 'io.prometheus.write.v2.Request');

function lookup(file: string, type: string): protobuf.Type {
  const text = readFileSync(new URL(`../../../proto/${file}`, import.meta.url), 'utf8');
  return protobuf.parse(text.replaceAll('string ', 'bytes ')).root.lookupType(type);
}

/** Undefined: the oracle refuses the body. */
export function expect(body: Uint8Array, version: 1 | 2): Expected | undefined {
  try {
    return version === 1 ? expectV1(body) : expectV2(body);
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

/** The labels of the first series that tell HA replicas apart. */
export function haLabels(
  body: Uint8Array,
  version: 1 | 2,
  clusterLabel: string,
  replicaLabel: string,
): HaLabels | undefined {
  let labels: Label[] = [];
  if (version === 1) {
    const { timeseries } = V1.decode(body) as unknown as { timeseries: SeriesV1[] };
    labels = (timeseries[0]?.labels ?? []).map(({ name, value }) => [Buffer.from(name), Buffer.from(value)]);
  } else {
    const { symbols, timeseries } = V2.decode(body) as unknown as {
      symbols: Uint8Array[];
      timeseries: SeriesV2[];
    };
    const refs = (timeseries[0]?.labelsRefs ?? []).map((ref) => Buffer.from(symbols[ref] ?? []));
    for (let i = 0; i + 1 < refs.length; i += 2) labels.push([refs[i]!, refs[i + 1]!]);
  }
  const textOf = (wanted: string) =>
    labels.find(([name, value]) => name.toString() === wanted && value.length > 0)?.[1].toString();
  const [cluster, replica] = [textOf(clusterLabel), textOf(replicaLabel)];
  return cluster === undefined || replica === undefined ? undefined : { cluster, replica };
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

function expectV1(body: Uint8Array): Expected {
  const { timeseries, metadata } = V1.decode(body) as unknown as {
    timeseries: SeriesV1[];
    metadata: unknown[];
  };
  const expected = start(metadata.length);
  for (const { labels, samples, histograms, exemplars } of timeseries) {
    const pairs = labels.map(({ name, value }): Label => [Buffer.from(name), Buffer.from(value)]);
    addSeries(expected, pairs, samples.length, histograms.length, exemplars.length);
  }
  return expected;
}

function expectV2(body: Uint8Array): Expected {
  const { symbols, timeseries } = V2.decode(body) as unknown as {
    symbols: Uint8Array[];
    timeseries: SeriesV2[];
  };
  const symbol = (ref: number): Buffer => {
    const bytes = symbols[ref];
    if (bytes === undefined) throw new Error('no such symbol');
    return Buffer.from(bytes);
  };
  const pairsOf = (refs: number[]): Label[] => {
    if (refs.length % 2 !== 0) throw new Error('a name without a value');
    return refs.flatMap((ref, index): Label[] =>
      index % 2 === 0 ? [[symbol(ref), symbol(refs[index + 1]!)]] : [],
    );
  };
  const expected = start(0);
  const families = new Set<string>();
  for (const { labelsRefs, samples, histograms, exemplars, metadata } of timeseries) {
    const pairs = pairsOf(labelsRefs);
    for (const exemplar of exemplars) exemplar.labelsRefs.forEach(symbol);
    addSeries(expected, pairs, samples.length, histograms.length, exemplars.length);
    if (metadata === null) continue;
    symbol(metadata.helpRef === 0 ? 0 : metadata.helpRef || 0);
    if (metadata.unitRef !== 0) symbol(metadata.unitRef);
    const name = pairs.find(
      ([label, value]) => label.toString('latin1') === '__name__' && value.length > 0,
    )?.[1];
    const says = metadata.type !== 0 || metadata.helpRef !== 0 || metadata.unitRef !== 0;
    if (says && name !== undefined)
      families.add(name.toString('latin1').replace(SUFFIXES.get(metadata.type) ?? /$^/, ''));
  }
  expected.metadata = families.size;
  return expected;
}

function start(metadata: number): Expected {
  return {
    series: 0,
    samples: 0,
    histograms: 0,
    exemplars: 0,
    metadata,
    mostLabels: 0,
    longestLabelName: 0,
    longestLabelValue: 0,
    unnamedSeries: 0,
    rows: [],
  };
}

/** Labels without a value are no labels, as in Mimir. */
function addSeries(
  expected: Expected,
  all: Label[],
  samples: number,
  histograms: number,
  exemplars: number,
): void {
  const labels = all.filter(([, value]) => value.length > 0);
  const longestName = Math.max(0, ...labels.map(([name]) => name.length));
  const longestValue = Math.max(0, ...labels.map(([, value]) => value.length));
  const name = labels.find(([label]) => label.toString('latin1') === '__name__')?.[1];
  const flags = name === undefined ? 0 : name.toString('latin1').endsWith('_info') ? 3 : 1;
  expected.series++;
  expected.samples += samples;
  expected.histograms += histograms;
  expected.exemplars += exemplars;
  expected.mostLabels = Math.max(expected.mostLabels, labels.length);
  expected.longestLabelName = Math.max(expected.longestLabelName, longestName);
  expected.longestLabelValue = Math.max(expected.longestLabelValue, longestValue);
  expected.unnamedSeries += name === undefined ? 1 : 0;
  expected.rows.push([labels.length, longestName, longestValue, samples, histograms, exemplars, flags]);
}

/** The same view of what the kernel found. */
export function found(push: Push): Expected {
  const rows: number[][] = [];
  for (let row = 0; row < push.series; row++)
    rows.push([...push.records.subarray(row * RECORD_WORDS + RECORD_LABELS).subarray(0, 7)]);
  return {
    series: push.series,
    samples: push.samples,
    histograms: push.histograms,
    exemplars: push.exemplars,
    metadata: push.metadata,
    mostLabels: push.mostLabels,
    longestLabelName: push.longestLabelName,
    longestLabelValue: push.longestLabelValue,
    unnamedSeries: push.unnamedSeries,
    rows,
  };
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
