/**
 * Loads by expressions that a Prometheus is asked for: 1 is as much as can be borne. While one does not come to a number nothing is
 * made up for it: it raises nothing, and for a time it keeps what is from being eased.
 */
import { messageOf } from '../base/message-of.js';
import type { Load } from './load.js';

interface ExpressionRule {
  readonly rule: string;
  readonly expression: string;
}

interface PrometheusLoadsOptions {
  readonly rules: readonly ExpressionRule[];
  readonly ask: (expression: string) => Promise<number>;
  /** For so long after a number the lack of another one keeps things as they are. */
  readonly keepMs: number;
  readonly now: () => number;
}

export class PrometheusLoads {
  readonly #options: PrometheusLoadsOptions;
  /** By rule: when it was known last. Before anything is known it is as if it had been known at the start. */
  readonly #knownMs: Map<string, number>;
  #failures = 0;

  constructor(options: PrometheusLoadsOptions) {
    this.#options = options;
    this.#knownMs = new Map(options.rules.map(({ rule }) => [rule, options.now()]));
  }

  /** Questions without a number for an answer, since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Never rejects. */
  poll(): Promise<Load[]> {
    return Promise.all(this.#options.rules.map((rule) => this.#poll(rule)));
  }

  async #poll({ rule, expression }: ExpressionRule): Promise<Load> {
    const { ask, now, keepMs } = this.#options;
    try {
      const value = await ask(expression);
      this.#knownMs.set(rule, now());
      return { rule, percent: value * 100, text: `its expression comes to ${Number(value.toPrecision(4))}` };
    } catch (error) {
      this.#failures++;
      const blind = now() - (this.#knownMs.get(rule) ?? 0) < keepMs;
      return { rule, percent: undefined, text: '', blind, error: messageOf(error) };
    }
  }
}
