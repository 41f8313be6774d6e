/** What becomes of records when they are put together: hours to a day, what came late to what was there. */
import { STEP_SECONDS } from './arrival-curve.js';
import { type ArrivalCurve, PEAKS, type UsageCounts, type UsageRecord } from './usage-record.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const KEPT_HOURS = 48;
export const KEPT_DAYS = 35;

const CURVES = ['items', 'requests', 'bytes'] as const;

export function emptyRecord(startMs: number, seconds: number, coveredSeconds = 0): UsageRecord {
  return {
    startMs,
    seconds,
    coveredSeconds,
    resolutionSeconds: 1,
    offered: noCounts(),
    refused: noCounts(),
    reasons: [],
    curves: {},
    peaks: {},
  };
}

/** Hours that follow each other, or parts of one: the most of any of them is the most of all. */
export function merged(startMs: number, seconds: number, records: readonly UsageRecord[]): UsageRecord {
  return combined(startMs, seconds, records, Math.max);
}

/** What was counted beside it in the same hour. The most of both together is no more than the sum of the most of each. */
export function withLate(record: UsageRecord, late: UsageRecord): UsageRecord {
  return combined(record.startMs, record.seconds, [record, late], (a, b) => a + b);
}

function combined(
  startMs: number,
  seconds: number,
  records: readonly UsageRecord[],
  join: (a: number, b: number) => number,
): UsageRecord {
  const reasons = new Map<string, { reason: string; pushes: number; samples: number }>();
  for (const { reason, pushes, samples } of records.flatMap((record) => record.reasons)) {
    const before = reasons.get(reason);
    reasons.set(reason, {
      reason,
      pushes: pushes + (before?.pushes ?? 0),
      samples: samples + (before?.samples ?? 0),
    });
  }
  const curves: Partial<Record<(typeof CURVES)[number], ArrivalCurve>> = {};
  for (const kind of CURVES) {
    const each = records.flatMap((record) =>
      record.curves[kind] === undefined ? [] : [record.curves[kind]],
    );
    const [first, ...rest] = each;
    if (first === undefined) continue;
    curves[kind] = first.map((value, i) =>
      rest.reduce((most, curve) => joinKnown(most, curve[i] ?? Number.NaN, join), value),
    );
  }
  const peaks: Partial<Record<(typeof PEAKS)[number], number>> = {};
  for (const name of PEAKS) {
    const each = records.flatMap((record) => record.peaks[name] ?? []);
    if (each.length > 0) peaks[name] = Math.max(...each);
  }
  return {
    startMs,
    seconds,
    coveredSeconds: Math.min(
      seconds,
      records.reduce((sum, record) => sum + record.coveredSeconds, 0),
    ),
    resolutionSeconds: Math.max(1, ...records.map((record) => record.resolutionSeconds)),
    offered: sumOf(records.map((record) => record.offered)),
    refused: sumOf(records.map((record) => record.refused)),
    reasons: [...reasons.values()].sort((a, b) => b.pushes - a.pushes || (a.reason < b.reason ? -1 : 1)),
    curves,
    peaks,
  };
}

function joinKnown(a: number, b: number, join: (a: number, b: number) => number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : join(a, b);
}

function sumOf(each: readonly UsageCounts[]): UsageCounts {
  const sum = (name: keyof UsageCounts) => {
    const known = each.map((counts) => counts[name]).filter((value) => !Number.isNaN(value));
    return known.length === 0 && each.length > 0 ? Number.NaN : known.reduce((a, b) => a + b, 0);
  };
  return { requests: sum('requests'), items: sum('items'), bytes: sum('bytes'), newSeries: sum('newSeries') };
}

function noCounts(): UsageCounts {
  return { requests: 0, items: 0, bytes: 0, newSeries: 0 };
}

/** With this one in it, in place of another of the same time; without those that began before. The oldest first. */
export function withRecord(
  records: readonly UsageRecord[],
  record: UsageRecord,
  keptSinceMs: number,
): UsageRecord[] {
  return [...records.filter(({ startMs }) => startMs !== record.startMs), record]
    .filter(({ startMs }) => startMs >= keptSinceMs)
    .sort((a, b) => a.startMs - b.startMs);
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** A day as far as its hours are known. */
export function dayFromHours(dayMs: number, hours: readonly UsageRecord[]): UsageRecord {
  return merged(
    dayMs,
    DAY_MS / 1000,
    hours.filter(({ startMs }) => dayOf(startMs) === dayMs),
  );
}

/** With a record of nothing for each time that was watched since the first one, and with how much of it was. The oldest first. */
export function withSilence(
  records: readonly UsageRecord[],
  coveredSteps: Readonly<Record<string, number>>,
  lengthMs: number,
): UsageRecord[] {
  const first = records[0]?.startMs;
  if (first === undefined) return [];
  const byStart = new Map(records.map((record) => [record.startMs, record]));
  for (const number of Object.keys(coveredSteps)) {
    const startMs = Number(number) * lengthMs;
    if (startMs < first || byStart.has(startMs)) continue;
    byStart.set(startMs, emptyRecord(startMs, lengthMs / 1000));
  }
  return [...byStart.values()]
    .sort((a, b) => a.startMs - b.startMs)
    .map((record) => {
      const covered = (coveredSteps[record.startMs / lengthMs] ?? 0) * STEP_SECONDS;
      return covered > record.coveredSeconds ? { ...record, coveredSeconds: covered } : record;
    });
}
