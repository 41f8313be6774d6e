/**
 * Reads what another replica told. It came through a store that others may write to, and may be of another version: what is
 * not as it should be is left out, and what is too long is cut.
 */
import { isObject } from '../shared/fleet-messages.js';

type Told = Readonly<Record<string, unknown>>;

/** Undefined: it is no list. */
export function listOf<T>(value: unknown, most: number, read: (one: Told) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, most).flatMap((one: unknown) => (isObject(one) ? (read(one) ?? []) : []));
}

/** Undefined: it is none. */
export function limitedText(value: unknown, most: number): string | undefined {
  return typeof value === 'string' ? value.slice(0, most) : undefined;
}

export function textIn(value: unknown, most: number): string {
  return limitedText(value, most) ?? '';
}

export function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

/** As it is written everywhere, so that times can be compared as texts. */
export function timeIn(value: unknown): string | undefined {
  const ms = typeof value === 'string' && value.length < 40 ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
