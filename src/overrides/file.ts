/**
 * A file that is watched. Changes are noticed by events of its folder (renames, and symlink swaps as Kubernetes makes
 * them), and by polling if no event comes.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/message-of.js';
import { Poller } from '../base/poller.js';
import type { DocumentKind } from '../limits/overrides-document.js';
import { decodeText } from './decode-text.js';
import type { DocumentRef, Source, SourceListener, SourceRead } from './source.js';

export interface FileSourceOptions {
  readonly path: string;
  readonly kind: DocumentKind;
  readonly pollIntervalMs: number;
  readonly maxBytes: number;
}

/** Events come in bursts, and editors write in steps. */
const SETTLE_MS = 100;

export class FileSource implements Source {
  readonly name: string;
  readonly documents: readonly DocumentRef[];
  readonly #options: FileSourceOptions;
  readonly #poller = new Poller({
    run: async () => {
      this.#watchFolder();
      this.#listener?.read(await this.#read());
    },
    failed: (error) => this.#listener?.failed(messageOf(error)),
    waitMs: () => this.#options.pollIntervalMs,
  });
  #listener: SourceListener | undefined;
  #watcher: FSWatcher | undefined;
  #settle: NodeJS.Timeout | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.name = options.path;
    this.documents = [{ name: options.path, kind: options.kind }];
  }

  async start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    await this.#poller.refresh();
  }

  refresh(): Promise<void> {
    return this.#poller.refresh();
  }

  async stop(): Promise<void> {
    await this.#poller.stop();
    this.#unwatch();
    clearTimeout(this.#settle);
  }

  async #read(): Promise<SourceRead> {
    const { path, maxBytes } = this.#options;
    const { size, ctimeMs, mtimeMs } = await stat(path);
    if (size > maxBytes)
      throw new Error(`${path} has ${size} bytes, more than overrides.max_bytes (${maxBytes})`);
    const text = await decodeText(path, await readFile(path), maxBytes);
    // A file that is moved into place keeps its mtime; the ctime is that of the move.
    return {
      documents: [{ text }],
      version: new Date(ctimeMs).toISOString(),
      changedAtMs: ctimeMs,
      lastChange: { atMs: mtimeMs },
    };
  }

  /** Watches the folder: when a file is replaced, a watcher of the file goes with it. */
  #watchFolder(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(dirname(this.#options.path), { persistent: false }, () =>
        this.#scheduleReload(),
      ).on('error', () => this.#unwatch());
    } catch {
      // The folder does not exist or can not be watched: polling will notice changes.
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #scheduleReload(): void {
    // A folder that is never quiet must not delay this for ever.
    this.#settle ??= setTimeout(() => {
      this.#settle = undefined;
      void this.refresh();
    }, SETTLE_MS);
  }
}
