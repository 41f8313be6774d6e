/**
 * Warns about tenants that accept HA samples while it is not configured that Mimir deduplicates: like a Mimir without an HA
 * tracker, the edge then accepts what both replicas send. Logged once, and again after there were none in between.
 */
import type { Logger } from 'pino';
import type { Snapshot } from '../limits/limits.js';

const NAMED_MOST = 5;

export class PairsWarning {
  readonly #log: Logger;
  readonly #hasTracker: boolean;
  #told = false;

  constructor(log: Logger, hasTracker: boolean) {
    this.#log = log;
    this.#hasTracker = hasTracker;
  }

  look({ defaults, tenants }: Snapshot): void {
    if (this.#hasTracker) return;
    const named = [...tenants].flatMap(([id, limits]) => (limits.accept_ha_samples ? [id] : []));
    const some = defaults.accept_ha_samples || named.length > 0;
    if (some && !this.#told) {
      this.#log.warn(
        { byDefault: defaults.accept_ha_samples, count: named.length, tenants: named.slice(0, NAMED_MOST) },
        'tenants have accept_ha_samples, which does nothing while ha.tracker_enabled is false: set it to true if Mimir ' +
          'runs with -distributor.ha-tracker.enable',
      );
    }
    this.#told = some;
  }
}
