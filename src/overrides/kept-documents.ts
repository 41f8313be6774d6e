/**
 * The last valid documents on disk, one file each, for a cold start while their source is unreachable. Written aside and
 * renamed, so that a file is always complete.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.js';
import type { DocumentRef } from './source.js';

export class KeptDocuments {
  readonly #folder: string;
  readonly #maxBytes: number;
  /** One write at a time: the last one wins. */
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Undefined: there is no copy, or it can not be read. */
  async read(ref: DocumentRef): Promise<string | undefined> {
    try {
      const path = this.#path(ref);
      return (await stat(path)).size > this.#maxBytes ? undefined : await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
  }

  write(ref: DocumentRef, text: string): Promise<void> {
    const writing = this.#writing.then(async () => {
      const path = this.#path(ref);
      await mkdir(this.#folder, { recursive: true });
      await replaceFile(path, text);
    });
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  /** Resolves when all pending writes are done. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #path({ kind, name }: DocumentRef): string {
    const digest = createHash('sha256').update(`${kind} ${name}`).digest('hex').slice(0, 16);
    return join(this.#folder, `${digest}.yaml`);
  }
}
