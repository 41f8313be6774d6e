/**
 * Decides whose series the store looks at next. A limited number of series is in flight; later ones wait for their turn,
 * round robin over tenants, so that one with many new series does not delay the others. Both the waiting time and the queue
 * are bounded.
 *
 * The limit adapts to the store's latency: each replica sends less when all together send too much.
 */
export interface Turn {
  readonly tenant: string;
  readonly series: number;
  /** When the wait ends, in milliseconds. */
  readonly untilMs: number;
}

interface Waiting extends Turn {
  readonly go: (mayGo: boolean) => void;
}

/** About sixteen milliseconds of Redis. */
export const MOST_IN_FLIGHT = 4096;
const FEWEST_IN_FLIGHT = 64;
const FIRST_IN_FLIGHT = 1024;
/** The longest queue in series, of 16 bytes each, in total and per tenant. */
const MOST_WAITING = 65_536;
const MOST_OF_TENANT = 32_768;

export class Turns {
  readonly #timeoutMs: number;
  /** By tenant, in the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();
  #window = FIRST_IN_FLIGHT;
  #inFlight = 0;
  #seriesWaiting = 0;

  /** `timeoutMs`: the timeout of a call to the store. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** How many series may be in flight. */
  get window(): number {
    return this.#window;
  }

  /** True: go. False: it waited too long, or the queue is full. Each granted turn ends with `done`. */
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

  /** The time that the store took; undefined when it did not answer. */
  done(series: number, tookMs: number | undefined): void {
    this.#inFlight -= series;
    if (tookMs === undefined || tookMs > this.#timeoutMs / 2) {
      this.#window = Math.max(FEWEST_IN_FLIGHT, Math.floor(this.#window / 2));
    } else {
      this.#window = Math.min(MOST_IN_FLIGHT, this.#window + Math.ceil(series / 4));
    }
    this.#goOn();
  }

  /** Called periodically. */
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
      // The tenant's next turn comes after everybody else's.
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

  /** A call that is larger than the limit goes alone. */
  #fits(series: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + series <= this.#window;
  }
}
