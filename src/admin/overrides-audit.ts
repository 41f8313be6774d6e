/** What a change of the overrides means, as entries of the audit: for whom, which limits, from what to what. */
import { diffLimits, tenantsThatDiffer } from '../limits/diff.js';
import { entryLimits } from '../limits/effective.js';
import type { Snapshot } from '../limits/limits.js';
import type { DocumentsChange } from '../overrides/overrides.js';
import type { AuditEntry } from './audit.js';

/** Whose changes are told one by one. Of the rest there is the number. */
const MOST_TENANTS = 100;

interface OverridesChange {
  /** Tenants whose limits are others, or that are named anew or no longer. */
  readonly tenants: number;
  readonly entries: readonly AuditEntry[];
}

/** `documents`: those that changed. `said`: by whom and when, as far as their sources say. */
export function overridesChange(
  before: Snapshot,
  after: Snapshot,
  { documents, said }: DocumentsChange,
  atMs: number,
): OverridesChange {
  const ids = tenantsThatDiffer(before, after);
  const common = {
    at: new Date(atMs).toISOString(),
    who: documents.join(', '),
    from: 'overrides' as const,
    reason: said,
    until: null,
    id: null,
  };
  const entries = ids.slice(0, MOST_TENANTS).flatMap((tenant): AuditEntry[] => {
    const [old, now] = [before.tenants.get(tenant), after.tenants.get(tenant)];
    const action = now === undefined ? 'take back' : 'set';
    const named: AuditEntry[] =
      (old === undefined) === (now === undefined)
        ? []
        : [
            {
              ...common,
              action,
              tenant,
              name: 'overrides',
              before: old === undefined ? null : 'named',
              after: now === undefined ? null : 'named',
            },
          ];
    const limits = diffLimits(entryLimits(before, tenant), entryLimits(after, tenant)).map(
      (change): AuditEntry => ({
        ...common,
        action,
        tenant,
        name: change.limit,
        before: plain(change.before),
        after: plain(change.after),
      }),
    );
    return [...named, ...limits];
  });
  const more = ids.length - MOST_TENANTS;
  if (more > 0) {
    const reason = `and of ${more} more tenants, which are not listed: ${said}`;
    entries.push({
      ...common,
      action: 'set',
      tenant: null,
      name: 'overrides',
      before: null,
      after: null,
      reason,
    });
  }
  return { tenants: ids.length, entries };
}

function plain(value: unknown): AuditEntry['before'] {
  return (value as AuditEntry['before'] | undefined) ?? null;
}
