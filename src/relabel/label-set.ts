/**
 * The labels of one series while rules are applied: a name is there once, and a label without a value is not there. Values
 * that nobody asks for are never read: a label may stand for bytes that the owner of the set knows by a number.
 */

/** Reads the value that a number stands for. */
type ReadValue = (source: number) => string;

/** More labels than a series can have for any use: the set is searched from its beginning. */
export const MOST_LABELS = 1024;

/** The label was made by a rule: its value is a text. */
export const MADE = -1;

export class LabelSet {
  readonly names: string[] = [];
  /** What a label's value stands for, or MADE. */
  readonly sources: number[] = [];
  readonly #values: (string | undefined)[] = [];
  readonly #read: ReadValue;
  #count = 0;

  constructor(read: ReadValue = () => '') {
    this.#read = read;
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  /** As a sender gives it. Of a name that is given twice the last value counts, at the place of the first. */
  add(name: string, source: number): void {
    this.#put(name, undefined, source);
  }

  /** Whether or not there is one of this name already: for labels that no rule is applied to. */
  append(name: string, source: number): void {
    const index = this.#count++;
    this.names[index] = name;
    this.sources[index] = source;
    this.#values[index] = undefined;
  }

  get(name: string): string {
    const index = this.#indexOf(name);
    return index < 0 ? '' : this.valueAt(index);
  }

  valueAt(index: number): string {
    const known = this.#values[index];
    if (known !== undefined) return known;
    const value = this.#read(this.sources[index] ?? MADE);
    this.#values[index] = value;
    return value;
  }

  /** An empty value takes the label away. */
  set(name: string, value: string): void {
    if (value === '') this.delete(name);
    else this.#put(name, value, MADE);
  }

  /** The first of this name. */
  delete(name: string): void {
    const index = this.#indexOf(name);
    if (index < 0) return;
    this.#count--;
    for (let i = index; i < this.#count; i++) {
      this.names[i] = this.names[i + 1] ?? '';
      this.sources[i] = this.sources[i + 1] ?? MADE;
      this.#values[i] = this.#values[i + 1];
    }
  }

  #put(name: string, value: string | undefined, source: number): void {
    let index = this.#indexOf(name);
    if (index < 0) index = this.#count++;
    this.names[index] = name;
    this.sources[index] = source;
    this.#values[index] = value;
  }

  #indexOf(name: string): number {
    for (let i = 0; i < this.#count; i++) if (this.names[i] === name) return i;
    return -1;
  }
}
