/**
 * The label that distinguishes the replicas of an HA pair. The series hash leaves it out, so that both replicas send the
 * same series; as in Mimir, only if the push's first series names the pair and the replica.
 */
import { EXCLUDE, RESULT_CLUSTER, RESULT_CLUSTER_LENGTH, RESULT_REPLICA, RESULT_REPLICA_LENGTH, WANTED } from './memory';
import { beginLabels, name, nameLength, nextLabel, value, valueLength } from './label-walk';
import { isPairPerSeries, maxReplicaLength } from './rules';
import { start } from './wire';

/** No label's name is this long. */
const NONE: u32 = 0xffffffff;

/** The length of the name in EXCLUDE while it is left out. */
let excludeLength: u32 = NONE;
let replicaNameLength: u32 = 0;
let clusterNameLength: u32 = 0;
/** The first series has not been read yet. */
export let isPairWanted: bool = false;
/** Each series has a pair of its own. */
export let isPairOfEach: bool = false;

/** The names are in EXCLUDE and WANTED. Without the cluster's, the replica label is left out of every push. */
export function setPair(replicaLength: u32, clusterLength: u32): void {
  replicaNameLength = replicaLength;
  clusterNameLength = clusterLength;
  const isPair = clusterLength > 0 && replicaLength > 0;
  isPairWanted = isPair && !isPairPerSeries;
  isPairOfEach = isPair && isPairPerSeries;
  excludeLength = replicaLength > 0 && !isPair ? replicaLength : NONE;
  store<u32>(RESULT_CLUSTER, 0);
  store<u32>(RESULT_REPLICA, 0);
}

export function isReplicaRemoved(): bool {
  return excludeLength !== NONE;
}

/** If each series has a pair of its own: whether the label is left out from here on. */
export function removeReplica(removed: bool): void {
  excludeLength = removed ? replicaNameLength : NONE;
}

/** The push as a whole has no pair. */
export function forgetPair(): void {
  store<u32>(RESULT_CLUSTER, 0);
}

/** The last series passed to `findPair` has a pair. */
export function hasPair(): bool {
  return load<u32>(RESULT_CLUSTER) !== 0;
}

/** A series whose content is from `at` to `end`; it may be invalid. */
export function findPair(at: u32, end: u32): void {
  isPairWanted = false;
  store<u32>(RESULT_CLUSTER_LENGTH, 0);
  store<u32>(RESULT_REPLICA_LENGTH, 0);
  beginLabels(at);
  while (nextLabel(end)) {
    if (nameLength === clusterNameLength && isSame(name, WANTED, nameLength)) {
      store<u32>(RESULT_CLUSTER, value);
      store<u32>(RESULT_CLUSTER_LENGTH, valueLength);
    }
    if (nameLength === replicaNameLength && isSame(name, EXCLUDE, nameLength)) {
      store<u32>(RESULT_REPLICA, value);
      store<u32>(RESULT_REPLICA_LENGTH, valueLength);
    }
    if (load<u32>(RESULT_CLUSTER_LENGTH) > 0 && load<u32>(RESULT_REPLICA_LENGTH) > 0) break;
  }
  const replicaLength = load<u32>(RESULT_REPLICA_LENGTH);
  // Mimir ignores a replica name that is too long, and will refuse the label.
  if (load<u32>(RESULT_CLUSTER_LENGTH) === 0 || replicaLength === 0 || replicaLength > maxReplicaLength) forgetPair();
  removeReplica(hasPair());
  start(at);
}

// @ts-ignore: decorator
@inline
export function isExcluded(name: u32, length: u32): bool {
  return length === excludeLength && isSame(name, EXCLUDE, length);
}

/** memory.compare would be the only call in the loop over labels, which then could not keep anything in registers. */
// @ts-ignore: decorator
@inline
function isSame(a: u32, b: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(a + i) !== load<u8>(b + i)) return false;
  }
  return true;
}
