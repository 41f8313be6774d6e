/** A counter with one label. It costs an addition on the hot path, and becomes a metric when somebody scrapes. */
import type { Metrics } from './metrics.js';

export class WordCounter<W extends string> {
  readonly #counts: Map<W, number>;

  /** `words` are exported from the start, as zeros: a rate over the first increase is not lost. */
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
