/** Sends what a data plane counts of each tenant to the bookkeeper of its machine. */
import { VERSION } from '../base/version.js';
import { PlaneUsage } from '../usage/plane-usage.js';
import type { DataPlane } from './data-plane.js';
import type { Part } from './parts.js';

/** The same for all data planes of a machine. */
export interface Machine {
  readonly machine: string;
  /** Its name for people. */
  readonly name: string;
}

/** Counts while the doors are open. `deliver` takes frames in order. */
export function countingPart(
  data: DataPlane,
  { machine, name }: Machine,
  worker: number | undefined,
  deliver: (frame: Buffer) => unknown,
): Part {
  const startedMs = Date.now();
  const usage = new PlaneUsage({
    source: data,
    info: () => ({
      name,
      machine,
      ...(worker !== undefined && { worker }),
      version: VERSION,
      startedMs,
      limitsHash: data.enforcer.snapshot.hash,
      mode: data.enforcer.mode,
    }),
    deliver,
    now: Date.now,
  });
  return { name: 'counting', start: () => usage.start(), stop: () => usage.stop() };
}
