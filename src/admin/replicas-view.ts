/**
 * How each replica is, as it says itself: its version, what is wrong with it, and Mimir as it is seen from there; and each of
 * Mimir's addresses over all of them.
 */
import { VERSION } from '../base/version.js';
import type { Edge } from './edge.js';
import { addressesOf } from './fleet-addresses.js';
import type { Query } from './query.js';
import { gather, readReplica, type Scope, THIS } from './scope.js';
import { timesView } from './times-view.js';
import { listOf } from './told.js';
import { MAX_TROUBLES, type ReplicaView, readReplicaView } from './told-replica.js';
import { upstreamView } from './upstream-view.js';
import { troubleOf } from './verdict.js';

export async function replicasView(edge: Edge, query: Query): Promise<object> {
  const replica = readReplica(query);
  query.done();
  const { scope, replicas } = await replicasOf(edge, replica);
  return { scope, replicas, addresses: addressesOf(replicas) };
}

export interface Replicas {
  readonly scope: Scope;
  readonly replicas: readonly ReplicaView[];
  /** Without the one that answers. */
  readonly others: readonly ReplicaView[];
}

export async function replicasOf(edge: Edge, replica: string | undefined): Promise<Replicas> {
  const { scope, each } = await gather(edge, replica, {
    path: `/replicas?replica=${THIS}`,
    own: () => ownView(edge),
    read: ({ replicas }) => listOf(replicas, 1, readReplicaView)?.[0],
  });
  const replicas = each.map((told) => ({ ...told.body, replica: told.replica }));
  return { scope, replicas, others: replicas.slice(1) };
}

function ownView(edge: Edge): ReplicaView {
  const status = edge.status();
  const problems = troubleOf(edge, status);
  return {
    replica: edge.usage.name,
    version: VERSION,
    started: new Date(edge.usage.startedMs).toISOString(),
    ready: status.ready,
    draining: status.draining,
    mode: edge.mode(),
    limitsHash: edge.snapshot().hash,
    level: problems.some(({ level }) => level === 'bad') ? 'bad' : problems.length > 0 ? 'near' : 'good',
    problems: problems.slice(0, MAX_TROUBLES),
    pushTimes: timesView(status.pushTimes),
    upstream: upstreamView(status.upstream),
  };
}
