/**
 * A document behind a URL, polled. With an ETag the server need not send an unchanged document again; without one, as for
 * Mimir's own /runtime_config, the texts are compared here.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Agent } from 'undici';
import { undici } from '../base/late-packages.js';
import { messageOf } from '../base/message-of.js';
import { Poller } from '../base/poller.js';
import { readAll } from '../base/read-all.js';
import { readRetryAfterMs } from '../base/retry-after.js';
import type { DocumentKind } from '../limits/overrides-document.js';
import { decodeText } from './decode-text.js';
import type { LastChange } from './last-change.js';
import type { DocumentRead, DocumentRef, Source, SourceListener } from './source.js';

export interface UrlSourceOptions {
  readonly url: string;
  /** Empty: no token is sent. */
  readonly bearerTokenFile: string;
  readonly kind: DocumentKind;
  readonly pollIntervalMs: number;
  readonly requestTimeoutMs: number;
  readonly maxBytes: number;
  readonly random: () => number;
}

const MAX_TOKEN_BYTES = 8192;

export class UrlSource implements Source {
  readonly name: string;
  readonly documents: readonly DocumentRef[];
  readonly #options: UrlSourceOptions;
  readonly #agent: Agent;
  readonly #poller = new Poller({
    run: () => this.#fetch(),
    failed: (error) => {
      if (!this.#stopped) this.#listener?.failed(`${this.name}: ${messageOf(error)}`);
    },
    waitMs: () => this.#waitMs(),
  });
  #listener: SourceListener | undefined;
  #etag: string | undefined;
  #read: DocumentRead | undefined;
  #lastChange: LastChange = {};
  /** The last poll with unchanged content: any change was made after it. */
  #unchangedAtMs = Date.now();
  #notBeforeMs = 0;
  #stopped = false;

  constructor(options: UrlSourceOptions) {
    this.#options = options;
    this.#agent = new (undici().Agent)({ connect: { timeout: options.requestTimeoutMs } });
    this.name = options.url;
    this.documents = [{ name: options.url, kind: options.kind }];
  }

  start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    return this.#poller.refresh();
  }

  refresh(): Promise<void> {
    return this.#poller.refresh();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const stopped = this.#poller.stop();
    // Aborts a request under way.
    await this.#agent.destroy();
    await stopped;
  }

  /** Varied by a tenth, so that replicas that were started together drift apart. */
  #waitMs(): number {
    const { pollIntervalMs, random } = this.#options;
    return Math.max(pollIntervalMs, this.#notBeforeMs - Date.now()) * (0.9 + random() / 5);
  }

  async #fetch(): Promise<void> {
    const { url, bearerTokenFile, requestTimeoutMs, maxBytes } = this.#options;
    const startedMs = Date.now();
    const { statusCode, headers, body } = await undici().request(url, {
      dispatcher: this.#agent,
      headers: {
        ...(this.#etag === undefined ? {} : { 'if-none-match': this.#etag }),
        ...(bearerTokenFile === '' ? {} : { authorization: `Bearer ${await readToken(bearerTokenFile)}` }),
      },
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    if (statusCode !== 200) {
      await body.dump();
      this.#notBeforeMs = Date.now() + (readRetryAfterMs(headers['retry-after'], Date.now()) ?? 0);
      if (statusCode !== 304 || this.#read === undefined) throw new Error(`answers with ${statusCode}`);
    } else {
      const bytes = await readAll(body, maxBytes);
      if (bytes === undefined) throw new Error(`has more than ${maxBytes} bytes (overrides.max_bytes)`);
      const text = await decodeText(new URL(url).pathname, bytes, maxBytes);
      this.#etag = typeof headers.etag === 'string' ? headers.etag : undefined;
      this.#read = { text };
      const modifiedMs = Date.parse(String(headers['last-modified']));
      this.#lastChange = Number.isNaN(modifiedMs) ? {} : { atMs: modifiedMs };
    }
    const version = this.#etag ?? '';
    this.#listener?.read({
      documents: [this.#read],
      version,
      changedAtMs: this.#unchangedAtMs,
      lastChange: this.#lastChange,
    });
    this.#unchangedAtMs = startedMs;
  }
}

/** Read for each request: tokens are renewed by replacing the file. No message quotes its content. */
async function readToken(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > MAX_TOKEN_BYTES) throw new Error(`more than ${MAX_TOKEN_BYTES} bytes`);
    const token = (await readFile(path, 'utf8')).trim();
    if (!/^[!-~]+$/.test(token)) throw new Error('expected a token and nothing else');
    return token;
  } catch (error) {
    throw new Error(`overrides.bearer_token_file: ${messageOf(error)}`);
  }
}
