/** A counter with one label. It costs an addition on the hot path, and is converted to a metric at each scrape. */
import type { Metrics } from './metrics.js';

export class WordCounter<W extends string> {
  readonly #counts: Map<W, number>;

  /** `words` are exported as zeros from the start, so that a rate includes the first increase. */
  constructor(metrics: Metrics, name: string, help: string, label: string, words: readonly W[]) {
    this.#counts = new Map(words.map((word) => [word, 0]));
    metrics.counters({
      name,
      help,
      labelNames: [label],
      read: () => [...this.#counts].map(([word, count]) => [{ [label]: word }, count]),
    });
  }

  add(word: W): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
  }
}
