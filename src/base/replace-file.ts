/** Writes a file aside and renames it, so that it is always complete. Only its owner may read it. */
import { rename, writeFile } from 'node:fs/promises';

export async function replaceFile(path: string, content: string | Buffer): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
