import fc from 'fast-check';
import t from 'tap';
import { WritePaths } from '#src/doors/write-paths.js';

/** Ways to write one character of a path, or to say nothing more beside it. */
const spelled = (char: string): fc.Arbitrary<string> => {
  const hex = char.charCodeAt(0).toString(16).padStart(2, '0');
  const same = [char, char.toUpperCase(), `%${hex}`, `%${hex.toUpperCase()}`, `%25${hex}`, `%2525${hex}`];
  return char === '/'
    ? fc.constantFrom(
        '/',
        '//',
        '/./',
        '\\',
        '%2f',
        '%5C',
        ';x/',
        ';a=b;c/',
        '/x/../',
        '/x/%2e%2E/',
        '/.;/',
        '/ /',
      )
    : fc.constantFrom(char, ...same);
};
const spellings = (path: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      ...[...path].map(spelled),
      fc.constantFrom('', '/', ';x', '%00', '%3f', '%23x', '?x', '/.', '//', '%20'),
    )
    .map((parts) => parts.join(''))
    // Anything before the first slash would be another form than a path.
    .map((text) => (text.startsWith('/') ? text : `/${text}`));

t.test('any spelling of a path that writes is that path', async () => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push', '/Own/Push/'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  fc.assert(
    fc.property(
      fc.constantFrom('/api/v1/push', '/own/push').chain(spellings),
      (target) => paths.routeOf('POST', target) === 'push',
    ),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      fc.constantFrom('/otlp/v1/metrics', '/api/v1/push/influx/write', '/api/prom/push').chain(spellings),
      (target) => paths.routeOf('POST', target) === 'unjudged',
    ),
    { numRuns: 2000 },
  );
});

t.test('OTLP and line protocol have routes of their own where they are judged', async () => {
  const paths = new WritePaths({ pushPaths: [], unjudgedWrites: 'pass', otlp: true, influx: true });
  for (const [path, route] of [
    ['/otlp/v1/metrics', 'otlp'],
    ['/api/v1/push/influx/write', 'influx'],
  ] as const) {
    fc.assert(fc.property(spellings(path), (target) => paths.routeOf('POST', target) === route));
  }
});

t.test('what writes and is no path of a push is not judged, or passes, by setting', async (t) => {
  const writes = [
    '/otlp/v1/metrics',
    '/api/v1/push/influx/write',
    '/api/prom/push',
    '/ingester/push',
    '/api/v1/push',
  ];
  const strict = new WritePaths({
    pushPaths: ['/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  const lenient = new WritePaths({
    pushPaths: ['/push'],
    unjudgedWrites: 'pass',
    otlp: false,
    influx: false,
  });
  for (const path of writes) {
    t.equal(strict.routeOf('POST', path), 'unjudged', path);
    t.equal(lenient.routeOf('POST', path), 'other', path);
    t.equal(
      new WritePaths({ pushPaths: [path], unjudgedWrites: 'refuse', otlp: false, influx: false }).routeOf(
        'POST',
        path,
      ),
      'push',
      path,
    );
  }
});

t.test('a path of thousands of percent signs, dots or slashes is none of them', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  for (const target of [
    `/%${'25'.repeat(8000)}`,
    '/..'.repeat(5000),
    '/;'.repeat(8000),
    `//${'/'.repeat(16_000)}`,
  ]) {
    t.equal(paths.routeOf('POST', target), 'other');
  }
});

t.test('which requests write, and what', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: true,
  });
  for (const [method, target, route] of [
    ['GET', '/api/v1/push', 'other'],
    ['HEAD', '/api/v1/push', 'other'],
    ['OPTIONS', '/ingester/push', 'other'],
    ['get', '/api/v1/push', 'push'],
    ['PUT', '/api/v1/push', 'push'],
    ['', '/api/v1/push', 'push'],
    ['POST', '/api/v1/push?', 'push'],
    ['POST', '/api/v1/push?to=/prometheus/api/v1/query', 'push'],
    ['POST', '/prometheus/api/v1/query?from=/api/v1/push', 'other'],
    ['POST', '?/api/v1/push', 'other'],
    ['POST', '/api/v1/push/influx/write?db=x', 'influx'],
    ['POST', '/api/v1/push/x', 'other'],
    ['POST', '/x/api/v1/push', 'other'],
    ['POST', '/otlp/v1/metrics', 'unjudged'],
    ['POST', '/', 'other'],
  ] as const)
    t.equal(paths.routeOf(method, target), route, `${method} ${target}`);
  const own = new WritePaths({
    pushPaths: ['/api/v1/push/influx/write'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: true,
  });
  t.equal(own.routeOf('POST', '/api/v1/push/influx/write'), 'push', 'what is named by setting goes first');
});

t.test('what begins with two slashes may be a host and a path, and is taken for both', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  for (const [target, route] of [
    ['//host/api/v1/push', 'push'],
    ['//host:80/otlp/v1/metrics?x', 'unjudged'],
    ['\\\\host\\api\\v1\\push', 'push'],
    ['/\\host/api/v1/push', 'push'],
    ['////host/api/v1/push', 'push'],
    ['//api/v1/push', 'push'],
    ['//host', 'other'],
    ['//host?/api/v1/push', 'other'],
    ['//host/x/api/v1/push', 'other'],
    ['/host//api/v1/push', 'other'],
  ] as const)
    t.equal(paths.routeOf('POST', target), route, target);
});

t.test('from above the root it may come back anywhere', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  for (const [target, route] of [
    ['/../mimir/api/v1/push', 'push'],
    ['/a/../../mimir/api/v1/push', 'push'],
    ['/..;x/mimir/otlp/v1/metrics', 'unjudged'],
    ['/../mimir/api/v1/query', 'other'],
    ['/../mimir/api/v1/push/x', 'other'],
    ['/a/../mimir/api/v1/push', 'other'],
  ] as const)
    t.equal(paths.routeOf('POST', target), route, target);
});

t.test('a path is decoded three times, which is once more than any server does', async (t) => {
  const paths = new WritePaths({
    pushPaths: ['/api/v1/push'],
    unjudgedWrites: 'refuse',
    otlp: false,
    influx: false,
  });
  t.equal(paths.routeOf('POST', '/api/v1/%252570ush'), 'push');
  t.equal(paths.routeOf('POST', '/api/v1/%25252570ush'), 'other');
});
