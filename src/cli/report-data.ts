/** The data of a report: the API's answers, and what has changed since a baseline. */

import type { Baseline, Drift } from '../advice/report.js';
import { type LastChange, lastChangeText } from '../overrides/last-change.js';
import type { Ask } from './advice-source.js';
import type { Costs, ReportAnswer } from './answers.js';

export interface DriftRow extends Drift {
  /** As far as audit and sources know; never empty. */
  readonly who: string;
}

export interface GatheredReport {
  readonly report: ReportAnswer & { readonly baseline?: string };
  readonly costs: Costs;
  /** Undefined: there is no baseline. */
  readonly drift: readonly DriftRow[] | undefined;
  /** Replicas or workers whose limits differ from those of most; undefined: there is no edge. */
  readonly behind: readonly { readonly replica: string; readonly limitsHash: string }[] | undefined;
}

export type LimitsNow = Omit<Baseline, 'savedAt'>;

interface LimitsPage {
  readonly defaults: Nested;
  readonly matching: number;
  readonly tenants: readonly { readonly id: string; readonly limits: Nested }[];
}

type Nested = Readonly<Record<string, unknown>> & { readonly edge?: Readonly<Record<string, unknown>> };

const PAGE = 1000;

/** All limits in force in an edge. */
export async function limitsNow(ask: Ask): Promise<LimitsNow> {
  const tenants: Record<string, Readonly<Record<string, unknown>>> = {};
  for (let offset = 0; ; offset += PAGE) {
    const page = await ask<LimitsPage>(`limits?limit=${PAGE}&offset=${offset}`);
    for (const { id, limits } of page.tenants) tenants[id] = flat(limits);
    if (page.tenants.length === 0 || offset + PAGE >= page.matching)
      return { defaults: flat(page.defaults), tenants };
  }
}

function flat({ edge = {}, named: _, ...mimir }: Nested): Record<string, unknown> {
  return { ...mimir, ...edge };
}

interface AuditEntry {
  readonly at: string;
  readonly who: string;
  readonly tenant: string | null;
  readonly name: string;
  readonly from: string;
  readonly reason: string;
}

interface Status {
  readonly overrides: {
    readonly sources: readonly {
      readonly name: string;
      readonly changedBy: string | null;
      readonly changedAt: string | null;
    }[];
  };
}

/** Where limits are read from: an edge's source, or a file. */
export interface LimitSource {
  readonly name: string;
  readonly lastChange: LastChange;
}

/** The last author in the audit; before the audit began, the source's own information. */
export async function withWho(ask: Ask, drift: readonly Drift[], since: string): Promise<DriftRow[]> {
  const { entries } = await ask<{ entries: AuditEntry[] }>('audit?limit=1000');
  const { overrides } = await ask<Status>('status');
  const sources = overrides.sources.map(
    ({ name, changedBy, changedAt }): LimitSource => ({
      name,
      lastChange: {
        by: changedBy ?? undefined,
        atMs: changedAt === null ? undefined : Date.parse(changedAt),
      },
    }),
  );
  const unknown = whoOf(sources, since);
  return drift.map((one) => {
    const entry = entries.find(
      ({ at, tenant, name }) => at >= since && (tenant ?? '') === one.tenant && name === one.limit,
    );
    return { ...one, who: entry === undefined ? unknown : whoIn(entry) };
  });
}

function whoIn({ at, who, from, reason }: AuditEntry): string {
  if (from === 'overrides') return `${who}: ${reason}`;
  return `${who === '' ? 'its time was over' : who}, ${at.slice(0, 16)}`;
}

/** Of sources that have changed since, or do not say when. */
export function whoOf(sources: readonly LimitSource[], since: string): string {
  const sinceMs = Date.parse(since);
  const changed = sources.filter(({ lastChange: { atMs } }) => atMs === undefined || atMs >= sinceMs);
  if (changed.length === 0) return 'the source does not say';
  return changed.map(({ name, lastChange }) => `${name}: ${lastChangeText(lastChange)}`).join('; ');
}

interface Fleet {
  readonly replicas: readonly {
    readonly name: string;
    readonly alive: boolean;
    readonly dataPlanes: readonly { readonly worker: number | null; readonly limitsHash: string | null }[];
  }[];
}

/** Data planes of live replicas, from the book, whose limits differ from those of most. */
export async function onOtherLimits(ask: Ask): Promise<GatheredReport['behind']> {
  const { replicas } = await ask<Fleet>('fleet');
  const planes = replicas
    .filter(({ alive }) => alive)
    .flatMap(({ name, dataPlanes }) =>
      dataPlanes.map(({ worker, limitsHash }) => ({
        replica: worker === null ? name : `${name}, worker ${worker}`,
        limitsHash: limitsHash ?? '',
      })),
    );
  const counts = new Map<string, number>();
  for (const { limitsHash } of planes) counts.set(limitsHash, (counts.get(limitsHash) ?? 0) + 1);
  const [usual] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
  return planes.filter(({ limitsHash }) => limitsHash !== usual);
}
