/**
 * Mimir's rules for what is in a push, written down as its distributor goes through them, one decoded series after another,
 * with no thought for speed. The kernel has to come to the same.
 */
import { isUtf8 } from 'node:buffer';
import { FAULT, type SeriesRules } from '#src/payload/push.js';

export type Label = readonly [name: Buffer, value: Buffer];

export interface Histogram {
  readonly timestamp: bigint;
  readonly schema: number;
  readonly isFloat: boolean;
  readonly positiveSpans: readonly Span[];
  readonly negativeSpans: readonly Span[];
  readonly positiveDeltas: number;
  readonly negativeDeltas: number;
  readonly counts: number;
}

export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface Exemplar {
  readonly labels: readonly Label[];
  readonly timestamp: bigint;
}

export interface Series {
  readonly labels: readonly Label[];
  readonly samples: readonly bigint[];
  readonly histograms: readonly Histogram[];
  readonly exemplars: readonly Exemplar[];
}

export interface Judged {
  readonly labels: readonly Label[];
  readonly fault: number;
  readonly dataFault: number;
  readonly uncharged: number;
}

/** What the rules come to at one moment. */
export class MimirRules {
  readonly #rules: SeriesRules;
  readonly #oldest: number;
  readonly #newest: number;

  constructor(rules: SeriesRules, nowMs: number) {
    this.#rules = rules;
    this.#oldest = nowMs - rules.maxBehindMs;
    this.#newest = nowMs + rules.maxAheadMs;
  }

  /** `replicaLabel`: of an HA pair, which is removed before anything else; undefined where a series is of none. */
  judge(all: readonly Series[], replicaLabel: (of: Series) => string | undefined): Judged[] {
    const timestamps = all.flatMap(({ samples, histograms }) => [
      ...samples,
      ...histograms.map(({ timestamp }) => timestamp),
    ]);
    const least = timestamps.reduce<bigint | undefined>(
      (a, b) => (a === undefined || b < a ? b : a),
      undefined,
    );
    const oldestExemplar = least === undefined ? 0 : Math.max(Number(least - 300_000n), this.#oldest);
    return all.map((series) => {
      const labels = kept(series.labels, replicaLabel(series));
      const points = this.#points(series);
      const dropped = this.#droppedExemplars(series.exemplars, oldestExemplar);
      return { labels, fault: this.#labels(labels), ...points, uncharged: points.uncharged + dropped };
    });
  }

  metadata(name: number, unit: number): number {
    const { metadataNeedsName, maxMetadataLength } = this.#rules;
    if (metadataNeedsName && name === 0) return FAULT.metadataNoName;
    if (name > maxMetadataLength) return FAULT.metadataNameTooLong;
    return unit > maxMetadataLength ? FAULT.metadataUnitTooLong : FAULT.none;
  }

  #labels(labels: readonly Label[]): number {
    const rules = this.#rules;
    if (labels.length === 0) return FAULT.noLabels;
    const metric = labels.find(([name]) => name.equals(NAME))?.[1];
    if (metric === undefined) return FAULT.noMetricName;
    if (!this.#isName(metric, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/)) return FAULT.metricNameInvalid;
    if (labels.length > rules.maxLabels) {
      if (!metric.toString('latin1').endsWith('_info')) return FAULT.tooManyLabels;
      if (labels.length > rules.maxInfoLabels) return FAULT.tooManyInfoLabels;
    }
    let last: Buffer = Buffer.alloc(0);
    for (const [name, value] of labels.toSorted(([a], [b]) => Buffer.compare(a, b))) {
      if (!this.#isName(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/)) return FAULT.labelNameInvalid;
      if (name.length > rules.maxNameLength) return FAULT.labelNameTooLong;
      if (!isUtf8(value)) return FAULT.labelValueInvalid;
      if (value.length > rules.maxValueLength) return FAULT.labelValueTooLong;
      if (last.equals(name)) return FAULT.duplicateLabel;
      last = name;
    }
    return FAULT.none;
  }

  /** JavaScript's `$` is the very end where there is no m flag. */
  #isName(text: Buffer, legacy: RegExp): boolean {
    return this.#rules.utf8Names ? text.length > 0 && isUtf8(text) : legacy.test(text.toString('latin1'));
  }

  #points({ samples, histograms }: Series): { dataFault: number; uncharged: number } {
    let uncharged = 0;
    const seen = new Set<bigint>();
    for (const timestamp of samples) {
      if (seen.has(timestamp)) {
        uncharged++;
        continue;
      }
      seen.add(timestamp);
      const dataFault = this.#time(timestamp);
      if (dataFault !== FAULT.none) return { dataFault, uncharged };
    }
    seen.clear();
    for (const histogram of histograms) {
      if (seen.has(histogram.timestamp)) {
        uncharged++;
        continue;
      }
      seen.add(histogram.timestamp);
      const dataFault = this.#time(histogram.timestamp) || this.#histogram(histogram);
      if (dataFault !== FAULT.none) return { dataFault, uncharged };
    }
    return { dataFault: FAULT.none, uncharged };
  }

  #time(timestamp: bigint): number {
    if (timestamp > this.#newest) return FAULT.tooFarInFuture;
    return timestamp < this.#oldest ? FAULT.tooFarInPast : FAULT.none;
  }

  #histogram(histogram: Histogram): number {
    const { maxBuckets, reduceBuckets } = this.#rules;
    const { schema, positiveDeltas, negativeDeltas, counts } = histogram;
    if ((schema < -4 || schema > 8) && schema !== -53) return FAULT.histogramSchema;
    if (counts + positiveDeltas + negativeDeltas <= maxBuckets) return FAULT.none;
    if (schema === -53) return FAULT.histogramCustomBuckets;
    if (!reduceBuckets) return FAULT.histogramBuckets;
    let positive = bucketsOf(histogram.positiveSpans, positiveDeltas);
    let negative = bucketsOf(histogram.negativeSpans, negativeDeltas);
    for (let step = schema; step > -4; step--) {
      positive = halved(positive);
      negative = halved(negative);
      const left = histogram.isFloat ? positiveDeltas + negativeDeltas : positive.length + negative.length;
      if (left < maxBuckets) return FAULT.none;
    }
    return FAULT.histogramNotReducible;
  }

  #droppedExemplars(exemplars: readonly Exemplar[], oldest: number): number {
    const taken = exemplars
      .slice(0, this.#rules.maxExemplars)
      .filter(
        ({ labels, timestamp }) =>
          labels.some(([name, value]) => name.length > 0 && value.length > 0) &&
          timestamp !== 0n &&
          labels.flat().reduce((sum, text) => sum + characters(text), 0) <= 128 &&
          timestamp >= oldest &&
          timestamp <= this.#newest,
      );
    return exemplars.length - taken.length;
  }
}

const NAME = Buffer.from('__name__');

/** The first replica label goes, with a value or without, and then all without one. */
export function kept(all: readonly Label[], replicaLabel: string | undefined): Label[] {
  const replica = all.findIndex(([name]) => name.toString() === replicaLabel);
  return all.filter(([, value], index) => index !== replica && value.length > 0);
}

/** The places of a histogram's buckets. Spans may say more of them than there are. */
function bucketsOf(spans: readonly Span[], most: number): number[] {
  const places: number[] = [];
  let place = 0;
  for (const { offset, length } of spans) {
    place = (place + offset) | 0;
    for (let i = 0; i < length && places.length < most; i++) {
      places.push(place);
      place = (place + 1) | 0;
    }
  }
  return places;
}

/** At half the resolution two become one; those that come before the last are lost. */
function halved(places: readonly number[]): number[] {
  const result: number[] = [];
  for (const place of places) {
    const target = (((place - 1) | 0) >> 1) + 1;
    if (result.length === 0 || target > (result.at(-1) ?? 0)) result.push(target);
  }
  return result;
}

/** As Go counts them: a byte that is no part of a character is one of its own. */
function characters(text: Buffer): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    // Most of them are of one byte.
    if ((text[at] ?? 0) < 0x80) {
      at++;
      continue;
    }
    const length = [2, 3, 4].find((bytes) => {
      const one = text.subarray(at, at + bytes);
      return one.length === bytes && isUtf8(one) && [...one.toString()].length === 1;
    });
    at += length ?? 1;
  }
  return count;
}
