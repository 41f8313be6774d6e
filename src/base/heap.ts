/** A priority queue: the first item is at hand, and each can be moved or removed, in logarithmic time. */
export class Heap<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  /** Adds the item, or moves it to its new position. */
  put(item: T): void {
    const known = this.#places.get(item);
    const at = known ?? this.#items.push(item) - 1;
    this.#places.set(item, at);
    this.#sink(this.#rise(at));
  }

  remove(item: T): void {
    const at = this.#places.get(item);
    if (at === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#set(at, last);
    this.#sink(this.#rise(at));
  }

  #rise(from: number): number {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      if (!this.#swapsUnlessBefore(above, at)) break;
      at = above;
    }
    return at;
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      const below = left + 1 < this.#items.length && this.#goesBefore(left + 1, left) ? left + 1 : left;
      if (below >= this.#items.length || !this.#swapsUnlessBefore(at, below)) return;
      at = below;
    }
  }

  #goesBefore(a: number, b: number): boolean {
    return this.#isBefore(this.#items[a] as T, this.#items[b] as T);
  }

  #swapsUnlessBefore(above: number, below: number): boolean {
    if (!this.#goesBefore(below, above)) return false;
    const [upper, lower] = [this.#items[above] as T, this.#items[below] as T];
    this.#set(above, lower);
    this.#set(below, upper);
    return true;
  }

  #set(at: number, item: T): void {
    this.#items[at] = item;
    this.#places.set(item, at);
  }
}
