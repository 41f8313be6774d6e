/** Lease calls: lease.lua. */
import { bucketKey } from './keys.js';
import { readLua, type Script } from './script.js';

export const leaseScript: Script<'lease'> = {
  lua: readLua('lease.lua'),

  encode: (prefix, tenant, call) => [
    [
      bucketKey(prefix, tenant, call.bucket),
      // JavaScript prints all digits that are needed to read back the same number.
      String(call.shape.rate),
      String(call.shape.capacity),
      String(call.version),
      String(call.returned),
      String(call.debit),
      String(call.need),
      String(call.leastReserve),
      String(call.mostReserve),
      call.incarnation,
      String(call.ceiling),
    ],
  ],

  decode([reply = []]) {
    const [granted, available, rate, capacity, incarnation, , version] = reply;
    return {
      granted: Number(granted),
      available: Number(available),
      shape: { rate: Number(rate), capacity: Number(capacity) },
      version: Number(version),
      incarnation: String(incarnation),
    };
  },
};
