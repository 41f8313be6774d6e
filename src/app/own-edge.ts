/** The admin API's view of this process: what its parts know, and the ways to change them. */
import type { Audit } from '../admin/audit.js';
import type { Edge, EdgeStatus, TenantState } from '../admin/edge.js';
import { type Config, printConfig } from '../config/config.js';
import type { Controls } from '../controls/controls.js';
import type { RecentRefusals } from '../doors/recent-refusals.js';
import type { Enforcer } from '../enforce/enforcer.js';
import { Tally } from '../enforce/tally.js';
import { NO_TENANT } from '../enforce/tenant-metrics.js';
import { DEFAULT_LIMITS } from '../limits/limit-table.js';
import type { Overrides } from '../overrides/overrides.js';
import type { History } from '../usage/history.js';

export interface EdgeParts {
  readonly config: Config;
  readonly enforcer: Enforcer;
  readonly overrides: Overrides;
  readonly history: History;
  readonly refusals: RecentRefusals;
  readonly controls: Controls;
  readonly audit: Audit;
  readonly now: () => number;
  /** What is left of the status. */
  readonly status: () => Omit<EdgeStatus, 'overrides' | 'evictions'>;
}

export function ownEdge(parts: EdgeParts): Edge {
  const { config, enforcer, overrides, history, refusals, controls, audit, now } = parts;
  const configured = configuredLimits(config);
  return {
    history,
    refusals,
    controls,
    audit,
    now,
    mayAddTenants: config['tenants.unknown'] !== 'refuse',
    status: () => ({
      ...parts.status(),
      overrides: {
        ...overrides.status(),
        hash: overrides.snapshot.hash,
        tenants: overrides.snapshot.tenants.size,
      },
      evictions: enforcer.tenants.evictions,
    }),
    mode: () => enforcer.mode,
    tenants: () => enforcer.tenants.values(),
    tenant: (id) => enforcer.tenants.get(id) ?? unseen(enforcer, id),
    unattributed: () => ({
      id: NO_TENANT,
      mode: enforcer.mode,
      limits: enforcer.snapshot.defaults,
      tally: enforcer.unattributed,
      series: undefined,
    }),
    snapshot: () => enforcer.snapshot,
    origins: (id) => overrides.origins(id),
    config: () => printConfig(config),
    configuredLimits: () => configured,
    async reload() {
      await overrides.reload();
      return overrides.status().lastError;
    },
  };
}

/** A tenant that a document names, and that has not sent anything. */
function unseen(enforcer: Enforcer, id: string): TenantState | undefined {
  if (!enforcer.snapshot.tenants.has(id)) return undefined;
  return { id, ...enforcer.effective(id), tally: new Tally(), series: undefined };
}

function configuredLimits({ defaults }: Config): ReadonlySet<string> {
  const given = { ...defaults, ...defaults.edge } as unknown as Record<string, unknown>;
  const standard = { ...DEFAULT_LIMITS, ...DEFAULT_LIMITS.edge } as unknown as Record<string, unknown>;
  return new Set(Object.keys(given).filter((name) => given[name] !== standard[name]));
}
