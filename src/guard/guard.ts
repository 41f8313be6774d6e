/**
 * A guard: checks loads periodically, and takes steps up and down the levels (ladder.ts). Its standing is stored elsewhere.
 * In mode `observe` steps are only reported.
 */
import type { Standing } from '../controls/guard-control.js';
import { type LadderSettings, type Step, type StepKind, Watch } from './ladder.js';
import type { Load } from './load.js';

/** Stores the standing. */
export interface Standings {
  now(): Standing;
  /** A step was taken. */
  step(step: Step): void;
}

interface GuardOptions {
  readonly settings: LadderSettings;
  readonly standings: Standings;
  /** After a longer gap between checks nothing is known of the time between. */
  readonly longestGapMs: number;
  /** The clock of Date.now(). */
  readonly now: () => number;
  readonly stepped: (step: Step, before: Standing) => void;
}

export interface RuleStatus {
  readonly rule: string;
  readonly percent: number | undefined;
  readonly error: string | undefined;
}

export class Guard {
  readonly #options: GuardOptions;
  readonly #watch: Watch;
  readonly counts: Record<StepKind, number> = { raised: 0, eased: 0, ended: 0 };
  #loads: readonly Load[] = [];

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#watch = new Watch(options.settings, options);
  }

  get standing(): Standing {
    return this.#options.standings.now();
  }

  /** From the last check. */
  get rules(): RuleStatus[] {
    return this.#loads.map(({ rule, percent, error }) => ({ rule, percent, error }));
  }

  look(loads: readonly Load[]): void {
    this.#loads = loads;
    const { standings, now, stepped } = this.#options;
    const worst = worstOf(loads);
    const before = standings.now();
    const seen = {
      load: worst?.percent,
      cause: worst === undefined ? '' : causeOf(worst),
      blind: loads.some(({ blind }) => blind === true),
    };
    const step = this.#watch.look(before, seen, now());
    if (step === undefined) return;
    standings.step(step);
    this.counts[step.kind]++;
    stepped(step, before);
  }
}

function worstOf(loads: readonly Load[]): Load | undefined {
  let worst: Load | undefined;
  for (const load of loads) {
    if (load.percent !== undefined && load.percent > (worst?.percent ?? Number.NEGATIVE_INFINITY))
      worst = load;
  }
  return worst;
}

function causeOf({ rule, percent, text }: Load): string {
  return `${rule} is at ${Math.round(percent ?? 0)} %: ${text}`;
}
