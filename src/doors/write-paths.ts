/**
 * Classifies requests that write series, whatever server is behind the edge: a path counts as each one that any server may
 * read in it. Percent-encoding, empty and dot segments, parameters, case and backslashes hide nothing.
 */

/**
 * `push`: remote write, which is judged, as are `otlp` and `influx`. `unjudged`: a write that is not judged, and does not
 * pass. `other`: passes.
 */
export type Route = 'push' | 'otlp' | 'influx' | 'unjudged' | 'other';

/** Of a write. */
export type WriteRoute = Exclude<Route, 'other'>;

const OTLP_PATH = '/otlp/v1/metrics';
const INFLUX_PATH = '/api/v1/push/influx/write';

/** The paths on which Mimir accepts series; the last two are from older versions. */
const MIMIR_WRITES = ['/api/v1/push', OTLP_PATH, INFLUX_PATH, '/api/prom/push', '/ingester/push'];

/** No server decodes a path more often. Bounded because each time costs. */
const MOST_DECODINGS = 3;

export interface WritePathOptions {
  /** Paths for remote write, without the query. */
  readonly pushPaths: readonly string[];
  /** What happens to Mimir's other writes. */
  readonly unjudgedWrites: 'refuse' | 'pass';
  /** Whether OTLP and line protocol are judged; otherwise they are other writes. */
  readonly otlp: boolean;
  readonly influx: boolean;
}

export class WritePaths {
  readonly #pushes: ReadonlySet<string>;
  /** By path in the form that `lenient` returns. */
  readonly #routes: ReadonlyMap<string, Route>;

  constructor({ pushPaths, unjudgedWrites, otlp, influx }: WritePathOptions) {
    this.#pushes = new Set(pushPaths);
    const other = unjudgedWrites === 'refuse' ? 'unjudged' : 'other';
    const others = MIMIR_WRITES.map((path) => [path, other] as const);
    const pushes = [...this.#pushes].map((path) => [lenient(path).path, 'push'] as const);
    this.#routes = new Map<string, Route>([
      ...others,
      [OTLP_PATH, otlp ? 'otlp' : other],
      [INFLUX_PATH, influx ? 'influx' : other],
      ...pushes,
    ]);
  }

  /** `target` is a path with its query. */
  routeOf(method: string, target: string): Route {
    if (isRead(method)) return 'other';
    if (this.#pushes.has(target)) return 'push';
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    const route = this.#read(path);
    // What begins with two slashes may be read as a host and a path.
    return route === 'other' && TWO_SLASHES.test(path) ? this.#read(path.replace(HOST, '')) : route;
  }

  #read(text: string): Route {
    const { path, aboveRoot } = lenient(text);
    const route = this.#routes.get(path);
    if (route !== undefined || !aboveRoot) return route ?? 'other';
    // From above the root it may come back through the base path of `upstream.url`, which is not known here.
    for (const [write, its] of this.#routes) if (path.endsWith(write)) return its;
    return 'other';
  }
}

/** Methods with which no server writes. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

const TWO_SLASHES = /^[/\\]{2}/;
const HOST = /^[/\\]+[^/\\]*/;

/** A path as the most lenient server would read it. */
function lenient(path: string): { readonly path: string; readonly aboveRoot: boolean } {
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
    text = text.replace(ENCODED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return text;
}

const ENCODED = /%([0-9a-f]{2})/gi;
