/**
 * Limits from files, watched. A change is seen by events on the folder (renames, symlink swaps as Kubernetes mounts
 * do them) and, where no event comes, by polling. A document that can not be used leaves the last good snapshot.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Snapshot, TenantLimits } from '../limits/limits.js';
import {
  type DocumentKind,
  type Finding,
  type OverridesDocument,
  parseOverrides,
} from '../limits/overrides-document.js';
import { buildSnapshot, originsOf } from '../limits/snapshot.js';

export interface FileOverridesOptions {
  /** Merged in order; the later wins. */
  readonly mimirFiles: readonly string[];
  readonly edgeFiles: readonly string[];
  readonly defaults: TenantLimits;
  readonly pollIntervalMs: number;
  readonly maxBytes: number;
}

export interface OverridesListener {
  changed(snapshot: Snapshot): void;
  /** Once for each new problem: the last good snapshot stays. */
  failed(message: string): void;
  /** Once for each new warning of a document that is used all the same. */
  warned(file: string, finding: Finding): void;
}

export interface OverridesStatus {
  readonly files: readonly string[];
  /** All files were read and understood at least once. */
  readonly loaded: boolean;
  /** The files as they are now can not be used. */
  readonly stale: boolean;
  /** On the clock of Date.now(): when the files were last found good. */
  readonly goodAtMs: number;
  readonly lastError: string | undefined;
  readonly failures: number;
  readonly unknownKeys: number;
}

/** Events come in bursts, and editors write in steps. */
const SETTLE_MS = 100;

interface SourceFile {
  readonly path: string;
  readonly kind: DocumentKind;
}

interface Parsed {
  readonly text: string;
  readonly document: OverridesDocument;
}

export class FileOverrides {
  readonly #options: FileOverridesOptions;
  readonly #listener: OverridesListener;
  readonly #files: readonly SourceFile[];
  /** By path: what was read last and understood. */
  readonly #good = new Map<string, Parsed>();
  readonly #warned = new Set<string>();
  readonly #watchers = new Map<string, FSWatcher>();
  #snapshot: Snapshot;
  #loaded = false;
  #goodAtMs = Date.now();
  #lastError: string | undefined;
  #failures = 0;
  #unknownKeys = 0;
  #poll: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: FileOverridesOptions, listener: OverridesListener) {
    this.#options = options;
    this.#listener = listener;
    this.#files = [
      ...options.mimirFiles.map((path) => ({ path, kind: 'mimir' as const })),
      ...options.edgeFiles.map((path) => ({ path, kind: 'edge' as const })),
    ];
    this.#snapshot = buildSnapshot({ defaults: options.defaults, mimir: [], edge: [] });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Which file says so, for each limit of a tenant that one names. */
  origins(id: string): Map<string, string> {
    const documents = this.#files.flatMap(({ path }) => {
      const document = this.#good.get(path)?.document;
      return document === undefined ? [] : [{ name: path, document }];
    });
    return originsOf(documents, id);
  }

  status(): OverridesStatus {
    return {
      files: this.#files.map(({ path }) => path),
      loaded: this.#loaded,
      stale: this.#lastError !== undefined,
      goodAtMs: this.#goodAtMs,
      lastError: this.#lastError,
      failures: this.#failures,
      unknownKeys: this.#unknownKeys,
    };
  }

  /** Resolves after the first attempt to read all files, whatever came of it. */
  async start(): Promise<void> {
    await this.reload();
    if (this.#files.length === 0) return;
    this.#watchFolders();
    this.#poll = setInterval(() => {
      this.#watchFolders();
      void this.reload();
    }, this.#options.pollIntervalMs);
    this.#poll.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#reading;
  }

  /** Reads all files again, one run at a time. */
  reload(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const parsed = new Map<string, Parsed>();
      for (const file of this.#files) parsed.set(file.path, await this.#parse(file));
      this.#use(parsed);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  async #parse({ path, kind }: SourceFile): Promise<Parsed> {
    const text = await readText(path, this.#options.maxBytes);
    const before = this.#good.get(path);
    if (before?.text === text) return before;
    // Some editors and tools truncate a file before they fill it: taken at its word, that would lift every limit.
    if (text.trim() === '' && (before?.document.tenants.size ?? 0) > 0) {
      throw new Error(`${path} is empty; write "overrides: {}" to remove all overrides`);
    }
    const document = parseOverrides(text, kind);
    const [first] = document.errors;
    if (first === undefined) return { text, document };
    const more = document.errors.length > 1 ? ` (and ${document.errors.length - 1} more)` : '';
    throw new Error(`${path}:${first.line}:${first.column}: ${first.path}: ${first.message}${more}`);
  }

  #use(parsed: Map<string, Parsed>): void {
    this.#lastError = undefined;
    this.#goodAtMs = Date.now();
    const changed =
      !this.#loaded || [...parsed].some(([path, { text }]) => this.#good.get(path)?.text !== text);
    this.#loaded = true;
    if (!changed) return;
    this.#good.clear();
    for (const [path, one] of parsed) {
      this.#good.set(path, one);
      for (const warning of one.document.warnings) this.#warn(path, warning);
    }
    this.#unknownKeys = [...parsed.values()].reduce((sum, { document }) => sum + document.warnings.length, 0);
    const documents = (kind: DocumentKind): OverridesDocument[] =>
      this.#files
        .filter((file) => file.kind === kind)
        .flatMap(({ path }) => parsed.get(path)?.document ?? []);
    const previous = this.#snapshot;
    this.#snapshot = buildSnapshot({
      defaults: this.#options.defaults,
      mimir: documents('mimir'),
      edge: documents('edge'),
      previous,
    });
    if (this.#snapshot.hash !== previous.hash) this.#listener.changed(this.#snapshot);
  }

  #fail(message: string): void {
    this.#failures++;
    const known = message === this.#lastError;
    this.#lastError = message;
    if (!known) this.#listener.failed(message);
  }

  #warn(path: string, warning: Finding): void {
    const key = `${path} ${warning.path} ${warning.message}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    this.#listener.warned(path, warning);
  }

  /** The folder, not the file: a file that is replaced takes its watcher with it. */
  #watchFolders(): void {
    for (const { path } of this.#files) {
      const folder = dirname(path);
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#scheduleReload());
        watcher.on('error', () => this.#unwatch(folder));
        this.#watchers.set(folder, watcher);
      } catch {
        // The folder is not there, or can not be watched: polling finds what happens in it.
      }
    }
  }

  #unwatch(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #scheduleReload(): void {
    // A folder in which something always happens must not put it off for ever.
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined;
      void this.reload();
    }, SETTLE_MS);
  }
}

async function readText(path: string, maxBytes: number): Promise<string> {
  const { size } = await stat(path);
  if (size > maxBytes)
    throw new Error(`${path} has ${size} bytes, more than overrides.max_bytes (${maxBytes})`);
  const bytes = await readFile(path);
  const plain = path.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: maxBytes }) : bytes;
  return plain.toString('utf8');
}
