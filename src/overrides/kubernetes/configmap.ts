/**
 * A ConfigMap, followed as Kubernetes means it: a list, then a watch from where the list ended, for ever. Whatever ends
 * the watch but its time, a list comes next: while no watch stands, this is a poll.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../base/message-of.js';
import type { DocumentKind } from '../../limits/overrides-document.js';
import type { DocumentPlace, Source, SourceListener } from '../source.js';
import { ApiError, type ApiOptions, type ConfigMap, ConfigMapApi, isGone } from './api.js';
import { documentOf } from './configmap-documents.js';

export interface ConfigMapSourceOptions extends ApiOptions {
  /** At most one of each kind. An empty key is found by itself. */
  readonly keys: readonly { readonly kind: DocumentKind; readonly key: string }[];
  readonly maxBytes: number;
  /** Longest time between two lists while no watch stands. */
  readonly pollIntervalMs: number;
  readonly random: () => number;
}

const FIRST_RETRY_MS = 250;
/** A watch that ends sooner than this, and brings nothing, was in vain. */
const SHORTEST_WATCH_MS = 1000;

export class ConfigMapSource implements Source {
  readonly name: string;
  readonly documents: readonly DocumentPlace[];
  readonly #options: ConfigMapSourceOptions;
  readonly #api: ConfigMapApi;
  readonly #stopping = new AbortController();
  #listener: SourceListener | undefined;
  #following: Promise<void> = Promise.resolve();
  /** Since a watch last stood: the next attempt waits by them. */
  #failures = 0;
  /** Of performance.now(). */
  #openedMs = Number.POSITIVE_INFINITY;

  constructor(options: ConfigMapSourceOptions) {
    const { namespace, configMap, keys } = options;
    this.#options = options;
    this.#api = new ConfigMapApi(options);
    this.name = `configmap:${namespace === '' ? '' : `${namespace}/`}${configMap}`;
    this.documents = keys.map(({ kind, key }) => ({
      kind,
      name: key === '' ? this.name : `${this.name}#${key}`,
    }));
  }

  start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    return new Promise((firstAttempt) => {
      this.#following = this.#follow(firstAttempt).finally(firstAttempt);
    });
  }

  /** The watch tells of every change, and goes on by itself where it broke. */
  async refresh(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#api.close();
    await this.#following;
  }

  async #follow(attempted: () => void): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let listed = false;
      this.#openedMs = Number.POSITIVE_INFINITY;
      try {
        const { resourceVersion, configMap } = await this.#api.list();
        await this.#take(configMap, Date.now());
        listed = true;
        attempted();
        await this.#watch(resourceVersion);
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error, listed);
        attempted();
        await this.#pause(error);
      }
    }
  }

  /** Returns never; throws when only a list helps. */
  async #watch(from: string): Promise<void> {
    let resourceVersion = from;
    const opened = (): void => {
      this.#openedMs = performance.now();
      this.#listener?.hindered(undefined);
    };
    let inVain = 0;
    for (;;) {
      let events = 0;
      for await (const { type, object } of this.#api.watch(resourceVersion, opened)) {
        events++;
        this.#failures = 0;
        resourceVersion = object.metadata.resourceVersion;
        this.#listener?.hindered(undefined);
        // Bookmarks have no name; and a proxy may know no field selectors.
        if (type === 'BOOKMARK' || object.metadata.name !== this.#options.configMap) continue;
        await this.#take(type === 'DELETED' ? undefined : object, Date.now());
      }
      inVain = events > 0 || this.#stood() ? 0 : inVain + 1;
      if (inVain > 1) throw new Error(`${this.name}: watches end as soon as they begin`);
    }
  }

  #stood(): boolean {
    return performance.now() - this.#openedMs >= SHORTEST_WATCH_MS;
  }

  async #take(configMap: ConfigMap | undefined, arrivedMs: number): Promise<void> {
    if (configMap === undefined) {
      this.#listener?.failed(`${this.name} is not there`);
      return;
    }
    const { keys, maxBytes } = this.#options;
    const documents = await Promise.all(
      keys.map(async ({ kind, key }) => {
        const read = await documentOf(configMap, kind, key, maxBytes);
        if ('problem' in read) return { problem: `${this.name}: ${read.problem}` };
        return { text: read.text, name: `${this.name}${read.name ?? ''}` };
      }),
    );
    const version = configMap.metadata.resourceVersion;
    this.#listener?.read({ documents, version, changedAtMs: changedAtMs(configMap, arrivedMs) });
  }

  #report(error: unknown, listed: boolean): void {
    const message = messageOf(error);
    const named = message.startsWith(this.name) ? message : `${this.name}: ${message}`;
    if (!listed) this.#listener?.failed(named);
    // Too long ago is the one thing that happens to a watch that is well.
    else if (!isGone(error)) this.#listener?.hindered(`${named}; polling until a watch stands`);
  }

  async #pause(error: unknown): Promise<void> {
    const { pollIntervalMs, random } = this.#options;
    if (this.#stood()) this.#failures = 0;
    const backoffMs = Math.min(pollIntervalMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 20));
    // What is gone is listed at once, unless it is gone again.
    const waitMs = isGone(error) && this.#failures === 0 ? 0 : backoffMs * (0.5 + random());
    const toldMs = error instanceof ApiError ? error.retryAfterMs * (1 + random() / 4) : 0;
    this.#failures++;
    await delay(Math.max(waitMs, toldMs), undefined, { signal: this.#stopping.signal }).catch(
      () => undefined,
    );
  }
}

/** managedFields have whole seconds, cut off: a change is taken for as late as it can have been. */
function changedAtMs({ metadata }: ConfigMap, arrivedMs: number): number {
  const times = (metadata.managedFields ?? [])
    .map(({ time }) => Date.parse(time ?? ''))
    .filter(Number.isFinite);
  return times.length === 0 ? arrivedMs : Math.min(arrivedMs, Math.max(...times) + 999);
}
