/**
 * The limits in force: documents of any number of sources, merged in order. A document that can not be used, or a
 * source that can not be reached, leaves the last good document in its place; a good one replaces it whole.
 */

import { messageOf } from '../base/message-of.js';
import type { Snapshot, TenantLimits } from '../limits/limits.js';
import type { DocumentKind, Finding } from '../limits/overrides-document.js';
import { buildSnapshot, type IndexedSnapshot } from '../limits/snapshot.js';
import type { KeptDocuments } from './kept-documents.js';
import type { ParsedDocument } from './parse-worker.js';
import { Parser } from './parser.js';
import type { DocumentPlace, Source, SourceRead } from './source.js';

export interface OverridesOptions {
  /** Merged in order; the later wins. */
  readonly sources: readonly Source[];
  readonly defaults: TenantLimits;
  /** Undefined: nothing is kept. */
  readonly kept: KeptDocuments | undefined;
}

export interface OverridesListener {
  changed(snapshot: Snapshot): void;
  /** Once for each new problem: the last good document stays. */
  failed(message: string): void;
  /** Once for each new warning of a document that is used all the same. */
  warned(document: string, finding: Finding): void;
  /** Once for each thing that is worth knowing and needs nobody yet. */
  noticed(message: string): void;
}

export interface OverridesStatus {
  /** All documents were read and understood at least once. */
  readonly loaded: boolean;
  /** What some source holds now can not be used. */
  readonly stale: boolean;
  /** On the clock of Date.now(): when every source was last found good. */
  readonly goodAtMs: number;
  readonly lastError: string | undefined;
  readonly failures: number;
  readonly unknownKeys: number;
  /** From the last change of a document to its enforcement; 0 before there was one. */
  readonly lagMs: number;
  readonly sources: readonly SourceStatus[];
}

export interface SourceStatus {
  readonly name: string;
  /** Of what was read last: in force, unless there is an error. */
  readonly version: string;
  /** Followed as it should be: a watch stands, a file can be read. */
  readonly up: boolean;
  readonly error: string | undefined;
}

/** One document, and what became of it. */
class Slot {
  readonly place: DocumentPlace;
  /** For messages. */
  name: string;
  /** Read, and not yet parsed. */
  next: string | undefined;
  nextChangedAtMs = 0;
  /** Being parsed. */
  underWay: string | undefined;
  /** In force. */
  good: string | undefined;
  /** Parsed, and found wanting. */
  bad: string | undefined;
  /** From before the process began; not what the source holds now. */
  recalled: string | undefined;
  error: string | undefined;
  tenants = 0;
  warnings: readonly Finding[] = [];

  constructor(place: DocumentPlace) {
    this.place = place;
    this.name = place.name;
  }
}

class Feed {
  readonly source: Source;
  readonly slots: readonly Slot[];
  version = '';
  goodAtMs = Date.now();
  failure: string | undefined;
  hindrance: string | undefined;

  constructor(source: Source) {
    this.source = source;
    this.slots = source.documents.map((place) => new Slot(place));
  }

  get error(): string | undefined {
    return this.failure ?? this.slots.find(({ error }) => error !== undefined)?.error;
  }
}

export class Overrides {
  readonly #options: OverridesOptions;
  readonly #listener: OverridesListener;
  readonly #parser = new Parser();
  readonly #feeds: readonly Feed[];
  readonly #slots: readonly Slot[];
  readonly #warned = new Set<string>();
  #snapshot: IndexedSnapshot;
  #started = false;
  #stopped = false;
  #failures = 0;
  #lagMs = 0;
  #building: Promise<void> | undefined;

  constructor(options: OverridesOptions, listener: OverridesListener) {
    this.#options = options;
    this.#listener = listener;
    this.#feeds = options.sources.map((source) => new Feed(source));
    this.#slots = this.#feeds.flatMap(({ slots }) => slots);
    this.#snapshot = buildSnapshot({ defaults: options.defaults, mimir: [], edge: [] });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  status(): OverridesStatus {
    const broken = this.#feeds.filter(({ error }) => error !== undefined);
    return {
      loaded: this.#started && this.#slots.every(({ good }) => good !== undefined),
      stale: broken.length > 0,
      goodAtMs: Math.min(Date.now(), ...this.#feeds.map(({ goodAtMs }) => goodAtMs)),
      lastError: broken[0]?.error,
      failures: this.#failures,
      unknownKeys: this.#slots.reduce((sum, { warnings }) => sum + warnings.length, 0),
      lagMs: this.#lagMs,
      sources: this.#feeds.map(({ source, version, error, hindrance }) => ({
        name: source.name,
        version,
        up: error === undefined && hindrance === undefined,
        error: error ?? hindrance,
      })),
    };
  }

  /** Resolves after the first attempt to read all sources, whatever came of it. */
  async start(): Promise<void> {
    await Promise.all(
      this.#feeds.map((feed) =>
        feed.source.start({
          read: (read) => this.#take(feed, read),
          failed: (message) => this.#feedFailed(feed, message),
          hindered: (message) => this.#feedHindered(feed, message),
        }),
      ),
    );
    this.#started = true;
    await this.#build();
    await Promise.all(this.#slots.map((slot) => this.#recall(slot)));
    await this.#build();
  }

  /** Looks at all sources again; resolves when what they hold now is in force, or found wanting. */
  async reload(): Promise<void> {
    await Promise.all(this.#feeds.map(({ source }) => source.refresh()));
    await this.settled();
  }

  /**
   * Where a tenant's limits come from that are not the defaults: by limit, the document that can name it, or all of them
   * where several are merged.
   */
  origins(id: string): Map<string, string> {
    const limits = this.#snapshot.tenants.get(id);
    const { defaults } = this.#snapshot;
    if (limits === undefined) return new Map();
    const documents = (kind: DocumentKind): string =>
      this.#slots
        .filter(({ place }) => place.kind === kind)
        .map(({ name }) => name)
        .join(', ');
    return new Map([
      ...differingNames(limits, defaults).map((name): [string, string] => [name, documents('mimir')]),
      ...differingNames(limits.edge, defaults.edge).map((name): [string, string] => [
        name,
        documents('edge'),
      ]),
    ]);
  }

  /** Resolves when nothing that was read waits to be in force. */
  async settled(): Promise<void> {
    while (this.#building !== undefined) await this.#building;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#feeds.map(({ source }) => source.stop()));
    await this.#parser.close();
    await this.#building;
  }

  #take(feed: Feed, { documents, version, changedAtMs }: SourceRead): void {
    feed.version = version;
    feed.failure = undefined;
    for (const [index, slot] of feed.slots.entries()) {
      const read = documents[index] ?? { problem: `${slot.name} is not there` };
      if ('text' in read) {
        slot.name = read.name ?? slot.place.name;
        this.#takeText(slot, read.text, changedAtMs);
      } else this.#slotFailed(slot, read.problem);
    }
    this.#touch(feed);
    void this.#build();
  }

  #takeText(slot: Slot, text: string, changedAtMs: number): void {
    slot.next = undefined;
    if (slot.underWay !== undefined) {
      // What was good may not be by the time that this is parsed.
      if (text !== slot.underWay) {
        slot.next = text;
        slot.nextChangedAtMs = changedAtMs;
      }
    } else if (text === slot.good) {
      slot.error = undefined;
      slot.bad = undefined;
    } else if (text === slot.bad) {
      this.#failures++;
    } else if (text.trim() === '' && slot.tenants > 0) {
      // Some editors and tools truncate a file before they fill it: taken at its word, that would lift every limit.
      this.#slotFailed(slot, `${slot.name} is empty; write "overrides: {}" to remove all overrides`);
    } else {
      slot.next = text;
      slot.nextChangedAtMs = changedAtMs;
    }
  }

  /** One at a time: what comes while one is under way is taken up by the next, the newest text of each document. */
  #build(): Promise<void> {
    if (this.#building === undefined && this.#started && this.#slots.some(({ next }) => next !== undefined)) {
      this.#building = this.#parse().finally(() => {
        this.#building = undefined;
        void this.#build();
      });
    }
    return this.#building ?? Promise.resolve();
  }

  async #parse(): Promise<void> {
    const changing = this.#slots.filter(({ next }) => next !== undefined);
    const changedAtMs = Math.min(...changing.map((slot) => slot.nextChangedAtMs));
    for (const slot of changing) {
      slot.underWay = slot.next;
      slot.next = undefined;
    }
    const documents = this.#slots.map(({ place: { kind }, good = '', underWay = good }) => ({
      kind,
      text: underWay,
      fallback: good,
    }));
    try {
      const task = { defaults: this.#options.defaults, documents };
      const parsed = await this.#parser.parse(task, this.#snapshot);
      if (this.#stopped) return;
      const first = !this.status().loaded;
      for (const [index, slot] of this.#slots.entries()) {
        const document = parsed.documents[index];
        if (document !== undefined && slot.underWay !== undefined) this.#judge(slot, slot.underWay, document);
      }
      this.#swap(parsed.snapshot, first ? undefined : changedAtMs);
    } catch (error) {
      if (this.#stopped) return;
      for (const slot of changing) {
        this.#slotFailed(slot, `${slot.name} could not be parsed: ${messageOf(error)}`, slot.underWay);
      }
    }
    for (const slot of changing) slot.underWay = undefined;
    for (const feed of this.#feeds) this.#touch(feed);
  }

  #judge(slot: Slot, text: string, { errors, warnings, tenants }: ParsedDocument): void {
    const { name } = slot;
    const [first] = errors;
    if (first !== undefined) {
      const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
      const path = first.path === '' ? '' : `${first.path}: `;
      this.#slotFailed(slot, `${name}:${first.line}:${first.column}: ${path}${first.message}${more}`, text);
      return;
    }
    slot.good = text;
    if (text !== slot.recalled) {
      slot.bad = undefined;
      slot.error = undefined;
    }
    slot.tenants = tenants;
    slot.warnings = warnings;
    for (const warning of warnings) this.#warn(name, warning);
    this.#keep(slot, text);
  }

  #swap(snapshot: IndexedSnapshot, changedAtMs: number | undefined): void {
    if (snapshot.hash === this.#snapshot.hash) return;
    this.#snapshot = snapshot;
    this.#listener.changed(snapshot);
    if (changedAtMs !== undefined) this.#lagMs = Math.max(0, Date.now() - changedAtMs);
  }

  #feedFailed(feed: Feed, message: string): void {
    this.#failures++;
    const known = feed.failure === message;
    feed.failure = message;
    if (!known) this.#listener.failed(message);
  }

  #feedHindered(feed: Feed, message: string | undefined): void {
    if (message === undefined) this.#touch(feed);
    else if (feed.hindrance !== message) this.#listener.noticed(message);
    feed.hindrance = message;
  }

  #slotFailed(slot: Slot, message: string, text?: string): void {
    this.#failures++;
    slot.bad = text;
    const known = slot.error === message;
    slot.error = message;
    if (!known) this.#listener.failed(message);
  }

  #touch(feed: Feed): void {
    if (
      feed.error === undefined &&
      feed.slots.every(({ next, underWay }) => (next ?? underWay) === undefined)
    )
      feed.goodAtMs = Date.now();
  }

  #warn(name: string, warning: Finding): void {
    const key = `${name} ${warning.path} ${warning.message}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    this.#listener.warned(name, warning);
  }

  #keep(slot: Slot, text: string): void {
    this.#options.kept
      ?.write(slot.place, text)
      .catch((error: unknown) =>
        this.#listener.noticed(`overrides.keep_in: ${slot.place.name} can not be kept: ${messageOf(error)}`),
      );
  }

  /** What was good before the process began, where the source has nothing that is. */
  async #recall(slot: Slot): Promise<void> {
    if (slot.good !== undefined) return;
    slot.recalled = await this.#options.kept?.read(slot.place);
    if (slot.recalled === undefined || slot.next !== undefined) return;
    slot.next = slot.recalled;
    this.#listener.noticed(`${slot.place.name} is taken as it was when last found good`);
  }
}

function differingNames<T extends object>(some: T, defaults: T): string[] {
  return (Object.keys(some) as (keyof T & string)[]).filter(
    (name) => name !== 'edge' && some[name] !== defaults[name],
  );
}
