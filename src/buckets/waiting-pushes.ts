/** Pushes that wait for the store's answer about one bucket: those that the call in flight asks for, and later ones. */
import type { Answer } from '../enforce/ledger.js';

interface WaitingPush {
  readonly n: number;
  readonly answer: (answer: Answer) => void;
}

/** A call takes about a millisecond. */
const MOST_WAITING = 1024;

export class WaitingPushes {
  #asked: WaitingPush[] = [];
  #later: WaitingPush[] = [];

  get isFull(): boolean {
    return this.#later.length >= MOST_WAITING;
  }

  /** Some are not part of a call yet. */
  get anyLater(): boolean {
    return this.#later.length > 0;
  }

  /** The tokens that all of them need. */
  get tokens(): number {
    return sum(this.#asked) + sum(this.#later);
  }

  add(n: number): Promise<Answer> {
    return new Promise((answer) => this.#later.push({ n, answer }));
  }

  /** Collects the pushes for the next call. It asks for at least the smallest: if that can not be granted, none can. */
  ask(): { readonly smallest: number; readonly others: number } {
    this.#asked = this.#later.sort((a, b) => a.n - b.n);
    this.#later = [];
    const smallest = this.#asked[0]?.n ?? 0;
    return { smallest, others: sum(this.#asked) - smallest };
  }

  answerAsked(answerTo: (n: number) => Answer): void {
    const asked = this.#asked;
    this.#asked = [];
    for (const { n, answer } of asked) answer(answerTo(n));
  }

  /** Pushes without an answer keep waiting. */
  answerLater(answerTo: (n: number) => Answer | undefined): void {
    const left: WaitingPush[] = [];
    for (const push of this.#later) {
      const answer = answerTo(push.n);
      if (answer === undefined) left.push(push);
      else push.answer(answer);
    }
    this.#later = left;
  }

  answerAll(answerTo: (n: number) => Answer): void {
    this.answerAsked(answerTo);
    this.answerLater(answerTo);
  }
}

function sum(pushes: readonly WaitingPush[]): number {
  let total = 0;
  for (const { n } of pushes) total += n;
  return total;
}
