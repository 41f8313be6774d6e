/**
 * Follows a ConfigMap with a list and then a watch from there, as Kubernetes intends. If a watch ends other than by its
 * time, a list follows: while no watch works, this is polling.
 */
import { messageOf } from '../../base/message-of.js';
import { Poller } from '../../base/poller.js';
import type { DocumentKind } from '../../limits/overrides-document.js';
import type { DocumentRef, Source, SourceListener } from '../source.js';
import { type ApiOptions, type ConfigMap, ConfigMapApi, isGone } from './api.js';
import { changedAtMs, documentOf, lastChangeOf } from './configmap-documents.js';
import { listWaitMs } from './list-wait.js';

export interface ConfigMapSourceOptions extends ApiOptions {
  /** At most one of each kind. An empty key is found automatically. */
  readonly keys: readonly { readonly kind: DocumentKind; readonly key: string }[];
  readonly maxBytes: number;
  /** The longest time between two lists while no watch works. */
  readonly pollIntervalMs: number;
  readonly random: () => number;
}

/** A watch that ends sooner than this without any event did not work. */
const SHORTEST_WATCH_MS = 1000;

/** `opening`: the list was read, and a watch from there was requested. */
type Stage = 'waiting' | 'listing' | 'opening' | 'watching';

export class ConfigMapSource implements Source {
  readonly name: string;
  readonly documents: readonly DocumentRef[];
  readonly #options: ConfigMapSourceOptions;
  readonly #api: ConfigMapApi;
  readonly #poller = new Poller({
    run: () => this.#follow(),
    failed: (error) => this.#ended(error),
    waitMs: () => this.#waitMs(),
  });
  #listener: SourceListener | undefined;
  #stage: Stage = 'waiting';
  readonly #onNextStage: (() => void)[] = [];
  #stopped = false;
  /** What ended the last run. */
  #endedBy: unknown;
  /** Failed runs since a watch last worked; each makes the next run wait longer. */
  #failures = 0;
  /** When the watch was opened, by performance.now(). */
  #openedMs = Number.POSITIVE_INFINITY;
  /** The last watches ended as soon as they began, so an open one only counts after a while. */
  #inVain = false;
  #standing: NodeJS.Timeout | undefined;

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

  /** Resolves after the first list, whatever its result. */
  start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    return this.refresh();
  }

  /** Lists now if no watch works; a watch reports every change by itself. */
  async refresh(): Promise<void> {
    // It is not known yet whether the watch that is being opened works.
    while (this.#stage === 'opening') await this.#nextStage();
    if (this.#stage === 'watching') return;
    const listed = this.#nextStage();
    await (this.#stage === 'listing' ? listed : Promise.race([listed, this.#poller.refresh()]));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const stopped = this.#poller.stop();
    // Ends the list or watch under way.
    await this.#api.close();
    await stopped;
  }

  /** Throws what ended the watch or prevented it: runs of this are the polling while none works. */
  async #follow(): Promise<void> {
    this.#stage = 'listing';
    this.#openedMs = Number.POSITIVE_INFINITY;
    const { resourceVersion, configMap } = await this.#api.list();
    await this.#take(configMap, Date.now());
    this.#enter('opening');
    await this.#watch(resourceVersion);
  }

  #ended(error: unknown): void {
    this.#endedBy = error;
    clearTimeout(this.#standing);
    if (!this.#stopped) this.#report(error);
    this.#enter('waiting');
  }

  #enter(stage: Stage): void {
    this.#stage = stage;
    for (const resolve of this.#onNextStage.splice(0)) resolve();
  }

  #nextStage(): Promise<void> {
    return new Promise((resolve) => this.#onNextStage.push(resolve));
  }

  /** Reopens a watch that timed out where it ended. Throws when a list is needed. */
  async #watch(from: string): Promise<never> {
    let resourceVersion = from;
    const opened = (): void => {
      this.#openedMs = performance.now();
      this.#enter('watching');
      clearTimeout(this.#standing);
      if (this.#inVain) this.#standing = setTimeout(() => this.#stands(), SHORTEST_WATCH_MS).unref();
      else this.#stands();
    };
    let inVain = 0;
    for (;;) {
      let events = 0;
      for await (const { type, object } of this.#api.watch(resourceVersion, opened)) {
        events++;
        this.#failures = 0;
        resourceVersion = object.metadata.resourceVersion;
        this.#stands();
        // Bookmarks have no name, and a proxy may not support field selectors.
        if (type === 'BOOKMARK' || object.metadata.name !== this.#options.configMap) continue;
        await this.#take(type === 'DELETED' ? undefined : object, Date.now());
      }
      inVain = events > 0 || this.#stood() ? 0 : inVain + 1;
      if (inVain < 2) continue;
      this.#inVain = true;
      throw new Error(`${this.name}: watches end as soon as they begin`);
    }
  }

  #stands(): void {
    clearTimeout(this.#standing);
    this.#inVain = false;
    this.#listener?.degraded(undefined);
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
    this.#listener?.read({
      documents,
      version,
      changedAtMs: changedAtMs(configMap, arrivedMs),
      lastChange: lastChangeOf(configMap),
    });
  }

  #report(error: unknown): void {
    const message = messageOf(error);
    const named = message.startsWith(this.name) ? message : `${this.name}: ${message}`;
    if (this.#stage === 'listing') this.#listener?.failed(named);
    // An expired resourceVersion is not a fault: it happens to working watches.
    else if (!isGone(error)) this.#listener?.degraded(`${named}; polling until a watch stands`);
  }

  #waitMs(): number {
    if (this.#stood()) this.#failures = 0;
    return listWaitMs(this.#endedBy, this.#failures++, this.#options);
  }
}
