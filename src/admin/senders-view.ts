/** Who pushes, as the API tells it. */
import { type SenderCounts, SIZES } from '../doors/senders.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const DAY_MS = 24 * 3600 * 1000;
/** Who was there when the process began has not appeared: it was not known before. */
const WARM_UP_MS = 10 * 60 * 1000;

export async function sendersView(edge: Edge, query: Query): Promise<object> {
  const tenant = query.text('tenant', MAX_TENANT);
  const limit = query.count('limit', 200, 1, 1000);
  query.done();
  const { senders, more } = await edge.senders(tenant);
  const sinceMs = Date.now() - process.uptime() * 1000;
  const isNew = ({ firstMs }: SenderCounts): boolean =>
    firstMs > Date.now() - DAY_MS && firstMs > sinceMs + WARM_UP_MS;
  return {
    since: new Date(sinceMs).toISOString(),
    known: senders.length,
    more,
    ofVersion1: senders.filter(({ protocol }) => protocol === 'rw1').length,
    ignoringRetryAfter: senders.filter(({ early }) => early > 0).length,
    newToday: senders.filter(isNew).length,
    sizes: SIZES,
    senders: senders.slice(0, limit).map(({ firstMs, lastMs, over, sizes, ...one }) => ({
      ...one,
      atMostOver: over,
      meanBytes: one.bodies === 0 ? null : Math.round(one.bytes / one.bodies),
      bySize: sizes,
      isNew: isNew({ firstMs, lastMs, over, sizes, ...one }),
      first: new Date(firstMs).toISOString(),
      last: new Date(lastMs).toISOString(),
    })),
  };
}
