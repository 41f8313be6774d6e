/** The highest rate at which a target still answers in time: everything accepted, and a p99 below the bound. */

import type { LoadReport } from '#src/loadtest/report.js';
import { amount } from '#src/loadtest/report-text.js';
import type { Lab, LoadFlags } from './lab.js';

export const P99_BOUND_MS = 10;

export interface Knee {
  readonly samplesPerSecond: number;
  /** Of the last run that was good. Undefined: none was. */
  readonly report: LoadReport | undefined;
}

const FIRST_RATE = 100_000;
const GROWTH = 1.5;
const BISECTIONS = 3;
/** A shared machine has bad moments: a rate is too high when it fails twice. */
const TRIES = 2;
const STEP_SECONDS = 5;

export const KNEE_LOAD: LoadFlags = { tenants: 20, series: 100_000, connections: 64 };

export async function findKnee(lab: Lab, target: string, flags: LoadFlags = KNEE_LOAD): Promise<Knee> {
  await lab.load(target, { ...flags, rate: 2 * FIRST_RATE, duration: `${lab.seconds(10)}s` });
  let good = 0;
  let report: LoadReport | undefined;
  let bad = Number.POSITIVE_INFINITY;
  const attempt = async (rate: number): Promise<void> => {
    const found = await inTime(lab, target, flags, rate);
    if (found === undefined) bad = rate;
    else [good, report] = [rate, found];
  };
  for (let rate = FIRST_RATE; bad === Number.POSITIVE_INFINITY; rate *= GROWTH) {
    await attempt(rate);
    if (lab.smoke) break;
  }
  for (let i = 0; i < BISECTIONS && good > 0 && !lab.smoke; i++) await attempt(Math.sqrt(good * bad));
  return { samplesPerSecond: good, report };
}

/** A run in which everything was good, or undefined. */
async function inTime(
  lab: Lab,
  target: string,
  flags: LoadFlags,
  rate: number,
): Promise<LoadReport | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const report = await lab.load(target, { ...flags, rate, duration: `${lab.seconds(STEP_SECONDS)}s` });
    const { totals, latency, lateness, generator, seconds } = report;
    const kept = totals.accepted === totals.due && latency.p99 < P99_BOUND_MS;
    lab.say(
      `  ${amount(rate)} samples/s: p99 ${latency.p99.toFixed(1)} ms, ${totals.accepted} of ${totals.due} accepted, ` +
        `generator ${(generator.cpuSeconds / seconds).toFixed(2)} cores and ${lateness.p99.toFixed(1)} ms late` +
        `${kept ? '' : ': too much'}`,
    );
    if (kept) return report;
  }
  return undefined;
}
