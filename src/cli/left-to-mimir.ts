/** Settings of the write path in Mimir's documents that the edge leaves to Mimir, with the tenants that have them. */
import { type LimitTable, MIMIR_LIMITS } from '../limits/limit-table.js';
import type { OverridesDocument } from '../limits/overrides-document.js';
import { WRITE_PATH_LIMITS } from '../limits/write-path-limits.js';

export interface LeftToMimir {
  readonly limit: string;
  /** Sorted. */
  readonly tenants: readonly string[];
  readonly why: string;
}

/** In order of limits. `tenant`: only this one. */
export function leftToMimir(
  documents: readonly OverridesDocument[],
  tenant: string | undefined,
): LeftToMimir[] {
  const byLimit = new Map<string, Set<string>>();
  for (const { mimirAlone } of documents) {
    for (const [limit, tenants] of mimirAlone) {
      const all = byLimit.get(limit) ?? new Set();
      for (const id of tenants) if (tenant === undefined || id === tenant) all.add(id);
      byLimit.set(limit, all);
    }
  }
  return [...byLimit]
    .filter(([, tenants]) => tenants.size > 0)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([limit, tenants]) => ({ limit, tenants: [...tenants].sort(), why: whyLeft(limit) }));
}

function whyLeft(limit: string): string {
  return WRITE_PATH_LIMITS[limit]?.why ?? (MIMIR_LIMITS as LimitTable)[limit]?.doc ?? '';
}
