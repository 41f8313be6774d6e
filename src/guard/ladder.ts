/**
 * How a guard reacts to a load over time. Levels and transitions:
 *
 *   calm, recovering ─ a load is at or above a level for as long as the level says ─▶ warn, emergency or panic
 *   warn, emergency  ─ and at or above a higher one ─▶ that
 *   any of them      ─ below `recovery.below` for `recovery.afterMs` ─▶ recovering: a step more is admitted
 *   recovering       ─ still below, `recovery.everyMs` later ─▶ recovering: another step, until all is admitted ─▶ calm
 *
 * A level never admits more than was admitted before it, and only recovery steps admit more. While the load is unknown no
 * level is raised, and that time does not count. Pure: time is passed in.
 */
import { ALARMS, type Alarm, LEVELS, type Standing } from '../controls/guard-control.js';

/** Loads, and what is admitted, in percent. */
export interface LadderSettings {
  readonly alarms: Readonly<Record<Alarm, AlarmSettings>>;
  readonly recovery: {
    readonly below: number;
    readonly afterMs: number;
    readonly step: number;
    readonly everyMs: number;
  };
}

interface AlarmSettings {
  readonly at: number;
  readonly holdMs: number;
  /** Of tenants' rates. */
  readonly admit: number;
  /** Of critical tenants' rates. */
  readonly admitCritical: number;
}

/** What is known now. */
export interface Seen {
  /** In percent; undefined: unknown. */
  readonly load: number | undefined;
  /** What causes the load, in words. */
  readonly cause: string;
  /** Something is unknown that was known a moment ago: nothing is eased. */
  readonly blind: boolean;
}

export type StepKind = 'raised' | 'eased' | 'ended';

export interface Step {
  readonly kind: StepKind;
  readonly standing: Standing;
}

/** After a longer gap between checks nothing is known of the time between. */
interface WatchOptions {
  readonly longestGapMs: number;
}

/** Tracks how long the load has been where it is, as this process has seen it. */
export class Watch {
  readonly #settings: LadderSettings;
  readonly #options: WatchOptions;
  readonly #aboveMs = new Map<Alarm, number>();
  #belowMs: number | undefined;
  #lookedMs: number | undefined;

  constructor(settings: LadderSettings, options: WatchOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** The step to take now, if any. */
  look(standing: Standing, seen: Seen, nowMs: number): Step | undefined {
    this.#note(seen, nowMs);
    return this.#raise(standing, seen, nowMs) ?? this.#ease(standing, seen, nowMs);
  }

  #note({ load, blind }: Seen, nowMs: number): void {
    const passedMs = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    if (passedMs < 0 || passedMs > this.#options.longestGapMs) {
      this.#aboveMs.clear();
      this.#belowMs = undefined;
    }
    // While blind, nobody knows whether the load was below meanwhile, nor, if it is unknown, whether it was above.
    if (blind && this.#belowMs !== undefined) this.#belowMs += passedMs;
    if (blind && load === undefined) {
      for (const [alarm, sinceMs] of this.#aboveMs) this.#aboveMs.set(alarm, sinceMs + passedMs);
      return;
    }
    const known = load ?? 0;
    for (const alarm of ALARMS) {
      if (known < this.#settings.alarms[alarm].at) this.#aboveMs.delete(alarm);
      else if (!this.#aboveMs.has(alarm)) this.#aboveMs.set(alarm, nowMs);
    }
    if (known >= this.#settings.recovery.below) this.#belowMs = undefined;
    else this.#belowMs ??= nowMs;
  }

  #raise(standing: Standing, { load, cause }: Seen, nowMs: number): Step | undefined {
    if (load === undefined) return undefined;
    const held = ALARMS.filter((alarm) => {
      const sinceMs = this.#aboveMs.get(alarm);
      return sinceMs !== undefined && nowMs - sinceMs >= this.#settings.alarms[alarm].holdMs;
    });
    const level = held.at(-1);
    if (level === undefined || LEVELS.indexOf(level) <= LEVELS.indexOf(standing.level)) return undefined;
    const { admit, admitCritical } = this.#settings.alarms[level];
    return {
      kind: 'raised',
      standing: {
        level,
        admitted: Math.min(standing.admitted, admit),
        critical: Math.min(standing.critical, admitCritical),
        steppedMs: nowMs,
        cause,
      },
    };
  }

  #ease(standing: Standing, { blind }: Seen, nowMs: number): Step | undefined {
    const { below, afterMs, step, everyMs } = this.#settings.recovery;
    if (standing.level === 'calm' || blind || this.#belowMs === undefined) return undefined;
    // After the clock was set back, the step is taken at once rather than never.
    const sinceStepMs = nowMs < standing.steppedMs ? everyMs : nowMs - standing.steppedMs;
    if (nowMs - this.#belowMs < afterMs || sinceStepMs < everyMs) return undefined;
    const admitted = Math.min(100, standing.admitted + step);
    const critical = Math.min(100, standing.critical + step);
    const isOver = admitted === 100 && critical === 100;
    return {
      kind: isOver ? 'ended' : 'eased',
      standing: {
        level: isOver ? 'calm' : 'recovering',
        admitted,
        critical,
        steppedMs: nowMs,
        cause: `every load is below ${below} %`,
      },
    };
  }
}

/** The shortest time until everything is admitted again. */
export function recoveryMs({ recovery }: LadderSettings, { admitted, critical }: Standing): number {
  const steps = Math.ceil((100 - Math.min(admitted, critical)) / recovery.step);
  return recovery.afterMs + steps * recovery.everyMs;
}
