/**
 * A Prometheus, or a Mimir, that is asked what an expression comes to now: the highest of its series. Whatever goes wrong is an error
 * with a sentence; how much is read and waited for is bounded.
 */
import { readFile, stat } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { messageOf } from '../base/message-of.js';
import { readAll } from '../base/read-all.js';

export interface PrometheusOptions {
  /** `/api/v1/query` is below it. */
  readonly url: string;
  readonly timeoutMs: number;
  /** What X-Scope-OrgID says; empty: no such header is sent. */
  readonly tenant: string;
  /** Files; empty: there is none. They are read again for each question. */
  readonly bearerTokenFile: string;
  readonly usernameFile: string;
  readonly passwordFile: string;
  readonly caFile: string;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_SECRET_BYTES = 8192;
const MAX_CA_BYTES = 1024 * 1024;
const MAX_ERROR = 200;

export class Prometheus {
  readonly #options: PrometheusOptions;
  #agent: Agent | undefined;
  #ca: string | undefined;

  constructor(options: PrometheusOptions) {
    this.#options = options;
  }

  /** Rejects when there is no number: it does not answer, or its answer has none. */
  async ask(expression: string): Promise<number> {
    const [dispatcher, headers] = [await this.#dispatcher(), await this.#headers()];
    const { statusCode, bytes } = await this.#post(expression, dispatcher, headers);
    if (bytes === undefined) throw new Error(`answers with more than ${MAX_ANSWER_BYTES} bytes`);
    const answer = parsed(bytes);
    if (statusCode !== 200) throw new Error(`answers ${statusCode}${errorOf(answer)}`);
    return highestOf(answer);
  }

  /** Without bytes: there are too many. */
  async #post(
    expression: string,
    dispatcher: Agent,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ readonly statusCode: number; readonly bytes: Buffer | undefined }> {
    const { url, timeoutMs } = this.#options;
    try {
      const { statusCode, body } = await request(`${url.replace(/\/+$/, '')}/api/v1/query`, {
        method: 'POST',
        dispatcher,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams({ query: expression }).toString(),
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { statusCode, bytes: await readAll(body, MAX_ANSWER_BYTES) };
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') throw new Error(`did not answer within ${timeoutMs} ms`);
      throw new Error(`can not be asked: ${messageOf(error)}`);
    }
  }

  /** Cuts what is under way short. */
  async close(): Promise<void> {
    await this.#agent?.destroy();
  }

  /** Of the CA that the file has now. */
  async #dispatcher(): Promise<Agent> {
    const { caFile, timeoutMs } = this.#options;
    const ca =
      caFile === '' ? undefined : await readSmall('guard.prometheus.tls.ca_file', caFile, MAX_CA_BYTES);
    if (this.#agent !== undefined && ca === this.#ca) return this.#agent;
    void this.#agent?.close();
    this.#ca = ca;
    this.#agent = new Agent({ connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) } });
    return this.#agent;
  }

  async #headers(): Promise<Record<string, string>> {
    const { tenant, bearerTokenFile, usernameFile, passwordFile } = this.#options;
    const headers: Record<string, string> = tenant === '' ? {} : { 'x-scope-orgid': tenant };
    if (bearerTokenFile !== '') {
      headers['authorization'] = `Bearer ${await readSecret('bearer_token_file', bearerTokenFile)}`;
    } else if (usernameFile !== '') {
      const user = await readSecret('username_file', usernameFile);
      const password = await readSecret('password_file', passwordFile);
      headers['authorization'] = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    }
    return headers;
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

function errorOf(answer: Answer | undefined): string {
  return typeof answer?.error === 'string' ? `: ${answer.error.slice(0, MAX_ERROR)}` : '';
}

/** Values are [seconds, text]. */
function highestOf(answer: Answer | undefined): number {
  const { resultType, result } = answer?.data ?? {};
  if (answer?.status !== 'success' || !Array.isArray(result)) {
    throw new Error('answers, and not as a Prometheus does');
  }
  if (resultType !== 'vector' && resultType !== 'scalar') {
    throw new Error(
      `answers with a ${String(resultType).slice(0, 20)}: an expression that comes to numbers is needed`,
    );
  }
  const values =
    resultType === 'scalar' ? [result] : result.map((series) => (series as { value?: unknown })?.value);
  if (values.length === 0) throw new Error('answers with no series: nothing is known');
  const numbers = values.map((value) => Number(Array.isArray(value) ? value[1] : Number.NaN));
  if (!numbers.every(Number.isFinite)) throw new Error('answers with what is no number');
  return Math.max(...numbers);
}

async function readSecret(setting: string, path: string): Promise<string> {
  const name = `guard.prometheus.${setting}`;
  const secret = (await readSmall(name, path, MAX_SECRET_BYTES)).trim();
  // No message says what is in it.
  if (!/^[^\r\n]+$/.test(secret))
    throw new Error(`is not asked: ${name}: expected one line and nothing else`);
  return secret;
}

async function readSmall(name: string, path: string, maxBytes: number): Promise<string> {
  try {
    if ((await stat(path)).size > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`is not asked: ${name}: ${messageOf(error)}`);
  }
}
