/**
 * What each tenant asked for over a range, and how much of its limits that is. To look at each of them takes a
 * microsecond, so what was seen is kept for fifty times as long as it took: however many ask, it is a fiftieth of the
 * time at most.
 */
import { type LossTotals, noLoss, type Totals } from '../usage/history.js';
import type { Range } from '../usage/tracks.js';
import type { Edge, TenantState } from './edge.js';
import { limitUses, utilisation } from './tenant-view.js';

export interface TenantUsage {
  readonly tenant: TenantState;
  /** Lower case, to be searched. */
  readonly name: string;
  readonly totals: Totals;
  /** -1: nothing of it is limited. */
  readonly utilisation: number;
}

export interface Usage {
  readonly each: readonly TenantUsage[];
  readonly sums: Totals;
}

const KEPT_FACTOR = 50;

interface Kept {
  readonly usage: Usage;
  readonly untilMs: number;
}

/** By edge, so that each has its own. */
const kept = new WeakMap<Edge, Map<Range, Kept>>();

export function usageOf(edge: Edge, range: Range): Usage {
  const byRange = kept.get(edge) ?? new Map<Range, Kept>();
  kept.set(edge, byRange);
  const startMs = performance.now();
  const before = byRange.get(range);
  if (before !== undefined && startMs < before.untilMs) return before.usage;
  const usage = takeUsage(edge, range);
  const endMs = performance.now();
  byRange.set(range, { usage, untilMs: endMs + (endMs - startMs) * KEPT_FACTOR });
  return usage;
}

function takeUsage(edge: Edge, range: Range): Usage {
  const seconds = edge.history.seconds(range, edge.now());
  const sums: Totals = {
    pushes: 0,
    samples: 0,
    items: 0,
    bytes: 0,
    filtered: 0,
    refused: noLoss(),
    shadowed: noLoss(),
  };
  const each: TenantUsage[] = [];
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
    addLoss(sums.refused, totals.refused);
    addLoss(sums.shadowed, totals.shadowed);
  }
  return { each, sums };
}

function addLoss(sum: LossTotals, loss: LossTotals): void {
  sum.pushes += loss.pushes;
  sum.samples += loss.samples;
  sum.series += loss.series;
  sum.samplesAtLeast += loss.samplesAtLeast;
}
