/**
 * Where a guard stands, kept as a control like any other: in Redis, on disk, in memory. So it outlives a restart, and the guard that
 * all replicas have in common needs nobody who is elected: each of them looks for itself and takes the next step from where the
 * control says that all of them stand; who comes second finds it taken, and of two that write at one moment the later wins, with
 * the same. The control ends by itself when nobody is there to renew it.
 *
 * Who only observes has a standing of its own, and writes nothing.
 */
import { randomUUID } from 'node:crypto';
import type { Controls } from '../controls/controls.js';
import { CALM, type SharedStanding, type Standing, writeStanding } from '../controls/guard-control.js';
import type { Standings } from './guard.js';
import { type LadderSettings, recoveryMs, type Step } from './ladder.js';

interface KeptStandingOptions {
  readonly controls: Controls;
  /** Of the control. */
  readonly name: string;
  readonly settings: LadderSettings;
  readonly acts: () => boolean;
  readonly now: () => number;
}

/** It is written anew so often while it is not calm, by who knows every load. */
const RENEWED_MS = 30_000;
/** Beyond the time that it takes to recover. */
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

  /** What other replicas did by now is known when this resolves, if it can be. Never rejects. */
  refresh(): Promise<void> {
    return this.#options.controls.sync();
  }

  /** Whether another replica knew every load within this time. */
  isSeen(withinMs: number): boolean {
    const { acts, now } = this.#options;
    return acts() && now() - this.#kept().seenMs < withinMs;
  }

  /** This replica knows every load. */
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
