/**
 * This replica's controls on disk, one per line, for a start while the shared entries can not be read: a kill switch has to
 * survive that. The file is written aside and renamed, so that it is always complete.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.js';
import { type Control, readControl } from './control.js';

const FILE = 'controls.jsonl';

export class KeptControls {
  readonly #folder: string;
  /** One write at a time: the last one wins. */
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Empty if there is no file; invalid lines are skipped. Rejects when the file can not be read. */
  async read(): Promise<Control[]> {
    try {
      const text = await readFile(join(this.#folder, FILE), 'utf8');
      return text.split('\n').flatMap((line) => readControl(line) ?? []);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Rejects when the file can not be written. */
  write(controls: Iterable<Control>): Promise<void> {
    const text = [...controls].map((control) => `${JSON.stringify(control)}\n`).join('');
    const writing = this.#writing.then(async () => {
      const path = join(this.#folder, FILE);
      await mkdir(this.#folder, { recursive: true });
      await replaceFile(path, text);
    });
    this.#writing = writing.catch(() => undefined);
    return writing;
  }
}
