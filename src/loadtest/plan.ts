/** What both loops need. */
import type { Bodies } from './bodies.js';
import type { LoadOptions } from './options.js';
import type { Profile } from './profile.js';
import type { Recorder } from './recorder.js';
import type { LoadTenant } from './tenants.js';

export interface LoadPlan {
  readonly options: LoadOptions;
  readonly tenants: readonly LoadTenant[];
  readonly profile: Profile;
  readonly bodies: Bodies;
  readonly recorder: Recorder;
  /** By `now`, and by Date.now(). */
  readonly startedMs: number;
  readonly startedAtMs: number;
  readonly now: () => number;
  /** Aborted: send no more. */
  readonly signal: AbortSignal;
}
