/**
 * Who may use one of a few slots next. Senders take turns, however many tasks each has, so that one with many large
 * bodies keeps itself waiting and nobody else. Each may have so many waiting and no more.
 */

/** Why a task was not begun: too many of its sender's wait, or nobody waits for it any more when it is its turn. */
export type NotBegun = 'full' | 'unwanted';

interface Waiting {
  readonly wanted: () => boolean;
  begin(): void;
  leave(): void;
}

export class TurnQueue {
  readonly #slots: number;
  readonly #maxWaiting: number;
  #running = 0;
  #waiting = 0;
  /** Senders with tasks that wait, in order of their turns. */
  readonly #bySender = new Map<string, Waiting[]>();

  /** `maxWaiting` of one sender. */
  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Runs the task when it is its turn. */
  async run<T>(sender: string, wanted: () => boolean, task: () => Promise<T>): Promise<T | NotBegun> {
    if (this.#running >= this.#slots) {
      const left = await this.#wait(sender, wanted);
      if (left !== undefined) return left;
    } else this.#running++;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Resolves once a slot is handed over, or with the reason why none is. */
  #wait(sender: string, wanted: () => boolean): Promise<NotBegun | undefined> | NotBegun {
    const line = this.#bySender.get(sender) ?? [];
    if (line.length >= this.#maxWaiting) return 'full';
    this.#bySender.set(sender, line);
    this.#waiting++;
    return new Promise((resolve) => {
      line.push({ wanted, begin: () => resolve(undefined), leave: () => resolve('unwanted') });
    });
  }

  #next(): void {
    for (const [sender, line] of this.#bySender) {
      const first = line.shift();
      // The sender's next task waits for the others' turns.
      this.#bySender.delete(sender);
      if (line.length > 0) this.#bySender.set(sender, line);
      if (first === undefined) continue;
      this.#waiting--;
      if (first.wanted()) {
        first.begin();
        return;
      }
      first.leave();
    }
    this.#running--;
  }
}
