/** Series that a Prometheus answers with, one question at a time. */
import { messageOf } from '../base/message-of.js';
import { AnswerTooLarge, PrometheusClient, type PrometheusOptions } from '../base/prometheus.js';

export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, and what it was then. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

export class PrometheusReader {
  readonly #client: PrometheusClient;
  readonly #url: string;

  constructor(options: PrometheusOptions) {
    this.#client = new PrometheusClient(options);
    this.#url = options.url;
  }

  /** What it was at a moment. */
  query(expr: string, seconds: number): Promise<PrometheusSeries[]> {
    return this.#ask('query', { query: expr, time: String(seconds) });
  }

  range(expr: string, from: number, to: number, step: number): Promise<PrometheusSeries[]> {
    return this.#ask('query_range', {
      query: expr,
      start: String(from),
      end: String(to),
      step: String(step),
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Errors say which Prometheus it is: what reads them may have asked several. */
  async #ask(
    what: 'query' | 'query_range',
    params: Readonly<Record<string, string>>,
  ): Promise<PrometheusSeries[]> {
    try {
      return seriesIn((await this.#client.ask(what, params)).result as readonly Series[]);
    } catch (error) {
      if (error instanceof AnswerTooLarge) throw error;
      throw new Error(`${this.#url} ${messageOf(error)}`);
    }
  }
}

interface Series {
  readonly metric?: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

function seriesIn(result: readonly Series[]): PrometheusSeries[] {
  return result.map(({ metric, value, values }) => ({
    labels: metric ?? {},
    points: (values ?? (value === undefined ? [] : [value])).map(([at, number]) => [at, Number(number)]),
  }));
}
