/** Calls that reserve headroom for series: reserve.lua. */
import type { Script } from './script.js';
import { commonArguments, readSeriesLua, readState } from './series.js';

export const reserveScript: Script<'reserve'> = {
  lua: readSeriesLua('reserve.lua'),
  encode: (prefix, tenant, { series, mostOfTenant, generationMs }) => [
    [...commonArguments(prefix, tenant, generationMs), String(series), String(mostOfTenant)],
  ],
  decode: ([reply = []]) => ({ reservation: String(reply[0]), ...readState(reply) }),
};
