/**
 * Texts that were read from the kernel's memory, by the hashes that the kernel has of them: senders repeat names and values,
 * and to make a text anew costs ten times what it costs to find it here.
 */

const PLACES = 4096;
/** Longer ones are hardly repeated. */
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

  /** Hashes are made under another key from now on. */
  clear(): void {
    this.#hashes.fill(0);
    this.#texts.fill(undefined);
  }
}
