/** What /readyz says: whether pushes may come, and what whoever asks why not wants to know. */
import type { Readiness } from '../admin/admin-server.js';
import type { Overrides } from '../overrides/overrides.js';
import type { DataPlanes, Orders } from './planes.js';

export async function readinessOf(
  planes: DataPlanes,
  overrides: Overrides,
  { mode, snapshot }: Orders,
): Promise<Readiness> {
  await planes.refresh();
  const { ready, draining, ledger, series } = planes.status();
  return {
    ready,
    details: {
      draining,
      mode,
      // A ledger that is out of reach does not make a replica unready: it would take all of them out at once.
      ledger: ledger ?? 'memory',
      series: series ?? 'not tracked',
      limits: { ...overrides.status(), hash: snapshot.hash, tenants: snapshot.tenants.size },
    },
  };
}
