/** The Dockerfile and .dockerignore, read as Docker reads them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = new URL('../../../', import.meta.url).pathname;

/** Instructions of the stage that builds, and of the one that is kept. */
export const [, BUILD = '', RUN = ''] = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  .replaceAll('\\\n', ' ')
  .split(/^FROM .*$/m);

/** Sources and destinations of COPY lines of files from this repository. */
export function copied(stage: string): [string, string][] {
  return [...stage.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, line = '']) => {
    const names = line.trim().split(/\s+/);
    const to = names.pop() ?? '';
    const isFolder = to.endsWith('/');
    return names.map((from): [string, string] => [from, isFolder ? join(to, from.split('/').pop()!) : to]);
  });
}

/** Whether .dockerignore keeps a file from the build. The last line that matches it or a folder above it decides. */
export function ignored(
  path: string,
  ignoreFile = readFileSync(join(ROOT, '.dockerignore'), 'utf8'),
): boolean {
  const lines = ignoreFile.split('\n').map((line) => line.trim());
  let isIgnored = false;
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
    const isException = line.startsWith('!');
    const pattern = expression(line.replace(/^!/, '').replace(/^\/|\/$/g, ''));
    if (withFolders(path).some((one) => pattern.test(one))) isIgnored = !isException;
  }
  return isIgnored;
}

function withFolders(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function expression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (found) => {
    if (found.startsWith('**')) return found.endsWith('/') ? '(.*/)?' : '.*';
    if (found === '*') return '[^/]*';
    return found === '?' ? '[^/]' : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}
