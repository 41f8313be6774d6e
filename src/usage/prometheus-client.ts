/** Questions to a Prometheus, or to what answers like one: one at a time, each bounded in time and bytes. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { readAll } from '../base/read-all.js';

export interface PrometheusOptions {
  /** What `/api/v1/query` is behind: of Mimir with its prefix, `…/prometheus`. */
  readonly url: string;
  /** Sent with each question: X-Scope-OrgID, say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Read again for each question; undefined: no token is sent. */
  readonly bearerTokenFile?: string;
  readonly timeoutMs?: number;
  /** Of one answer. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, and what it was then. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** The answer is larger than it may be: a shorter range may do. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 32 << 20;
const MOST_WORDS = 300;

export class PrometheusClient {
  readonly #options: PrometheusOptions;
  readonly #agent: Agent;

  constructor(options: PrometheusOptions) {
    this.#options = options;
    this.#agent = new Agent({ connections: 1, connect: { timeout: options.timeoutMs ?? TIMEOUT_MS } });
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

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask(what: string, params: Readonly<Record<string, string>>): Promise<PrometheusSeries[]> {
    const { url, headers, bearerTokenFile, timeoutMs = TIMEOUT_MS, signal } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const answer = await request(`${url.replace(/\/$/, '')}/api/v1/${what}`, {
      dispatcher: this.#agent,
      method: 'POST',
      body: new URLSearchParams(params).toString(),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      headers: {
        ...headers,
        'Content-Type': 'application/x-www-form-urlencoded',
        ...(bearerTokenFile !== undefined && {
          Authorization: `Bearer ${(await readFile(bearerTokenFile, 'utf8')).trim()}`,
        }),
      },
    });
    const maxBytes = this.#options.maxBytes ?? MAX_BYTES;
    const bytes = await readAll(answer.body, maxBytes);
    if (bytes === undefined) throw new AnswerTooLarge(`an answer of ${url} has more than ${maxBytes} bytes`);
    const text = bytes.toString('utf8');
    if (answer.statusCode !== 200) {
      throw new Error(`${url} answered ${answer.statusCode}: ${errorIn(text)}`);
    }
    return seriesIn(text, url);
  }
}

function errorIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error.slice(0, MOST_WORDS);
  } catch {
    // It is no Prometheus that says so.
  }
  return text.slice(0, MOST_WORDS).trim();
}

function seriesIn(text: string, url: string): PrometheusSeries[] {
  let answer: {
    readonly data?: {
      readonly result?: readonly {
        readonly metric?: Readonly<Record<string, string>>;
        readonly value?: readonly [number, string];
        readonly values?: readonly (readonly [number, string])[];
      }[];
    };
  };
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`${url} does not answer as a Prometheus does`);
  }
  const result = answer.data?.result;
  if (!Array.isArray(result)) throw new Error(`${url} does not answer as a Prometheus does`);
  return result.map(({ metric, value, values }) => ({
    labels: metric ?? {},
    points: (values ?? (value === undefined ? [] : [value])).map(
      ([at, number]: readonly [number, string]) => [at, Number(number)],
    ),
  }));
}
