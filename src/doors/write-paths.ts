/**
 * Which requests write series, whatever server stands behind: a path is taken for every one that any server may read in it.
 * Percent-encoding, empty and dot segments, parameters, case and backslashes hide nothing.
 */

/** `push`: to be judged. `other`: nothing that writes. */
export type Route = 'push' | 'other';

/** No server decodes a path more often; a bound, since each time costs. */
const MOST_DECODINGS = 3;

export class WritePaths {
  readonly #exact: ReadonlySet<string>;
  /** As `segmentsOf` reads them. */
  readonly #read: readonly string[];

  constructor(pushPaths: Iterable<string>) {
    this.#exact = new Set(pushPaths);
    this.#read = [...this.#exact].map((path) => segmentsOf(path).path);
  }

  /** `target` is a path with its query. */
  routeOf(method: string, target: string): Route {
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return 'other';
    if (this.#exact.has(target)) return 'push';
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    if (this.#exact.has(path)) return 'push';
    // What begins with two slashes may be read as a host and a path.
    return this.#mayBeRead(path) ||
      (path.startsWith('//') && this.#mayBeRead(path.slice(path.indexOf('/', 2))))
      ? 'push'
      : 'other';
  }

  #mayBeRead(path: string): boolean {
    const read = segmentsOf(path);
    // From above the root it may come back through the base path of `upstream.url`, which is not known here.
    return this.#read.some((write) => read.path === write || (read.aboveRoot && read.path.endsWith(write)));
  }
}

/** A path as the most lenient server would read it. */
function segmentsOf(path: string): { readonly path: string; readonly aboveRoot: boolean } {
  const [text = ''] = decoded(path).toLowerCase().replaceAll('\\', '/').split(ENDS_PATH, 1);
  const segments: string[] = [];
  let aboveRoot = false;
  for (const part of text.split('/')) {
    const segment = (part.split(';', 1)[0] ?? '').trim();
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.pop() === undefined) aboveRoot = true;
  }
  return { path: `/${segments.join('/')}`, aboveRoot };
}

/** After decoding. */
const ENDS_PATH = /[?#\0]/;

function decoded(path: string): string {
  let text = path;
  for (let i = 0; i < MOST_DECODINGS && text.includes('%'); i++) {
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return text;
}
