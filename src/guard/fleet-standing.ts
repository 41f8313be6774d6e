/**
 * Where the guard stands that all replicas have in common: it is a control like any other, so no replica has to be elected. Each of
 * them looks for itself and takes the next step from where the control says that all of them stand; who comes second finds it taken,
 * and of two that write at one moment the later wins, with the same. The control ends by itself when nobody is there to renew it.
 *
 * Who only observes has a standing of its own, and writes nothing.
 */
import { randomUUID } from 'node:crypto';
import type { Controls } from '../controls/controls.js';
import { CALM, GUARD, type SharedStanding, type Standing, writeStanding } from '../controls/guard-control.js';
import type { Standings } from './guard.js';
import { type LadderSettings, recoveryMs, type Step } from './ladder.js';

export interface FleetStandingOptions {
  readonly controls: Controls;
  readonly settings: LadderSettings;
  readonly acts: () => boolean;
  readonly now: () => number;
}

/** It is written anew so often while it is not calm, by who knows every load. */
const RENEWED_MS = 30_000;
/** Beyond the time that it takes to recover. */
const MARGIN_MS = 5 * 60_000;

export class FleetStanding implements Standings {
  readonly #options: FleetStandingOptions;
  #observed: Standing = CALM;

  constructor(options: FleetStandingOptions) {
    this.#options = options;
  }

  now(): Standing {
    return this.#options.acts() ? this.#options.controls.guardStanding() : this.#observed;
  }

  step({ standing }: Step): void {
    if (!this.#options.acts()) {
      this.#observed = standing;
      return;
    }
    this.#observed = CALM;
    this.#write({ ...standing, seenMs: this.#options.controls.guardStanding().seenMs });
  }

  /** What other replicas did by now is known when this resolves, if it can be. Never rejects. */
  refresh(): Promise<void> {
    return this.#options.controls.sync();
  }

  /** Whether another replica knew every load within this time. */
  isSeen(withinMs: number): boolean {
    const { acts, controls, now } = this.#options;
    return acts() && now() - controls.guardStanding().seenMs < withinMs;
  }

  /** This replica knows every load. */
  renew(): void {
    const { acts, controls, now } = this.#options;
    const standing = controls.guardStanding();
    if (!acts() || standing.level === 'calm' || now() - standing.seenMs < RENEWED_MS) return;
    this.#write({ ...standing, seenMs: now() });
  }

  #write(standing: SharedStanding): void {
    const { controls, settings, now } = this.#options;
    const isOver = standing.level === 'calm';
    void controls.write({
      id: randomUUID(),
      tenant: '',
      name: GUARD,
      value: isOver ? null : writeStanding(standing),
      reason: standing.cause,
      by: 'guard',
      untilMs: now() + recoveryMs(settings, standing) + MARGIN_MS,
    });
  }
}
