/**
 * How all tenants stand over a range. To look at each of them takes a microsecond, so what was seen is kept for fifty
 * times as long as it took: however many ask, it is a fiftieth of the time at most.
 */
import type { Totals } from '../usage/history.js';
import type { Range } from '../usage/tracks.js';
import type { Edge, TenantState } from './edge.js';
import { limitUses, utilisation } from './tenant-view.js';

export interface Standing {
  readonly tenant: TenantState;
  /** Lower case, to be searched. */
  readonly name: string;
  readonly totals: Totals;
  /** -1: nothing of it is limited. */
  readonly utilisation: number;
}

export interface Standings {
  readonly each: readonly Standing[];
  readonly sums: Totals;
}

const KEPT_FACTOR = 50;

interface Kept {
  readonly standings: Standings;
  readonly untilMs: number;
}

/** By edge, so that each has its own. */
const kept = new WeakMap<Edge, Map<Range, Kept>>();

export function standingsOf(edge: Edge, range: Range): Standings {
  const byRange = kept.get(edge) ?? new Map<Range, Kept>();
  kept.set(edge, byRange);
  const startMs = performance.now();
  const before = byRange.get(range);
  if (before !== undefined && startMs < before.untilMs) return before.standings;
  const standings = takeStandings(edge, range);
  const endMs = performance.now();
  byRange.set(range, { standings, untilMs: endMs + (endMs - startMs) * KEPT_FACTOR });
  return standings;
}

function takeStandings(edge: Edge, range: Range): Standings {
  const seconds = edge.history.seconds(range, edge.now());
  const sums: Totals = { pushes: 0, samples: 0, items: 0, bytes: 0, filtered: 0, refused: 0, shadowed: 0 };
  const each: Standing[] = [];
  for (const tenant of edge.tenants()) {
    const totals = edge.history.totals(tenant, range);
    each.push({
      tenant,
      name: tenant.id.toLowerCase(),
      totals,
      utilisation: utilisation(limitUses(tenant, totals, seconds)) ?? -1,
    });
    sums.pushes += totals.pushes;
    sums.samples += totals.samples;
    sums.items += totals.items;
    sums.bytes += totals.bytes;
    sums.filtered += totals.filtered;
    sums.refused += totals.refused;
    sums.shadowed += totals.shadowed;
  }
  return { each, sums };
}
