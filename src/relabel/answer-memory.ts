/**
 * A cache of what rules make of texts, shared by all rules of a process: it is emptied when it is full. It also counts the
 * work of computing answers, so that the caller can set a limit.
 */

/** The capacity, and the longest text that is cached: 20 MB if all are that long. */
const MOST_ANSWERS = 32_768;
const LONGEST_TEXT = 256;

/** Computing an answer costs at least as much as this many characters of text. */
const WORK_OF_ANSWER = 32;

export class AnswerMemory {
  #workLeft = Number.POSITIVE_INFINITY;
  #answers = 0;
  /** Changes when the cache is emptied. */
  #generation = 0;

  /** More work was done than allowed. */
  get isSpent(): boolean {
    return this.#workLeft < 0;
  }

  /** The allowed work from now on, in characters that rules look at. */
  allowWork(characters: number): void {
    this.#workLeft = characters;
  }

  /** Counts other work in the same unit. */
  spend(characters: number): void {
    this.#workLeft -= characters;
  }

  /** Wraps a function with the cache. Answers must not be undefined. */
  remembered<T>(answer: (text: string) => T): (text: string) => T {
    const answers = new Map<string, T>();
    let generation = this.#generation;
    return (text) => {
      if (generation !== this.#generation) {
        answers.clear();
        generation = this.#generation;
      }
      const known = answers.get(text);
      if (known !== undefined) return known;
      this.#workLeft -= text.length + WORK_OF_ANSWER;
      const found = answer(text);
      if (text.length <= LONGEST_TEXT && this.#hasRoom()) answers.set(text, found);
      return found;
    };
  }

  /** Makes room for one more entry, emptying the cache if it is full. */
  #hasRoom(): boolean {
    this.#answers++;
    if (this.#answers <= MOST_ANSWERS) return true;
    this.#answers = 0;
    this.#generation++;
    return false;
  }
}
