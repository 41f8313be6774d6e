/** The highest rate at which a target still answers in time: everything accepted, and a p99 below the bound. */

import { amount } from '#src/loadtest/report-text.js';
import { type Check, check, type Lab, type LoadFlags } from './lab.js';

export const P99_BOUND_MS = 10;

export const NO_KNEE: Check = check('there is a knee', 'none: even the first rate is too much', false);

const FIRST_RATE = 100_000;
const GROWTH = 1.5;
const BISECTIONS = 3;
/** A shared machine has bad moments: a rate is too high when it fails twice. */
const TRIES = 2;
const STEP_SECONDS = 5;

export const KNEE_LOAD: LoadFlags = { tenants: 20, series: 100_000, connections: 64 };

/** Samples a second; zero when even the first rate was too much. */
export async function findKnee(lab: Lab, target: string, flags: LoadFlags = KNEE_LOAD): Promise<number> {
  await lab.load(target, { ...flags, rate: 2 * FIRST_RATE, duration: `${lab.seconds(10)}s` });
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  const attempt = async (rate: number): Promise<void> => {
    if (await inTime(lab, target, flags, rate)) good = rate;
    else bad = rate;
  };
  for (let rate = FIRST_RATE; bad === Number.POSITIVE_INFINITY; rate *= GROWTH) {
    await attempt(rate);
    if (lab.smoke) break;
  }
  for (let i = 0; i < BISECTIONS && good > 0 && !lab.smoke; i++) await attempt(Math.sqrt(good * bad));
  // A short run finds no knee, and its scenario goes on all the same.
  return lab.smoke ? FIRST_RATE : good;
}

async function inTime(lab: Lab, target: string, flags: LoadFlags, rate: number): Promise<boolean> {
  for (let i = 0; i < TRIES; i++) {
    const report = await lab.load(target, { ...flags, rate, duration: `${lab.seconds(STEP_SECONDS)}s` });
    const { totals, latency, lateness, generator, seconds } = report;
    const kept = totals.accepted === totals.due && latency.p99 < P99_BOUND_MS;
    lab.say(
      `  ${amount(rate)} samples/s: p99 ${latency.p99.toFixed(1)} ms, ${totals.accepted} of ${totals.due} accepted, ` +
        `generator ${(generator.cpuSeconds / seconds).toFixed(2)} cores and ${lateness.p99.toFixed(1)} ms late` +
        `${kept ? '' : ': too much'}`,
    );
    if (kept) return true;
  }
  return false;
}
