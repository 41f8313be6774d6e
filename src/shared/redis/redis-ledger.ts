/** The ledger that replicas share through Redis. */
import { randomUUID } from 'node:crypto';
import { LeasedLedger, type LeasedLedgerOptions } from '../leased-ledger.js';
import type { RedisLedgerOptions } from './redis-options.js';
import { RedisTransport } from './redis-transport.js';

export type RedisLedgerSettings = RedisLedgerOptions & Omit<LeasedLedgerOptions, 'callTimeoutMs'>;

/** Not connected before `start()`. */
export function createRedisLedger(settings: RedisLedgerSettings): LeasedLedger {
  const transport = new RedisTransport(settings, randomUUID());
  return new LeasedLedger(transport, { ...settings, callTimeoutMs: settings.commandTimeoutMs });
}
