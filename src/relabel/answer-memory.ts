/**
 * What rules made of texts that they were asked before, for all rules of a process together: as many answers as there is
 * room for, and then none. And how much work it was to answer, so that whoever has no time for it can stop.
 */

/** Answers that are remembered, and the longest text that one is remembered for: 20 MB where all are that long. */
const MOST_ANSWERS = 32_768;
const LONGEST_TEXT = 256;

/** An answer that is not remembered costs as much as so many characters of its text, whatever it is. */
const WORK_OF_ANSWER = 32;

export class AnswerMemory {
  #workLeft = Number.POSITIVE_INFINITY;
  #answers = 0;
  /** Changes when all is forgotten. */
  #generation = 0;

  /** More work was done than was allowed. */
  get isSpent(): boolean {
    return this.#workLeft < 0;
  }

  /** From now on: characters of texts that rules look at. */
  allowWork(characters: number): void {
    this.#workLeft = characters;
  }

  /** Work of others that counts like answers. */
  spend(characters: number): void {
    this.#workLeft -= characters;
  }

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
      this.#workLeft -= text.length + WORK_OF_ANSWER;
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
