/**
 * The labels of one series while rules are applied: names are unique, and labels without a value do not exist. Values are
 * only read on demand: the owner of the set identifies them by numbers.
 */

/** Reads the value behind a number. */
type ReadValue = (source: number) => string;

/** No real series has more labels, and the set is searched linearly. */
export const MOST_LABELS = 1024;

/** The label was set by a rule: its value is a text. */
export const MADE = -1;

export class LabelSet {
  readonly names: string[] = [];
  /** The number of each label's value, or MADE. */
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

  /** Adds a label of the sender. If a name is repeated, the last value counts, at the first position. */
  add(name: string, source: number): void {
    this.#put(name, undefined, source);
  }

  /** Adds a label without looking for its name: for labels that no rule touches. */
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

  /** An empty value removes the label. */
  set(name: string, value: string): void {
    if (value === '') this.delete(name);
    else this.#put(name, value, MADE);
  }

  /** Removes the first label of this name. */
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
