/**
 * A cache of texts in the kernel's memory by their hashes: senders repeat names and values, and making a string costs ten
 * times as much as finding it here.
 */

const PLACES = 4096;
/** Longer ones are rarely repeated. */
const LONGEST = 256;

export class TextCache {
  readonly #hashes = new Uint32Array(2 * PLACES);
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(PLACES).fill(undefined);

  get(low: number, high: number): string | undefined {
    const place = low % PLACES;
    return this.#hashes[2 * place] === low && this.#hashes[2 * place + 1] === high
      ? this.#texts[place]
      : undefined;
  }

  set(low: number, high: number, text: string): void {
    if (text.length > LONGEST) return;
    const place = low % PLACES;
    this.#hashes[2 * place] = low;
    this.#hashes[2 * place + 1] = high;
    this.#texts[place] = text;
  }

  /** The hash key has changed. */
  clear(): void {
    this.#hashes.fill(0);
    this.#texts.fill(undefined);
  }
}
