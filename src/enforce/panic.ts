/**
 * How much of their rates tenants may use while too much comes for Mimir: a part for each priority. A rate and a burst that are
 * halved are the same as tokens that cost twice as much: so no bucket changes its shape, and replicas of which one has a panic of
 * its own share all of them as ever.
 */
import type { EdgeLimits, TenantLimits } from '../limits/limits.js';

export type Priority = EdgeLimits['priority'];

/** From 0, nothing, to 1, all. */
export type AdmittedParts = Readonly<Record<Priority, number>>;

export const ALL_ADMITTED: AdmittedParts = { critical: 1, normal: 1, low: 1 };

/** Of a token. */
export const USUAL_PRICE = 1;
/** Nothing is admitted, and no bucket is asked. */
export const NO_PRICE = Number.POSITIVE_INFINITY;

export function priceOf(admitted: AdmittedParts, { edge }: TenantLimits): number {
  const part = admitted[edge.priority];
  return part === 1 ? USUAL_PRICE : 1 / part;
}

/** Where both hold. */
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
