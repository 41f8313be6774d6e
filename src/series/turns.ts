/**
 * Whose series are looked at next. So many series are in flight at one time; what comes later waits for its turn, tenants
 * by turns, so that one with many new series does not keep others waiting. Nobody waits for longer than it may, and no more
 * wait than there is room for.
 *
 * How many are in flight follows from how long the store takes: each replica sends less when all together send too much.
 */
export interface Turn {
  readonly tenant: string;
  readonly series: number;
  /** When it is given up, in milliseconds. */
  readonly untilMs: number;
}

interface Waiting extends Turn {
  readonly go: (mayGo: boolean) => void;
}

/** About sixteen milliseconds of Redis. */
export const MOST_IN_FLIGHT = 4096;
const FEWEST_IN_FLIGHT = 64;
const FIRST_IN_FLIGHT = 1024;
/** Series that wait, at 16 bytes each, and of one tenant. */
const MOST_WAITING = 65_536;
const MOST_OF_TENANT = 32_768;

export class Turns {
  readonly #timeoutMs: number;
  /** By tenant, in the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();
  #window = FIRST_IN_FLIGHT;
  #inFlight = 0;
  #seriesWaiting = 0;

  /** `timeoutMs`: what the store may take for an answer. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** The most that may be in flight. */
  get window(): number {
    return this.#window;
  }

  /** True: now. False: it waited for too long, or too many wait. Each turn that is taken ends with `done`. */
  take(turn: Turn): boolean | Promise<boolean> {
    if (this.#waiting.size === 0 && this.#fits(turn.series)) {
      this.#inFlight += turn.series;
      return true;
    }
    const others = this.#waiting.get(turn.tenant) ?? [];
    const ofTenant = others.reduce((sum, { series }) => sum + series, turn.series);
    const isRoom = this.#seriesWaiting + turn.series <= MOST_WAITING && ofTenant <= MOST_OF_TENANT;
    if (!isRoom && others.length > 0) return false;
    this.#seriesWaiting += turn.series;
    this.#waiting.set(turn.tenant, others);
    return new Promise((go) => others.push({ ...turn, go }));
  }

  /** The store took so long for so many; undefined when it was not heard. */
  done(series: number, tookMs: number | undefined): void {
    this.#inFlight -= series;
    if (tookMs === undefined || tookMs > this.#timeoutMs / 2) {
      this.#window = Math.max(FEWEST_IN_FLIGHT, Math.floor(this.#window / 2));
    } else {
      this.#window = Math.min(MOST_IN_FLIGHT, this.#window + Math.ceil(series / 4));
    }
    this.#goOn();
  }

  /** Called now and then. */
  tick(nowMs: number): void {
    for (const [tenant, turns] of this.#waiting) {
      while (turns[0] !== undefined && turns[0].untilMs <= nowMs) this.#end(tenant, turns, false);
    }
  }

  #goOn(): void {
    for (const [tenant, turns] of this.#waiting) {
      const first = turns[0];
      if (first === undefined || !this.#fits(first.series)) return;
      this.#inFlight += first.series;
      // The tenant's next one comes after everybody else's.
      this.#waiting.delete(tenant);
      this.#waiting.set(tenant, turns);
      this.#end(tenant, turns, true);
    }
  }

  #end(tenant: string, turns: Waiting[], mayGo: boolean): void {
    const first = turns.shift();
    if (turns.length === 0) this.#waiting.delete(tenant);
    if (first === undefined) return;
    this.#seriesWaiting -= first.series;
    first.go(mayGo);
  }

  /** One call may be larger than all that may be in flight: then it goes alone. */
  #fits(series: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + series <= this.#window;
  }
}
