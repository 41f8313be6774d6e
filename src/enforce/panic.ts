/**
 * How much of their rates tenants may use during a panic: a part for each priority. Halving rate and burst is the same as
 * doubling the price of a token; so buckets keep their shape, and replicas with and without a panic can share them.
 */
import type { EdgeLimits, TenantLimits } from '../limits/limits.js';

export type Priority = EdgeLimits['priority'];

/** From 0 (nothing) to 1 (everything). */
export type AdmittedParts = Readonly<Record<Priority, number>>;

export const ALL_ADMITTED: AdmittedParts = { critical: 1, normal: 1, low: 1 };

/** In tokens. */
export const USUAL_PRICE = 1;
/** Nothing is admitted, and no bucket is asked. */
export const NO_PRICE = Number.POSITIVE_INFINITY;

export function priceOf(admitted: AdmittedParts, { edge }: TenantLimits): number {
  return USUAL_PRICE / admitted[edge.priority];
}

/** The lower of two parts, for each priority. */
export function leastOf(one: AdmittedParts, other: AdmittedParts): AdmittedParts {
  return {
    critical: Math.min(one.critical, other.critical),
    normal: Math.min(one.normal, other.normal),
    low: Math.min(one.low, other.low),
  };
}

export function isSameAdmitted(one: AdmittedParts, other: AdmittedParts): boolean {
  return one.critical === other.critical && one.normal === other.normal && one.low === other.low;
}
