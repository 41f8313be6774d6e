/** Calls that announce series: announce.lua. */
import { countRows } from '../../series/series-rows.js';
import type { Script } from './script.js';
import {
  commonArguments,
  hashesOf,
  integersOf,
  metricsOf,
  NO_METRICS,
  readOutcomes,
  readSeriesLua,
  readState,
} from './series.js';

export const announceScript: Script<'announce'> = {
  lua: readSeriesLua('announce.lua'),

  encode(prefix, tenant, { rows, reservation, countMetrics, generationMs }) {
    const integers = integersOf(rows);
    const count = countRows(rows);
    return [
      [
        ...commonArguments(prefix, tenant, generationMs),
        reservation,
        ...(countMetrics ? metricsOf(integers, 0, count) : NO_METRICS),
        ...hashesOf(integers, 0, count),
      ],
    ];
  },

  decode: ([reply = []]) => ({ outcomes: readOutcomes(String(reply[0])), ...readState(reply) }),
};
