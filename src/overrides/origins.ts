/** Where a tenant's limits come from, for people who wonder why they are as they are. */
import { diffLimits } from '../limits/diff.js';
import { effectiveLimits } from '../limits/effective.js';
import { EDGE_LIMITS } from '../limits/limit-table.js';
import type { Snapshot } from '../limits/limits.js';
import type { DocumentKind } from '../limits/overrides-document.js';
import type { FollowedDocument } from './followed-source.js';

/** For each limit that is not the default: the document that sets it, or all documents that may if several are merged. */
export function originsOf(
  snapshot: Snapshot,
  documents: readonly FollowedDocument[],
  id: string,
): Map<string, string> {
  const named = (wanted: DocumentKind): string =>
    documents.flatMap(({ ref, name }) => (ref.kind === wanted ? name : [])).join(', ');
  return new Map(
    diffLimits(snapshot.defaults, effectiveLimits(snapshot, id)).map(({ limit }) => [
      limit,
      named(Object.hasOwn(EDGE_LIMITS, limit) ? 'edge' : 'mimir'),
    ]),
  );
}
