/** Names of keys. All keys of a tenant have the same hash tag, so that they are in one slot of a cluster. */
import { createHash } from 'node:crypto';
import type { BucketKind } from '../../enforce/ledger.js';

/** Ranges of a cluster's hash slots; each has a circuit of its own. */
export const CLUSTER_SHARDS = 16;
const SLOTS = 16384;

const PLAIN = /^[0-9A-Za-z!_.*'()-]{1,150}$/;

/** Tenant ids that are valid in Mimir are used as they are; anything else is encoded. */
export function tenantTag(tenant: string): string {
  return PLAIN.test(tenant) ? tenant : `#${createHash('sha256').update(tenant).digest('hex')}`;
}

export function bucketKey(prefix: string, tenant: string, kind: BucketKind): string {
  return `${prefix}{${tenantTag(tenant)}}:${kind}`;
}

export function electionsKey(prefix: string, tenant: string): string {
  return `${prefix}{${tenantTag(tenant)}}:ha`;
}

/** The prefix of all keys about a tenant's series. */
export function seriesKey(prefix: string, tenant: string): string {
  return `${prefix}{${tenantTag(tenant)}}:active`;
}

export function hashKeyKey(prefix: string, tenant: string): string {
  return `${prefix}{${tenantTag(tenant)}}:hash-key`;
}

export function limitsKey(prefix: string, tenant: string): string {
  return `${prefix}{${tenantTag(tenant)}}:limits`;
}

/** 0 to 1: spreads the generation changes of tenants over time. */
export function phaseOf(tenant: string): number {
  return crc16(tenant) / 65536;
}

export function clusterShardOf(tag: string): number {
  return Math.floor((crc16(tag) % SLOTS) / (SLOTS / CLUSTER_SHARDS));
}

/** One heartbeat key in each shard. */
export function heartbeatKeys(prefix: string, shards: number): string[] {
  const keys: string[] = [];
  for (let i = 0, found = 0; found < shards; i++) {
    const shard = shards === 1 ? 0 : clusterShardOf(`#${i}`);
    if (keys[shard] !== undefined) continue;
    keys[shard] = `${prefix}{#${i}}:replicas`;
    found++;
  }
  return keys;
}

/** CRC16 (XMODEM), by which Redis Cluster places keys. */
function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}
