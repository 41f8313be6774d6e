/** The control plane and its data planes as the admin API sees and changes them. */

import type { Audit } from '../admin/audit.js';

import type { Edge, EdgeUsage, TenantState } from '../admin/edge.js';
import type { Advisor } from '../advice/advisor.js';

import { type Config, printConfig } from '../config/config.js';
import type { Controls } from '../controls/controls.js';
import { Tally } from '../enforce/tally.js';
import { effectiveLimits, effectiveMode } from '../limits/effective.js';
import { DEFAULT_LIMITS } from '../limits/limit-table.js';
import type { Overrides } from '../overrides/overrides.js';
import type { FleetCounts } from '../usage/fleet-counts.js';
import type { History } from '../usage/history.js';
import type { LimitHistory } from '../usage/limit-history.js';
import type { DataPlanes, Orders } from './planes.js';

interface EdgeParts {
  readonly config: Config;
  readonly planes: DataPlanes;
  readonly overrides: Overrides;
  readonly controls: Controls;
  readonly guards: Edge['guards'];
  readonly audit: Audit;
  readonly advisor: Advisor;
  readonly history: History;
  readonly usage: Omit<EdgeUsage, 'fleet'> & { readonly counts: FleetCounts | undefined };
  readonly limitHistory: LimitHistory;
  /** The orders in force. */
  readonly orders: () => Orders;
  readonly obeyed: Edge['obeyed'];
  readonly now: () => number;
}

export function edgeOf(parts: EdgeParts): Edge {
  const {
    config,
    planes,
    overrides,
    controls,
    guards,
    audit,
    advisor,
    history,
    usage,
    limitHistory,
    orders,
    obeyed,
    now,
  } = parts;
  const { machine, name, isShared, kept, own, sender, bookkeeper, before, replicas, startedMs, counts } =
    usage;
  const configured = configuredLimits(config);
  const unknownTenants = config['tenants.unknown'];
  const edge: Edge = {
    history,
    usage: {
      machine,
      name,
      isShared,
      kept,
      own,
      sender,
      bookkeeper,
      before,
      replicas,
      startedMs,
      fleet: undefined,
    },
    limitHistory,
    refusals: planes.refusals,
    controls,
    guards,
    audit,
    advisor,
    now,
    obeyed,
    mayAddTenants: unknownTenants !== 'refuse',
    refresh: () => planes.refresh(),
    status() {
      const { ready, draining, ledger, upstream, pushTimes, bytesInFlight, requestsInFlight, evictions } =
        planes.status();
      const { hash, tenants } = overrides.snapshot;
      return {
        ready,
        draining,
        ledger,
        upstream: { urls: config['upstream.url'], ...upstream },
        overrides: { ...overrides.status(), hash, tenants: tenants.size },
        pushTimes,
        bytesInFlight,
        requestsInFlight,
        evictions,
        workers: planes.workers(),
      };
    },
    mode: () => orders().mode,
    admitted: () => orders().admitted,
    tenants: () => planes.tenants(),
    tenant: (id) => planes.tenant(id) ?? unseen({ ...orders(), unknownTenants }, id),
    unattributed: () => planes.unattributed(),
    topMetrics: (id) => planes.topMetrics(id),
    senders: (tenant) => planes.senders(tenant),
    snapshot: () => orders().snapshot,
    origins: (id) => overrides.origins(id),
    config: () => printConfig(config),
    configuredLimits: () => configured,
    async reload() {
      await overrides.reload();
      return overrides.status().lastError;
    },
  };
  return counts === undefined ? edge : withFleet(edge, counts);
}

/** In addition to this machine's counts, those of the fleet. */
function withFleet(edge: Edge, counts: FleetCounts): Edge {
  const seen: Edge = {
    ...edge,
    history: counts.history,
    now: counts.now,
    tenants: () => counts.tenants(),
    tenant: (id) => counts.tenant(id) ?? edge.tenant(id),
    unattributed: () => counts.unattributed(),
  };
  return { ...edge, usage: { ...edge.usage, fleet: { counts, edge: seen } } };
}

/** A tenant that a document names and that has not sent anything. */
function unseen(
  inForce: Orders & { readonly unknownTenants: Config['tenants.unknown'] },
  id: string,
): TenantState | undefined {
  if (!inForce.snapshot.tenants.has(id)) return undefined;
  return {
    id,
    mode: effectiveMode(inForce, id),
    limits: effectiveLimits(inForce.snapshot, id),
    tally: new Tally(),
    series: undefined,
  };
}

function configuredLimits({ defaults }: Config): ReadonlySet<string> {
  const given = { ...defaults, ...defaults.edge } as unknown as Record<string, unknown>;
  const standard = { ...DEFAULT_LIMITS, ...DEFAULT_LIMITS.edge } as unknown as Record<string, unknown>;
  return new Set(Object.keys(given).filter((name) => given[name] !== standard[name]));
}
