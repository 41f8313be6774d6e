/**
 * The limits in force: the documents of any number of sources, merged in order. If a document is invalid or a source
 * unreachable, the last valid document stays in force; a valid one replaces it completely.
 */
import { messageOf } from '../base/message-of.js';
import type { Snapshot, TenantLimits } from '../limits/limits.js';
import type { Finding } from '../limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '../limits/snapshot.js';
import {
  candidate,
  copyFound,
  type DocumentState,
  errorOf,
  missingRead,
  type Parsed,
  parseBegun,
  parseEnded,
  textRead,
} from './document-state.js';
import { type FollowedDocument, FollowedSource, type SourceStatus } from './followed-source.js';
import type { KeptDocuments } from './kept-documents.js';
import { lastChangeText } from './last-change.js';
import { originsOf } from './origins.js';
import type { ParsedDocument } from './parse-worker.js';
import type { Parser } from './parser.js';
import type { Source, SourceRead } from './source.js';

export interface OverridesOptions {
  /** Merged in order; later ones win. */
  readonly sources: readonly Source[];
  readonly defaults: TenantLimits;
  /** Undefined: nothing is kept. */
  readonly kept: KeptDocuments | undefined;
  readonly parser: Pick<Parser, 'parse' | 'close'>;
}

export interface OverridesListener {
  /** Without `change`: all documents are there for the first time. */
  changed(snapshot: Snapshot, change: DocumentsChange | undefined): void;
  /** Called once, after `changed` if anything changed: all documents were read and are valid. */
  loaded(): void;
  /** Called once for each new problem; the last valid document stays. */
  failed(message: string): void;
  /** Called once for each new warning about a document that is used all the same. */
  warned(document: string, finding: Finding): void;
  /** Called once for anything worth knowing that needs no action. */
  noticed(message: string): void;
}

export interface DocumentsChange {
  /** Names of the documents that came into force. */
  readonly documents: readonly string[];
  /** Who changed them, and when, as far as their sources say. */
  readonly said: string;
}

export interface OverridesStatus {
  /** All documents were read and valid at least once. */
  readonly loaded: boolean;
  /** The current content of some source can not be used. */
  readonly stale: boolean;
  /** By Date.now(): when all sources were last found valid. */
  readonly goodAtMs: number;
  readonly lastError: string | undefined;
  readonly failures: number;
  readonly unknownKeys: number;
  /** From the last change of a document to its enforcement; 0 before any change. */
  readonly lagMs: number;
  readonly sources: readonly SourceStatus[];
}

export class Overrides {
  readonly #options: OverridesOptions;
  readonly #listener: OverridesListener;
  readonly #sources: readonly FollowedSource[];
  readonly #documents: readonly FollowedDocument[];
  #snapshot: IndexedSnapshot;
  #started = false;
  #stopped = false;
  #failures = 0;
  #lagMs = 0;
  #building: Promise<void> | undefined;

  constructor(options: OverridesOptions, listener: OverridesListener) {
    this.#options = options;
    this.#listener = listener;
    this.#sources = options.sources.map((source) => new FollowedSource(source));
    this.#documents = this.#sources.flatMap(({ documents }) => documents);
    this.#snapshot = buildSnapshot({ defaults: options.defaults, mimir: [], edge: [] });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  status(): OverridesStatus {
    const broken = this.#sources.filter(({ error }) => error !== undefined);
    return {
      loaded: this.#started && this.#documents.every(({ inForce }) => inForce !== undefined),
      stale: broken.length > 0,
      goodAtMs: Math.min(Date.now(), ...this.#sources.map(({ goodAtMs }) => goodAtMs)),
      lastError: broken[0]?.error,
      failures: this.#failures,
      unknownKeys: this.#documents.reduce((sum, document) => sum + document.unknownKeys, 0),
      lagMs: this.#lagMs,
      sources: this.#sources.map((followed) => followed.status()),
    };
  }

  /** Resolves after the first attempt to read all sources, whatever the result. */
  async start(): Promise<void> {
    await Promise.all(
      this.#sources.map((followed) =>
        followed.source.start({
          read: (read) => this.#take(followed, read),
          failed: (message) => this.#sourceFailed(followed, message),
          degraded: (message) => this.#sourceDegraded(followed, message),
        }),
      ),
    );
    this.#started = true;
    await this.#build();
    await Promise.all(this.#documents.map((document) => this.#findCopy(document)));
    await this.#build();
  }

  /** Reads all sources again; resolves when their content is in force, or found invalid. */
  async reload(): Promise<void> {
    await Promise.all(this.#sources.map(({ source }) => source.refresh()));
    await this.settled();
  }

  /** Where a tenant's non-default limits come from: by limit, its documents. */
  origins(id: string): Map<string, string> {
    return originsOf(this.#snapshot, this.#documents, id);
  }

  /** Resolves when nothing that was read waits to come into force. */
  async settled(): Promise<void> {
    while (this.#building !== undefined) await this.#building;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#sources.map(({ source }) => source.stop()));
    await this.#options.parser.close();
    await this.#building;
    await this.#options.kept?.close();
  }

  #take(followed: FollowedSource, { documents, version, changedAtMs, lastChange = {} }: SourceRead): void {
    followed.version = version;
    followed.lastChange = lastChange;
    followed.failure = undefined;
    for (const [index, document] of followed.documents.entries()) {
      const read = documents[index] ?? { problem: `${document.name} is not there` };
      if ('text' in read) {
        document.name = read.name ?? document.ref.name;
        const reading = { text: read.text, name: document.name, changedAtMs };
        this.#move(document, textRead(document.state, reading));
      } else this.#move(document, missingRead(document.state, read.problem));
    }
    followed.noteGood();
    void this.#build();
  }

  /** Moves a document to its next state. Errors are counted each time, and reported when they are new. */
  #move(document: FollowedDocument, next: DocumentState): void {
    const before = document.state;
    document.state = next;
    const error = errorOf(next);
    if (error === undefined || next.held === before.held) return;
    this.#failures++;
    if (error !== errorOf(before)) this.#listener.failed(error);
  }

  /** One run at a time; the next run takes the newest text of each document. */
  #build(): Promise<void> {
    const isDue = (): boolean => this.#documents.some(({ state }) => candidate(state) !== undefined);
    if (this.#building === undefined && this.#started && isDue()) {
      this.#building = this.#parse().finally(() => {
        this.#building = undefined;
        void this.#build();
      });
    }
    return this.#building ?? Promise.resolve();
  }

  async #parse(): Promise<void> {
    const changedAtMs = Math.min(
      ...this.#documents.map(({ state: { held } }) =>
        held.is === 'waiting' ? held.changedAtMs : Number.POSITIVE_INFINITY,
      ),
    );
    for (const document of this.#documents) document.state = parseBegun(document.state);
    const documents = this.#documents.map(({ ref: { kind }, state, inForce = '' }) => ({
      kind,
      text: state.parsing?.text ?? inForce,
      fallback: inForce,
    }));
    try {
      const task = { defaults: this.#options.defaults, documents };
      const parsed = await this.#options.parser.parse(task, this.#snapshot);
      if (this.#stopped) return;
      const wasLoaded = this.status().loaded;
      const before = this.#documents.map(({ inForce }) => inForce);
      for (const [index, document] of this.#documents.entries()) {
        const result = parsed.documents[index];
        if (result !== undefined && document.state.parsing !== undefined) this.#judge(document, result);
      }
      const changed = this.#documents.filter(({ inForce }, index) => inForce !== before[index]);
      const change = { documents: changed.map(({ name }) => name), said: this.#saidOf(changed) };
      this.#swap(parsed.snapshot, wasLoaded ? change : undefined, changedAtMs);
      if (!wasLoaded && this.status().loaded) this.#listener.loaded();
    } catch (error) {
      if (this.#stopped) return;
      for (const document of this.#documents) {
        this.#end(document, { error: `${document.name} could not be parsed: ${messageOf(error)}` });
      }
    }
    for (const followed of this.#sources) followed.noteGood();
  }

  #judge(document: FollowedDocument, { errors, warnings, tenants }: ParsedDocument): void {
    const { name, state } = document;
    const [first] = errors;
    if (first !== undefined) {
      this.#end(document, { error: `${name}:${errorText(first, errors.length - 1)}` });
      return;
    }
    this.#end(document, { tenants });
    for (const warning of document.replaceWarnings(warnings)) this.#listener.warned(name, warning);
    if (state.parsing?.fromCopy === false) this.#keep(document);
  }

  #end(document: FollowedDocument, parsed: Parsed): void {
    const { state } = document;
    if ('error' in parsed && state.parsing?.fromCopy) {
      this.#listener.noticed(`overrides.keep_in: the copy can not be used: ${parsed.error}`);
    }
    this.#move(document, parseEnded(state, parsed));
  }

  /** Without `change`: for the first time. */
  #swap(snapshot: IndexedSnapshot, change: DocumentsChange | undefined, changedAtMs: number): void {
    if (snapshot.hash === this.#snapshot.hash) return;
    this.#snapshot = snapshot;
    this.#listener.changed(snapshot, change);
    if (change !== undefined) this.#lagMs = Math.max(0, Date.now() - changedAtMs);
  }

  /** Of the sources of these documents. */
  #saidOf(changed: readonly FollowedDocument[]): string {
    const sources = this.#sources.filter(({ documents }) => documents.some((one) => changed.includes(one)));
    return sources.map(({ lastChange }) => lastChangeText(lastChange)).join('; ');
  }

  #sourceFailed(followed: FollowedSource, message: string): void {
    this.#failures++;
    const known = followed.failure === message;
    followed.failure = message;
    if (!known) this.#listener.failed(message);
  }

  #sourceDegraded(followed: FollowedSource, message: string | undefined): void {
    if (message === undefined) followed.noteGood();
    else if (followed.degradation !== message) this.#listener.noticed(message);
    followed.degradation = message;
  }

  #keep({ ref, inForce }: FollowedDocument): void {
    if (inForce === undefined) return;
    this.#options.kept
      ?.write(ref, inForce)
      .catch((error: unknown) =>
        this.#listener.noticed(`overrides.keep_in: ${ref.name} can not be kept: ${messageOf(error)}`),
      );
  }

  /** Looks for a copy from before the process started, if the source has nothing valid. */
  async #findCopy(document: FollowedDocument): Promise<void> {
    if (document.inForce !== undefined) return;
    const text = await this.#options.kept?.read(document.ref);
    if (text === undefined) return;
    document.state = copyFound(document.state, text);
    if (candidate(document.state)?.fromCopy !== true) return;
    this.#listener.noticed(`${document.ref.name} is taken as it was when last found good`);
  }
}

function errorText({ path, message, line, column }: Finding, more: number): string {
  const where = path === '' ? '' : `${path}: `;
  return `${line}:${column}: ${where}${message}${more > 0 ? ` (and ${more} more)` : ''}`;
}
