/**
 * What one data plane counted in ten seconds, by tenant: all that its tallies grew by, and what came in each second. Only
 * tenants that sent are in it. Frames of one data plane are numbered without gaps, so that none is counted twice and one
 * that is missing is noticed.
 */
import { PUSH_PEAKS, TALLY_NUMBERS } from '../enforce/tally.js';
import { STEP_COUNTS } from './arrival-curve.js';

export const STEP_MS = 10_000;
/** Fields of a discard: as in a tally, requests, samples, exemplars, metadata, series. */
export const DISCARD_FIELDS = 5;

export interface Discards {
  readonly kind: 'refused' | 'shadowed';
  readonly reason: string;
  readonly counts: number[];
}

export interface FrameEntry {
  readonly id: string;
  /** In the order of TALLY_NUMBERS. */
  readonly added: number[];
  /** What `ingestion_rate` counts: exemplars only where the tenant may have some. */
  items: number;
  /** In the order of PUSH_PEAKS; 0: not known. */
  readonly peaks: number[];
  readonly discards: Discards[];
  /** Series that are active there, over all replicas, and of the metric with the most; NaN: not known. */
  active: number;
  fleet: number;
  perMetric: number;
  /** Items, requests and bytes of each second; undefined: only the sums are kept. */
  readonly seconds: number[] | undefined;
}

/** What the others see of a data plane. */
export interface PlaneInfo {
  /** Of the machine's process, as people know it. */
  readonly name: string;
  /** All data planes of one machine have the same. */
  readonly machine: string;
  /** Undefined: there are no workers. */
  readonly worker?: number;
  readonly version: string;
  readonly startedMs: number;
  readonly limitsHash?: string;
  readonly mode?: string;
}

export interface Frame {
  /** Of this life of the data plane. */
  readonly plane: string;
  /** From 1. */
  readonly seq: number;
  /** Of Date.now(), in STEP_MS. */
  readonly step: number;
  readonly info: PlaneInfo;
  readonly entries: readonly FrameEntry[];
}

export function emptyEntry(id: string, withSeconds = true): FrameEntry {
  return {
    id,
    added: zeros(TALLY_NUMBERS.length),
    items: 0,
    peaks: zeros(PUSH_PEAKS.length),
    discards: [],
    active: Number.NaN,
    fleet: Number.NaN,
    perMetric: Number.NaN,
    seconds: withSeconds ? zeros(STEP_COUNTS) : undefined,
  };
}

/** Adds another data plane's entry of the same tenant. A series that both see is one: the larger count is kept. */
export function addEntry(to: FrameEntry, from: FrameEntry): void {
  for (let i = 0; i < to.added.length; i++) to.added[i] = (to.added[i] ?? 0) + (from.added[i] ?? 0);
  to.items += from.items;
  for (let i = 0; i < to.peaks.length; i++) to.peaks[i] = Math.max(to.peaks[i] ?? 0, from.peaks[i] ?? 0);
  for (const { kind, reason, counts } of from.discards) addDiscards(to, kind, reason, counts);
  to.active = largest(to.active, from.active);
  to.fleet = largest(to.fleet, from.fleet);
  to.perMetric = largest(to.perMetric, from.perMetric);
  const { seconds } = to;
  if (seconds === undefined || from.seconds === undefined) return;
  for (let i = 0; i < seconds.length; i++) seconds[i] = (seconds[i] ?? 0) + (from.seconds[i] ?? 0);
}

export function addDiscards(
  to: FrameEntry,
  kind: Discards['kind'],
  reason: string,
  counts: ArrayLike<number>,
): void {
  let own = to.discards.find((one) => one.kind === kind && one.reason === reason);
  if (own === undefined) {
    own = { kind, reason, counts: zeros(DISCARD_FIELDS) };
    to.discards.push(own);
  }
  for (let i = 0; i < DISCARD_FIELDS; i++) own.counts[i] = (own.counts[i] ?? 0) + (counts[i] ?? 0);
}

/** A plain list: typed arrays of this size are made outside of the heap, which takes ten times as long. */
export function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

export function largest(one: number, other: number): number {
  if (Number.isNaN(one)) return other;
  return other > one ? other : one;
}
