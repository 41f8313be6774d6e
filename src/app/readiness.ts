/** The content of /readyz: whether pushes may come, and details for whoever asks why not. */
import type { Readiness } from '../admin/admin-server.js';
import type { WorkerStatus } from '../admin/edge.js';
import type { Overrides } from '../overrides/overrides.js';
import { upstreamState } from '../upstream/address-health.js';
import type { DataPlanes, Orders, PlaneStatus } from './planes.js';

export async function readinessOf(
  planes: DataPlanes,
  overrides: Overrides,
  { mode, snapshot }: Orders,
): Promise<Readiness> {
  await planes.refresh();
  const status = planes.status();
  const limits = { ...overrides.status(), hash: snapshot.hash, tenants: snapshot.tenants.size };
  const common = { draining: status.draining, mode, limits, upstream: upstream(status) };
  const workers = planes.workers();
  if (workers === undefined) return { ready: status.ready, details: { ...common, ...shared(status) } };
  const { each, ...counts } = workers;
  return { ready: status.ready, details: { ...common, workers: counts, each: each.map(workerDetails) } };
}

/** Unreachable shared state does not make a replica unready: all of them would become so at once. */
function shared({ ledger, series }: Pick<PlaneStatus, 'ledger' | 'series'>): object {
  return { ledger: ledger ?? 'memory', series: series ?? 'not tracked' };
}

/** Neither does a failing upstream: a push that is refused here would fail elsewhere as well. */
function upstream({ upstream: { addresses, unresolved } }: PlaneStatus): object {
  const each = addresses.map(({ address, state, answered, failed }) => ({
    address,
    state,
    answered,
    failed,
  }));
  return { state: upstreamState(addresses), addresses: each, unresolved };
}

function workerDetails({ worker, pid, ready, draining, hangs, limitsHash, ...state }: WorkerStatus): object {
  if (hangs) return { worker, pid, ready, hangs };
  return { worker, pid, ready, draining, ...shared(state), limits: { hash: limitsHash } };
}
