/**
 * The edge's requests to the API server about one ConfigMap: a list and a watch of a single object. Both select it by a
 * field selector on its name, so that a Role may be restricted to this name.
 */
import type { Agent, Dispatcher } from 'undici';
import { undici } from '../../base/late-packages.js';
import { readAll } from '../../base/read-all.js';
import { readRetryAfterMs } from '../../base/retry-after.js';
import type { Access } from './access.js';
import type { ReadAccess } from './access-reader.js';
import { JsonLines } from './json-lines.js';

/** What one manager has set: a program, such as kubectl-edit or helm. */
interface ManagedFields {
  readonly manager?: string;
  readonly time?: string;
  readonly fieldsV1?: object;
}

export interface ConfigMap {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

interface Listed {
  readonly resourceVersion: string;
  readonly configMap: ConfigMap | undefined;
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: ConfigMap;
}

/** An unsuccessful answer, as a status code or within a watch. */
export class ApiError extends Error {
  readonly status: number;
  readonly retryAfterMs: number;

  constructor(status: number, message: string, retryMs = 0) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryMs;
  }
}

export interface ApiOptions {
  readonly access: ReadAccess;
  /** Empty: the namespace of the access. */
  readonly namespace: string;
  readonly configMap: string;
  readonly requestTimeoutMs: number;
  /** A watch without any event for this long, bookmarks included, hangs. */
  readonly silenceMs: number;
  /** How long the server may keep a watch open. */
  readonly watchSeconds: number;
}

type Verb = 'list' | 'watch';

/** etcd allows 1.5 MiB for an object; in JSON a byte takes at most six. */
const MAX_OBJECT_BYTES = 10 << 20;
const MAX_MESSAGE_BYTES = 64 << 10;
const GONE = 410;

export class ConfigMapApi {
  readonly #options: ApiOptions;
  #agent: { readonly key: string; readonly agent: Agent } | undefined;
  #closed = false;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Without a resourceVersion: the newest version, never an older one from a cache. */
  async list(): Promise<Listed> {
    const { requestTimeoutMs, configMap } = this.#options;
    const { body } = await this.#send('list', {}, requestTimeoutMs, AbortSignal.timeout(requestTimeoutMs));
    const bytes = await readAll(body, MAX_OBJECT_BYTES);
    if (bytes === undefined)
      throw new Error(`the API server's answer has more than ${MAX_OBJECT_BYTES} bytes`);
    const list = JSON.parse(bytes.toString('utf8'));
    const { metadata, items }: { metadata?: { resourceVersion?: string }; items?: ConfigMap[] } = list ?? {};
    if (metadata?.resourceVersion === undefined || !Array.isArray(items))
      throw new Error('the API server does not answer with a list of ConfigMaps');
    return {
      resourceVersion: metadata.resourceVersion,
      configMap: items.find((one) => one.metadata.name === configMap),
    };
  }

  /** Ends when the server ends it. Throws an ApiError of 410 when the version is too old. */
  async *watch(resourceVersion: string, opened: () => void): AsyncGenerator<WatchEvent> {
    const { watchSeconds, silenceMs } = this.#options;
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(watchSeconds),
    };
    const { body } = await this.#send('watch', query, silenceMs, null);
    opened();
    const lines = new JsonLines(MAX_OBJECT_BYTES);
    for await (const chunk of body) {
      for (const value of lines.push(chunk as Buffer)) yield asEvent(value);
    }
  }

  /** Also aborts what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#agent?.agent.destroy();
  }

  async #send(
    verb: Verb,
    query: Readonly<Record<string, string>>,
    silenceMs: number,
    signal: AbortSignal | null,
  ): Promise<Dispatcher.ResponseData> {
    const access = await this.#options.access();
    const answer = await this.#sendAs(access, query, silenceMs, signal);
    if (answer.statusCode === 200) return answer;
    if (answer.statusCode === 401) {
      // The token may have been rotated between reading and using it.
      const again = await this.#options.access();
      if (again.token !== access.token) {
        await answer.body.dump();
        const second = await this.#sendAs(again, query, silenceMs, signal);
        if (second.statusCode === 200) return second;
        throw await this.#refused(verb, again, second);
      }
    }
    throw await this.#refused(verb, access, answer);
  }

  #sendAs(
    access: Access,
    query: Readonly<Record<string, string>>,
    silenceMs: number,
    signal: AbortSignal | null,
  ): Promise<Dispatcher.ResponseData> {
    const { configMap, requestTimeoutMs } = this.#options;
    const search = new URLSearchParams({ fieldSelector: `metadata.name=${configMap}`, ...query });
    return undici().request(
      `${access.server}/api/v1/namespaces/${encodeURIComponent(this.#namespace(access))}/configmaps?${search}`,
      {
        dispatcher: this.#agentFor(access),
        headers: {
          accept: 'application/json',
          ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
        },
        headersTimeout: requestTimeoutMs,
        bodyTimeout: silenceMs,
        signal,
      },
    );
  }

  /** Connections are kept while the certificates that they were made with are current. */
  #agentFor({ tls }: Access): Agent {
    if (this.#closed) throw new Error('closed');
    const key = JSON.stringify(tls);
    if (this.#agent?.key !== key) {
      this.#agent?.agent.close().catch(() => undefined);
      const connect = { ...tls, timeout: this.#options.requestTimeoutMs };
      this.#agent = { key, agent: new (undici().Agent)({ connect }) };
    }
    return this.#agent.agent;
  }

  async #refused(verb: Verb, access: Access, answer: Dispatcher.ResponseData): Promise<ApiError> {
    const { statusCode: status, headers, body } = answer;
    const said = await readAll(body, MAX_MESSAGE_BYTES).then(statusMessage, () => '');
    const retryMs = readRetryAfterMs(headers['retry-after'], Date.now());
    return new ApiError(
      status,
      `${this.#explain(verb, access, status)}${said === '' ? '' : `: ${said}`}`,
      retryMs,
    );
  }

  #explain(verb: Verb, access: Access, status: number): string {
    if (status === 401) return 'the API server does not take the token (401)';
    if (status === 403) {
      const { configMap } = this.#options;
      return `the API server forbids it (403): the Role needs the verb ${verb} on configmaps, resourceNames ${configMap}, in namespace ${this.#namespace(access)}`;
    }
    return `the API server answers ${verb} with ${status}`;
  }

  #namespace(access: Access): string {
    return this.#options.namespace || access.namespace;
  }
}

/** The object of an ERROR event is a Status with the code that the answer would have had. */
function asEvent(value: unknown): WatchEvent {
  const { type, object } = (value ?? {}) as { type?: string; object?: { code?: number; message?: string } };
  if (type === 'ERROR') {
    throw new ApiError(object?.code ?? 500, `the watch failed: ${object?.message ?? 'without a reason'}`);
  }
  const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
  if (!known || (object as Partial<ConfigMap> | undefined)?.metadata?.resourceVersion === undefined)
    throw new Error('the watch brought something that is no event');
  return value as WatchEvent;
}

export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === GONE;
}

/** Errors come as a Status, or as whatever a proxy in front of the server says. */
function statusMessage(body: Buffer | undefined): string {
  const text = body?.toString('utf8') ?? '';
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message.slice(0, 500) : '';
  } catch {
    return text.trim().slice(0, 200);
  }
}
