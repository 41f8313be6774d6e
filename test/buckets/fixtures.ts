/** Lease calls for tests. */
import type { LeaseCall, LeaseReply, LimitsStanding } from '#src/buckets/lease-protocol.js';

/** The newest limits, of that version. */
export function limitsOf(version = 1, isUnknown = false): LimitsStanding & { version: number } {
  return { version, isUnknown, saw() {} };
}

/** One that asks for nothing, of a replica that has never seen the bucket. */
export function leaseCall(given: Partial<LeaseCall> = {}): LeaseCall {
  return {
    bucket: 'items',
    shape: { rate: 0, capacity: 100 },
    version: 0,
    returned: 0,
    debit: 0,
    need: 0,
    leastReserve: 0,
    mostReserve: 0,
    incarnation: '',
    ceiling: 0,
    ...given,
  };
}

/** Of a bucket that had all that was asked for. */
export function leaseReply(given: Partial<LeaseReply> = {}): LeaseReply {
  return {
    granted: 0,
    available: 0,
    shape: { rate: 0, capacity: 100 },
    version: 1,
    incarnation: 'one',
    ...given,
  };
}
