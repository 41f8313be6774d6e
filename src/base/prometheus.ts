/**
 * Queries a Prometheus or a Mimir with PromQL. Every failure is an error whose sentence says what the server does, without
 * its name. Size and time are bounded, and secrets are read for each query.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Agent } from 'undici';
import { undici } from './late-packages.js';
import { messageOf } from './message-of.js';
import { readAll } from './read-all.js';

export interface PrometheusOptions {
  /** The URL above `/api/v1/query`; for Mimir with its prefix, `…/prometheus`. */
  readonly url: string;
  /** Sent with each query. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The value of X-Scope-OrgID; undefined or empty: not sent. */
  readonly tenant?: string | undefined;
  /** Files; undefined or empty: none. */
  readonly bearerTokenFile?: string | undefined;
  readonly usernameFile?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** The prefix of these files' settings in messages: `guard.prometheus.`. */
  readonly settings?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** For one answer. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The `data` of a successful answer, not validated yet. */
export interface PrometheusData {
  readonly resultType?: unknown;
  readonly result: unknown;
}

/** The answer is larger than allowed: a shorter range may help. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 32 << 20;
const MAX_SECRET_BYTES = 8192;
const MAX_CA_BYTES = 1024 * 1024;
const MAX_ERROR = 200;

export class PrometheusClient {
  readonly #options: PrometheusOptions;
  #agent: Agent | undefined;
  #ca: string | undefined;

  constructor(options: PrometheusOptions) {
    this.#options = options;
  }

  async ask(
    what: 'query' | 'query_range',
    params: Readonly<Record<string, string>>,
  ): Promise<PrometheusData> {
    const [dispatcher, headers] = [await this.#dispatcher(), await this.#headers()];
    const { statusCode, bytes } = await this.#post(what, params, dispatcher, headers);
    const answer = parsed(bytes);
    if (statusCode !== 200) throw new Error(`answers ${statusCode}${errorOf(answer) || hintOf(statusCode)}`);
    const { status, data } = answer ?? {};
    if (status !== 'success' || !Array.isArray(data?.result)) {
      throw new Error('answers, and not as a Prometheus does');
    }
    return data as PrometheusData;
  }

  /** Aborts requests under way. */
  async close(): Promise<void> {
    await this.#agent?.destroy();
  }

  async #post(
    what: string,
    params: Readonly<Record<string, string>>,
    dispatcher: Agent,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly statusCode: number; readonly bytes: Buffer }> {
    const { url, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES, signal } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const { statusCode, body } = await undici().request(`${url.replace(/\/+$/, '')}/api/v1/${what}`, {
        method: 'POST',
        dispatcher,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(params).toString(),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      const bytes = await readAll(body, maxBytes);
      if (bytes === undefined) throw new AnswerTooLarge(`answers with more than ${maxBytes} bytes`);
      return { statusCode, bytes };
    } catch (error) {
      if (error instanceof AnswerTooLarge) throw error;
      if (timeout.aborted) throw new Error(`did not answer within ${timeoutMs} ms`);
      throw new Error(`can not be asked: ${messageOf(error)}`);
    }
  }

  /** With the CA that is in the file now. */
  async #dispatcher(): Promise<Agent> {
    const { caFile = '', timeoutMs = TIMEOUT_MS } = this.#options;
    const ca = caFile === '' ? undefined : await this.#readSmall('tls.ca_file', caFile, MAX_CA_BYTES);
    if (this.#agent !== undefined && ca === this.#ca) return this.#agent;
    void this.#agent?.close();
    this.#ca = ca;
    this.#agent = new (undici().Agent)({
      connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
    });
    return this.#agent;
  }

  async #headers(): Promise<Record<string, string>> {
    const { tenant = '', bearerTokenFile = '', usernameFile = '', passwordFile = '' } = this.#options;
    const headers: Record<string, string> = {
      ...this.#options.headers,
      ...(tenant !== '' && { 'x-scope-orgid': tenant }),
    };
    if (bearerTokenFile !== '') {
      headers['authorization'] = `Bearer ${await this.#readSecret('bearer_token_file', bearerTokenFile)}`;
    } else if (usernameFile !== '') {
      const user = await this.#readSecret('username_file', usernameFile);
      const password = await this.#readSecret('password_file', passwordFile);
      headers['authorization'] = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    }
    return headers;
  }

  async #readSecret(setting: string, path: string): Promise<string> {
    const secret = (await this.#readSmall(setting, path, MAX_SECRET_BYTES)).trim();
    // No message quotes its content.
    if (!/^[^\r\n]+$/.test(secret))
      throw new Error(`is not asked: ${this.#named(setting)}: expected one line and nothing else`);
    return secret;
  }

  async #readSmall(setting: string, path: string, maxBytes: number): Promise<string> {
    try {
      if ((await stat(path)).size > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new Error(`is not asked: ${this.#named(setting)}: ${messageOf(error)}`);
    }
  }

  #named(setting: string): string {
    return `${this.#options.settings ?? ''}${setting}`;
  }
}

interface Answer {
  readonly status?: unknown;
  readonly error?: unknown;
  readonly data?: { readonly resultType?: unknown; readonly result?: unknown } | null;
}

function parsed(bytes: Buffer): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}

function hintOf(status: number): string {
  return status === 404 ? ': is /api/v1 behind this URL, as behind http://mimir:8080/prometheus?' : '';
}

function errorOf(answer: Answer | undefined): string {
  return typeof answer?.error === 'string' ? `: ${answer.error.slice(0, MAX_ERROR)}` : '';
}
