/** How far the fleet's book has got, and what it knows of the data planes that it is made from: all of it but the tenants. */
import type { PlaneInfo } from './frame.js';

export const BOOK_VERSION = 1;

/** What the book knows of one data plane. */
export interface PlaneState {
  readonly info: PlaneInfo;
  /** Frames to this number are in the sums. */
  applied: number;
  /** Of its last frame that is in the sums. */
  step: number;
  heardMs: number;
  /** In steps: how far its clock is from that of whoever kept the book. */
  clockAhead: number;
  /** In its last frame. */
  tenants: number;
  /** Since it began, in the order of TALLY_NUMBERS. */
  readonly totals: number[];
  /** Pushes and samples that it refused. */
  readonly refused: [number, number];
}

/** All but the tenants. */
export interface BookState {
  readonly version: number;
  /** The last step that is closed. */
  step: number;
  planes: Record<string, PlaneState>;
  /** Steps in which somebody counted, by hour and by day since 1970. */
  coveredHours: Record<string, number>;
  coveredDays: Record<string, number>;
  /** Who keeps the book, and since when; undefined: nobody who says so has written yet. */
  keeper?: { readonly machine: string; readonly sinceMs: number };
  /** Frames that never came. */
  missing: number;
  /** Frames that came after their step was closed. */
  late: number;
  /** Frames that came once more. */
  twice: number;
  /** When hours and days of before the book were taken in; undefined: they were not. */
  importedMs?: number;
  /** The day on which records of silent tenants were looked at last. */
  sweptDay: number;
  /** Of records that are kept. */
  bytes: number;
  /** Records for which there was no room, in the last hour. */
  withoutRoom: number;
  /** Tenants of the last step that had no place of their own. */
  tenantsOver: number;
}

export function emptyState(): BookState {
  return {
    version: BOOK_VERSION,
    step: 0,
    planes: {},
    coveredHours: {},
    coveredDays: {},
    missing: 0,
    late: 0,
    twice: 0,
    sweptDay: 0,
    bytes: 0,
    withoutRoom: 0,
    tenantsOver: 0,
  };
}
