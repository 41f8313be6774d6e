/** Runs one load test: plans it, sends, waits for answers, and reports. */
import { Bodies } from './bodies.js';
import { runOpenLoop } from './open-loop.js';
import type { LoadOptions } from './options.js';
import type { LoadPlan } from './plan.js';
import { profileOf } from './profile.js';
import { Recorder } from './recorder.js';
import type { LoadReport } from './report.js';
import { shareOut } from './tenants.js';

interface LoadRun {
  /** The figures so far; during the warm-up, those of the warm-up. */
  recorder(): Recorder;
  /** Ends the sending early; answers are still waited for briefly. */
  stop(): void;
  readonly done: Promise<LoadReport>;
}

export function startLoad(options: LoadOptions): LoadRun {
  const now = (): number => performance.now();
  const stopping = new AbortController();
  const tenants = shareOut(options);
  const bodies = new Bodies(tenants, options);
  const planFor = (options: LoadOptions): LoadPlan => {
    const startedMs = now();
    return {
      options,
      tenants,
      profile: profileOf(options),
      bodies,
      recorder: new Recorder(tenants.length, startedMs, options.durationMs),
      startedMs,
      startedAtMs: Date.now(),
      now,
      signal: stopping.signal,
    };
  };
  const { warmupMs } = options;
  let plan = planFor(warmupMs > 0 ? { ...options, profile: 'steady', durationMs: warmupMs } : options);
  const runBoth = async (): Promise<LoadReport> => {
    if (warmupMs > 0) {
      await send(plan);
      plan = planFor(options);
    }
    return runAndReport(plan);
  };
  return { recorder: () => plan.recorder, stop: () => stopping.abort(), done: runBoth() };
}

async function send(plan: LoadPlan): Promise<void> {
  // autocannon is only loaded when it is used.
  if (plan.options.mode === 'open') await runOpenLoop(plan);
  else await (await import('./closed-loop.js')).runClosedLoop(plan);
}

async function runAndReport(plan: LoadPlan): Promise<LoadReport> {
  const { options, tenants, bodies, recorder, startedAtMs, now } = plan;
  const cpuBefore = process.cpuUsage();
  await send(plan);
  const { user, system } = process.cpuUsage(cpuBefore);
  const { headers: _, ...shown } = options;
  return {
    options: shown,
    startedAt: new Date(startedAtMs).toISOString(),
    ...recorder.report(
      now(),
      tenants.map(({ id }) => id),
    ),
    generator: {
      series: tenants.reduce((sum, { pushes, seriesPerPush }) => sum + pushes * seriesPerPush, 0),
      templateBytes: bodies.templateBytes,
      cpuSeconds: (user + system) / 1e6,
      maxRssBytes: process.resourceUsage().maxRSS * 1024,
    },
  };
}
