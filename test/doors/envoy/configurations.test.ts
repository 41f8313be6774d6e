/** The configurations for Envoy that are handed out: no write goes past the filters, no header of the edge's own comes in. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { parse } from 'yaml';
import { READ_HEADERS } from '#src/doors/envoy/authz/check-request.js';
import { WritePaths } from '#src/doors/write-paths.js';

const FOLDER = new URL('../../../../envoy/', import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

interface Route {
  match: { prefix?: string; safe_regex?: { regex: string }; headers?: unknown };
  route: { cluster: string };
  typed_per_filter_config?: Record<string, { disabled?: boolean }>;
}

// biome-ignore lint/suspicious/noExplicitAny: what Envoy reads is Envoy's to describe.
const read = (file: string): any => parse(readFileSync(new URL(file, FOLDER), 'utf8'));
const managerOf = (file: string) =>
  read(file).static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
const routesOf = (file: string): Route[] => managerOf(file).route_config.virtual_hosts[0].routes;

/** RE2, of which the flag in front is not written so in JavaScript. */
function matches({ match }: Route, path: string): boolean {
  if (match.prefix !== undefined) return path.startsWith(match.prefix);
  const [, flag = '', regex = ''] = /^(?:\(\?(i)\))?(.*)$/.exec(match.safe_regex?.regex ?? '') ?? [];
  return new RegExp(`^(?:${regex})$`, flag).test(path);
}

/** What Envoy leaves of a path with normalize_path and merge_slashes, as far as a match may turn on it. */
function normalized(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (text, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[a-z0-9._~-]/i.test(char) ? char : text;
  });
}

const spelled = (char: string): fc.Arbitrary<string> => {
  const hex = char.charCodeAt(0).toString(16).padStart(2, '0');
  const same = [
    char,
    char,
    char.toUpperCase(),
    `%${hex}`,
    `%${hex.toUpperCase()}`,
    `%25${hex}`,
    `%2525${hex}`,
  ];
  return char === '/'
    ? fc.constantFrom('/', '//', '%2f', '%5C', '\\', '/x/../', ';x/')
    : fc.constantFrom(...same);
};
const writes = fc
  .constantFrom(
    '/api/v1/push',
    '/otlp/v1/metrics',
    '/api/v1/push/influx/write',
    '/api/prom/push',
    '/ingester/push',
  )
  .chain((path) => fc.tuple(...[...path].map(spelled), fc.constantFrom('', '/', ';x', '%00', '?x', '/.')))
  .map((parts) => `/${parts.join('')}`.replace(/^\/\//, '/'));

t.test('in each, any spelling of a path that writes goes where the edge is asked', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  for (const file of FILES) {
    const routes = routesOf(file);
    fc.assert(
      fc.property(writes, (target) => {
        fc.pre(paths.routeOf('POST', target) !== 'other');
        const route = routes.find((one) => matches(one, normalized(target.replace(/\?.*/, ''))));
        const off = Object.values(route?.typed_per_filter_config ?? {}).some(({ disabled }) => disabled);
        return route !== undefined && !off && (file !== 'proxy.yaml' || route.route.cluster === 'mimir-edge');
      }),
      { numRuns: 3000 },
    );
    const [asked, rest] = routes;
    t.strictSame(routes.length, 2, file);
    t.strictSame(rest?.match, { prefix: '/' }, `${file}: all else goes straight on`);
    t.notOk(asked && matches(asked, '/prometheus/config/v1/rules/a%2Fb%20c'), 'as the rules of a group do');
  }
});

t.test('in each, Envoy reads paths as they are read behind it, and keeps encoded slashes', async (t) => {
  for (const file of FILES) {
    t.match(
      managerOf(file),
      { normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: 'KEEP_UNCHANGED' },
      file,
    );
  }
});

t.test("in each, no header of the edge's own is taken from a client", async (t) => {
  for (const file of FILES) {
    const [{ typed_config: mutation }] = managerOf(file).early_header_mutation_extensions;
    t.strictSame(
      mutation.mutations,
      [{ remove_on_match: { key_matcher: { prefix: 'x-mimir-edge-' } } }],
      file,
    );
  }
});

t.test('a connection to the gRPC door has fewer requests than Node bears resets', async (t) => {
  for (const file of FILES.filter((name) => name !== 'proxy.yaml')) {
    const cluster = read(file).static_resources.clusters.find(
      (one: { name: string }) => one.name === 'mimir-edge',
    );
    const [options] = Object.values(cluster.typed_extension_protocol_options) as {
      common_http_protocol_options: { max_requests_per_connection: number };
    }[];
    t.equal(options?.common_http_protocol_options.max_requests_per_connection, 900, file);
  }
});

t.test('those with ext_authz hand on each header that the edge reads, and no other', async (t) => {
  const handed = FILES.flatMap((file) =>
    managerOf(file).http_filters.map((filter: { typed_config: { allowed_headers?: object } }) => [
      file,
      filter.typed_config.allowed_headers,
    ]),
  ).filter(([, allowed]) => allowed !== undefined) as [string, { patterns: { exact: string }[] }][];
  t.equal(handed.length, 2);
  const read = [...READ_HEADERS, 'x-scope-orgid'].toSorted();
  for (const [file, { patterns }] of handed)
    t.strictSame(patterns.map(({ exact }) => exact).toSorted(), read, file);
});
