/**
 * Loads from Prometheus expressions, where 1 is the limit. While an expression gives no number, none is made up: nothing is
 * raised, and for a time nothing is eased.
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
  /** For this long after a number, missing ones keep things as they are. */
  readonly keepMs: number;
  readonly now: () => number;
}

export class PrometheusLoads {
  readonly #options: PrometheusLoadsOptions;
  /** By rule: when it was last known. At the start all rules count as just known. */
  readonly #knownMs: Map<string, number>;
  #failures = 0;

  constructor(options: PrometheusLoadsOptions) {
    this.#options = options;
    this.#knownMs = new Map(options.rules.map(({ rule }) => [rule, options.now()]));
  }

  /** Queries without a number as their result, since the start. */
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
