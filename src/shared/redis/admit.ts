/** Calls that admit series: admit.lua. */
import { countRows, NO_LIMIT } from '../../series/series-rows.js';
import type { Script, ScriptArguments } from './script.js';
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

/** A script blocks all others; for this many series it takes about two milliseconds. */
const SERIES_A_SCRIPT = 512;

export const admitScript: Script<'admit'> = {
  lua: readSeriesLua('admit.lua'),

  /** All-or-nothing takes one script, however large. */
  encode(prefix, tenant, call) {
    const common = commonArguments(prefix, tenant, call.generationMs);
    const integers = integersOf(call.rows);
    const rows = countRows(call.rows);
    const step = call.allOrNothing ? Math.max(1, rows) : SERIES_A_SCRIPT;
    const scripts: ScriptArguments[] = [];
    for (let from = 0; from === 0 || from < rows; from += step) {
      const to = Math.min(rows, from + step);
      scripts.push([
        ...common,
        limitText(call.mostOfTenant),
        limitText(call.mostOfMetric),
        String(Math.max(0, Math.min(to, call.announced) - from)),
        call.lookOnly ? '2' : call.allOrNothing ? '1' : '0',
        call.noFinalRefusals ? '1' : '0',
        ...(call.mostOfMetric === NO_LIMIT ? NO_METRICS : metricsOf(integers, from, to)),
        ...hashesOf(integers, from, to),
      ]);
    }
    return scripts;
  },

  /** Each script knows more than the one before it; the first refusal is that of the first script that refused anything. */
  decode(replies) {
    const last = replies.at(-1) ?? [];
    const refusing = replies.find((reply) => observedOf(reply) > 0) ?? last;
    const outcomes = readOutcomes(replies.map(([letters]) => String(letters)).join(''));
    return { outcomes, observed: observedOf(refusing), ...readState(last) };
  },
};

function observedOf(reply: readonly unknown[]): number {
  return Number(reply[5] ?? 0);
}

function limitText(limit: number): string {
  return limit === NO_LIMIT ? '-1' : String(limit);
}
