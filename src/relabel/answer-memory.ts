/**
 * What rules made of texts that they were asked before, for all rules of a process together: as many answers as there is
 * room for, and then none.
 */

/** Answers that are remembered, and the longest text that one is remembered for: 20 MB where all are that long. */
const MOST_ANSWERS = 32_768;
const LONGEST_TEXT = 256;

export class AnswerMemory {
  #answers = 0;
  /** Changes when all is forgotten. */
  #generation = 0;

  /** The same function, which remembers its answers. An answer is never undefined. */
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
      const found = answer(text);
      if (text.length <= LONGEST_TEXT && this.#hasRoom()) answers.set(text, found);
      return found;
    };
  }

  /** Counts one more. Where there is no room for it all are forgotten. */
  #hasRoom(): boolean {
    this.#answers++;
    if (this.#answers <= MOST_ANSWERS) return true;
    this.#answers = 0;
    this.#generation++;
    return false;
  }
}
