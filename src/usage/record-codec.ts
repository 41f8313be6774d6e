/**
 * Records of hours and days as bytes, some ninety each: one record, and a tenant's list of them. What was measured to the
 * second is in it as it was, arrival curves rounded up to eleven significant bits, so that they are never too low.
 *
 * A reason is told by a hash of its name, so that versions with other reasons read each other's records.
 */
import { REASON_NAMES } from '../enforce/reasons.js';
import { ByteReader, ByteWriter, Damaged } from './bytes.js';
import { decode, encode } from './tracks.js';
import { CURVE_WINDOWS, PEAKS, type UsageRecord } from './usage-record.js';

const VERSION = 1;
const KINDS = ['items', 'requests', 'bytes'] as const;
const EXACT_CURVES = 8;
/** In place of a window that was not measured. */
const UNKNOWN = 0xffff;
const MOST_RECORDS = 1000;
const MOST_REASONS = 200;
/** A reason that this version does not know. */
export const UNKNOWN_REASON = 'unknown';

const NAMES = new Map(REASON_NAMES.map((name) => [reasonCode(name), name as string]));

/** 16 bits of FNV-1a. A test sees to it that no two reasons have the same. */
export function reasonCode(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return (hash ^ (hash >>> 16)) & 0xffff;
}

/** `exact`: of one that is under way, and will be gone on with. */
export function writeRecord(to: ByteWriter, record: UsageRecord, exact: boolean): void {
  const { startMs, seconds, coveredSeconds, resolutionSeconds, offered, refused, reasons } = record;
  to.number(Math.round(startMs / 1000 / 3600));
  to.number(seconds / 3600);
  to.number(coveredSeconds);
  to.number(resolutionSeconds);
  for (const counts of [offered, refused]) {
    for (const count of [counts.requests, counts.items, counts.bytes, counts.newSeries]) level(to, count);
  }
  to.number(reasons.length);
  for (const { reason, pushes, samples } of reasons) {
    to.number(reasonCode(reason));
    to.number(pushes);
    to.number(samples);
  }
  const peaks = PEAKS.map((name) => record.peaks[name]);
  to.byte(peaks.reduce<number>((flags, peak, i) => flags | (peak === undefined ? 0 : 1 << i), 0));
  for (const peak of peaks) if (peak !== undefined) to.number(Math.round(peak));
  const curves = KINDS.map((kind) => record.curves[kind]);
  to.byte(
    curves.reduce<number>(
      (flags, curve, i) => flags | (curve === undefined ? 0 : 1 << i),
      exact ? EXACT_CURVES : 0,
    ),
  );
  for (const curve of curves) {
    if (curve === undefined) continue;
    for (let i = 0; i < CURVE_WINDOWS.length; i++) writeWindow(to, curve[i] ?? Number.NaN, exact);
  }
}

export function readRecord(from: ByteReader): UsageRecord {
  const startMs = from.number() * 3_600_000;
  const seconds = from.number() * 3600;
  const coveredSeconds = from.number();
  const resolutionSeconds = from.number();
  const [offered, refused] = [readCounts(from), readCounts(from)];
  const count = from.count(3);
  if (count > MOST_REASONS) throw new Damaged(`a record has ${count} reasons`);
  const reasons = Array.from({ length: count }, () => ({
    reason: NAMES.get(from.number()) ?? UNKNOWN_REASON,
    pushes: from.number(),
    samples: from.number(),
  }));
  const flags = from.byte();
  const peaks: { -readonly [K in keyof UsageRecord['peaks']]: UsageRecord['peaks'][K] } = {};
  PEAKS.forEach((name, i) => {
    if (flags & (1 << i)) peaks[name] = from.number();
  });
  const kinds = from.byte();
  const curves: { -readonly [K in keyof UsageRecord['curves']]: UsageRecord['curves'][K] } = {};
  KINDS.forEach((kind, i) => {
    if ((kinds & (1 << i)) === 0) return;
    curves[kind] = CURVE_WINDOWS.map(() => readWindow(from, (kinds & EXACT_CURVES) !== 0));
  });
  return { startMs, seconds, coveredSeconds, resolutionSeconds, offered, refused, reasons, peaks, curves };
}

/** The oldest first. */
export function packRecords(records: readonly UsageRecord[]): Buffer {
  const to = new ByteWriter();
  to.byte(VERSION);
  to.number(records.length);
  for (const record of records) writeRecord(to, record, false);
  return to.bytes();
}

/** Throws Damaged. */
export function unpackRecords(bytes: Buffer | undefined): UsageRecord[] {
  if (bytes === undefined || bytes.length === 0) return [];
  const from = new ByteReader(bytes);
  const version = from.byte();
  if (version !== VERSION) throw new Damaged(`records have version ${version}, known is ${VERSION}`);
  const count = from.count(16);
  if (count > MOST_RECORDS) throw new Damaged(`a tenant has ${count} records`);
  return Array.from({ length: count }, () => readRecord(from));
}

function readCounts(from: ByteReader): UsageRecord['offered'] {
  return {
    requests: readLevel(from),
    items: readLevel(from),
    bytes: readLevel(from),
    newSeries: readLevel(from),
  };
}

/** 0: not known. */
function level(to: ByteWriter, value: number): void {
  to.number(Number.isNaN(value) ? 0 : Math.round(value) + 1);
}

function readLevel(from: ByteReader): number {
  const value = from.number();
  return value === 0 ? Number.NaN : value - 1;
}

function writeWindow(to: ByteWriter, value: number, exact: boolean): void {
  if (exact) {
    level(to, value);
    return;
  }
  const code = Number.isNaN(value) ? UNKNOWN : encodeUp(value);
  to.byte(code & 0xff);
  to.byte(code >> 8);
}

function readWindow(from: ByteReader, exact: boolean): number {
  if (exact) return readLevel(from);
  const code = from.byte() | (from.byte() << 8);
  return code === UNKNOWN ? Number.NaN : decode(code);
}

/** The least code that stands for no less. */
export function encodeUp(value: number): number {
  const code = encode(Math.ceil(value));
  return decode(code) < value ? Math.min(code + 1, UNKNOWN - 1) : code;
}
