/**
 * The controls of this replica on disk, one a line, for a start while nothing that replicas share can be read: a kill
 * switch has to hold then, too. Written aside and renamed, so that the file is there whole or not at all.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.js';
import { type Control, readControl } from './control.js';

const FILE = 'controls.jsonl';

export class KeptControls {
  readonly #folder: string;
  /** One write after the other: the last one has the last word. */
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** None where there is no file yet; a line that is no control is passed over. Rejects when it can not be read. */
  async read(): Promise<Control[]> {
    try {
      const text = await readFile(join(this.#folder, FILE), 'utf8');
      return text.split('\n').flatMap((line) => readControl(line) ?? []);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Rejects when they can not be written. */
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
