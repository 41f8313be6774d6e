/**
 * Decides who uses one of a few slots next. Senders take turns, however many tasks each has, so that one with many large
 * bodies only delays itself. The number of waiting tasks is limited for each sender.
 */

/** Why a task was not begun: its sender has too many waiting, or nobody waits for it any more. */
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
  /** Senders with waiting tasks, in the order of their turns. */
  readonly #bySender = new Map<string, Waiting[]>();

  /** `maxWaiting`: for each sender. */
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

  /** Resolves when it has a slot, or to the reason why it gets none. */
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
