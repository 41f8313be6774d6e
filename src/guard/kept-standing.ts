/**
 * A guard's standing, stored as a control like any other: in Redis, on disk, in memory. So it survives restarts, and the
 * guard that replicas share needs no election: each replica looks for itself and takes the next step from the shared
 * standing. The second one finds the step already taken; of two simultaneous writes the later wins, with the same content.
 * The control ends by itself when nobody renews it.
 *
 * In mode `observe` the standing is separate, and nothing is written.
 */
import { randomUUID } from 'node:crypto';
import type { Controls } from '../controls/controls.js';
import { CALM, type SharedStanding, type Standing, writeStanding } from '../controls/guard-control.js';
import type { Standings } from './guard.js';
import { type LadderSettings, recoveryMs, type Step } from './ladder.js';

interface KeptStandingOptions {
  readonly controls: Controls;
  /** The name of the control. */
  readonly name: string;
  readonly settings: LadderSettings;
  readonly acts: () => boolean;
  readonly now: () => number;
}

/** How often it is renewed while it is not calm, by replicas that know every load. */
const RENEWED_MS = 30_000;
/** Added to the recovery time. */
const MARGIN_MS = 5 * 60_000;

export class KeptStanding implements Standings {
  readonly #options: KeptStandingOptions;
  #observed: Standing = CALM;

  constructor(options: KeptStandingOptions) {
    this.#options = options;
  }

  now(): Standing {
    return this.#options.acts() ? this.#kept() : this.#observed;
  }

  step({ standing }: Step): void {
    if (!this.#options.acts()) {
      this.#observed = standing;
      return;
    }
    this.#observed = CALM;
    this.#write({ ...standing, seenMs: this.#kept().seenMs });
  }

  /** When this resolves, the steps of other replicas are known, if possible. Never rejects. */
  refresh(): Promise<void> {
    return this.#options.controls.sync();
  }

  /** Whether another replica knew every load within this time. */
  isSeen(withinMs: number): boolean {
    const { acts, now } = this.#options;
    return acts() && now() - this.#kept().seenMs < withinMs;
  }

  /** Called when this replica knows every load. */
  renew(): void {
    const { acts, now } = this.#options;
    const standing = this.#kept();
    if (!acts() || standing.level === 'calm' || now() - standing.seenMs < RENEWED_MS) return;
    this.#write({ ...standing, seenMs: now() });
  }

  #kept(): SharedStanding {
    const { controls, name } = this.#options;
    return controls.guardStanding(name);
  }

  #write(standing: SharedStanding): void {
    const { controls, name, settings, now } = this.#options;
    const isOver = standing.level === 'calm';
    void controls.write({
      id: randomUUID(),
      tenant: '',
      name,
      value: isOver ? null : writeStanding(standing),
      reason: standing.cause,
      by: 'guard',
      untilMs: now() + recoveryMs(settings, standing) + MARGIN_MS,
    });
  }
}
