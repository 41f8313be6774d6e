/**
 * One line of a request says where it goes, and servers read it differently. Whatever one of them may read as the path of a
 * push is judged here, however it is written.
 */
import t from 'tap';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { edge, type GivenEdge, PUSH_500, rawExchange, upstream } from './fixtures.js';

/** 429: judged, and over the limit. 200: passed through as something else. 400: refused for what it is. */
type Outcome = 429 | 200 | 400;

/**
 * What a distributor makes of a POST: net/http of Go 1.26 and gorilla/mux 1.8.1 with UseEncodedPath, measured. `push`: it
 * ingests. A redirect is to the path of a push, and 404 are what another server might well serve.
 */
const TARGETS: readonly (readonly [
  target: string,
  distributor: string,
  edge: Outcome,
  forwarded?: string,
])[] = [
  ['/api/v1/push', 'push', 429, '/api/v1/push'],
  ['/api/v1/push?x=1', 'push', 429, '/api/v1/push?x=1'],
  ['/api/v1/push?', 'push', 429, '/api/v1/push?'],
  ['/api/v1/push??', 'push', 429, '/api/v1/push??'],
  // Any scheme, with or without a host: the path is what counts.
  ['http://h/api/v1/push', 'push', 429, '/api/v1/push'],
  ['HTTP://h/api/v1/push', 'push', 429, '/api/v1/push'],
  ['https://h/api/v1/push', 'push', 429, '/api/v1/push'],
  ['http://h:80/api/v1/push?x', 'push', 429, '/api/v1/push?x'],
  ['http://[::1]:80/api/v1/push', 'push', 429, '/api/v1/push'],
  ['http://h//api/v1/push', 'redirect', 429, '//api/v1/push'],
  ['http://h/api/v1/%70ush', '404', 429, '/api/v1/%70ush'],
  ['http://h', 'redirect', 200, '/'],
  ['http://h?x=/api/v1/push', 'redirect', 200, '/?x=/api/v1/push'],
  ['http:///api/v1/push', 'push', 400],
  ['http://u@h/api/v1/push', 'push', 400],
  ['http://h\\/api/v1/push', '400', 400],
  ['http:/api/v1/push', 'push', 400],
  ['http:api/v1/push', 'redirect', 400],
  ['ws://h/api/v1/push', 'push', 400],
  ['ftp://h/api/v1/push', 'push', 400],
  ['h:80', 'redirect', 400],
  ['h/api/v1/push', '400', 400],
  ['api/v1/push', '400', 400],
  ['?/api/v1/push', '400', 400],
  ['*', 'redirect', 400],
  // nginx ends a path there.
  ['/api/v1/push#x', '404', 400],
  ['/api/v1/query#/../push', '404', 400],
  // Percent-encoded, once or more often.
  ['/api/v1/%70ush', '404', 429, '/api/v1/%70ush'],
  ['/api/v1/pus%68', '404', 429, '/api/v1/pus%68'],
  ['/%61pi/v1/push', '404', 429, '/%61pi/v1/push'],
  ['/api%2Fv1%2fpush', '404', 429, '/api%2Fv1%2fpush'],
  ['/api/v1/%2570ush', '404', 429, '/api/v1/%2570ush'],
  ['/api/v1/%252570ush', '404', 429, '/api/v1/%252570ush'],
  ['/api/v1/push%3Fx', '404', 429, '/api/v1/push%3Fx'],
  ['/api/v1/push%23x', '404', 429, '/api/v1/push%23x'],
  ['/api/v1/push%00', '404', 429, '/api/v1/push%00'],
  ['/api/v1/push%00x', '404', 429, '/api/v1/push%00x'],
  ['/api/v1/push%20', '404', 429, '/api/v1/push%20'],
  ['/api/v1/push%zz', '400', 200, '/api/v1/push%zz'],
  // Empty and dot segments.
  ['/api/v1/push/', '404', 429, '/api/v1/push/'],
  ['/api/v1/push//', 'redirect', 429, '/api/v1/push//'],
  ['//api/v1/push', 'redirect', 429, '//api/v1/push'],
  ['/api//v1/push', 'redirect', 429, '/api//v1/push'],
  ['//h/api/v1/push', 'redirect', 429, '//h/api/v1/push'],
  ['/./api/v1/push', 'redirect', 429, '/./api/v1/push'],
  ['/api/v1/push/.', 'redirect', 429, '/api/v1/push/.'],
  ['/api/v1/push/x/..', 'redirect', 429, '/api/v1/push/x/..'],
  ['/x/../api/v1/push', 'redirect', 429, '/x/../api/v1/push'],
  ['/../api/v1/push', 'redirect', 429, '/../api/v1/push'],
  ['/../base/api/v1/push', '404', 429, '/../base/api/v1/push'],
  ['/%2e/api/v1/push', '404', 429, '/%2e/api/v1/push'],
  ['/x/%2e%2E/api/v1/push', '404', 429, '/x/%2e%2E/api/v1/push'],
  ['/x/..%2Fapi/v1/push', '404', 429, '/x/..%2Fapi/v1/push'],
  ['/x/..;/api/v1/push', '404', 429, '/x/..;/api/v1/push'],
  // Parameters, case, backslashes.
  ['/api/v1/push;x', '404', 429, '/api/v1/push;x'],
  ['/api/v1/push;/', '404', 429, '/api/v1/push;/'],
  ['/api/v1;x=y/push', '404', 429, '/api/v1;x=y/push'],
  ['/api/v1/push%3Bx', '404', 429, '/api/v1/push%3Bx'],
  ['/API/v1/push', '404', 429, '/API/v1/push'],
  ['/Api/V1/Push', '404', 429, '/Api/V1/Push'],
  ['/api\\v1\\push', '404', 429, '/api\\v1\\push'],
  ['/api/v1%5Cpush', '404', 429, '/api/v1%5Cpush'],
  ['/%41PI%5c%2e\\v1//push;x/?/y', '404', 429, '/%41PI%5c%2e\\v1//push;x/?/y'],
  // Not that path for anybody.
  ['/api/v1/pushy', '404', 200, '/api/v1/pushy'],
  ['/api/v1/push-', '404', 200, '/api/v1/push-'],
  ['/api/v1/push/x', '404', 200, '/api/v1/push/x'],
  ['/x/api/v1/push', '404', 200, '/x/api/v1/push'],
  ['/loki/api/v1/push', '404', 200, '/loki/api/v1/push'],
  ['/api/v1/push/../query', 'redirect', 200, '/api/v1/push/../query'],
  ['/api/v1/query?x=/api/v1/push', '404', 200, '/api/v1/query?x=/api/v1/push'],
  ['/?/api/v1/push', '404', 200, '/?/api/v1/push'],
];

/** The ways that a request is read: each has the same target. */
const FRAMINGS = {
  'with a length': (target: string, tenant: string) =>
    `POST ${target} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\nConnection: close\r\nContent-Length: ${PUSH_500.length}\r\n\r\n${PUSH_500.toString('latin1')}`,
  'in chunks': (target: string, tenant: string) =>
    `POST ${target} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `${PUSH_500.length.toString(16)}\r\n${PUSH_500.toString('latin1')}\r\n0\r\n\r\n`,
  'in HTTP/1.0': (target: string, tenant: string) =>
    `POST ${target} HTTP/1.0\r\nX-Scope-OrgID: ${tenant}\r\nContent-Length: ${PUSH_500.length}\r\n\r\n${PUSH_500.toString('latin1')}`,
};

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

async function post(proxy: GivenEdge, request: string): Promise<number> {
  return statusOf(await rawExchange(proxy.port, Buffer.from(request, 'latin1')));
}

for (const [framing, write] of Object.entries(FRAMINGS)) {
  t.test(`however the path of a push is written, ${framing}, the push is judged`, async (t) => {
    const mimir = await upstream();
    const enforcer = { snapshot: snapshot({ over: limits({ ingestion_burst_size: 1 }) }) };
    const proxy = await edge(`${mimir.url}/base`, { enforcer });
    for (const [target, , outcome, forwarded] of TARGETS) {
      mimir.arrived.length = 0;
      t.equal(await post(proxy, write(target, 'over')), outcome, target);
      t.equal(mimir.arrived.length, outcome === 200 ? 1 : 0, `${target} does not reach Mimir unjudged`);
      mimir.arrived.length = 0;
      t.equal(await post(proxy, write(target, 'within')), outcome === 400 ? 400 : 200, target);
      const urls = mimir.arrived.map(({ url }) => url);
      t.strictSame(urls, forwarded === undefined ? [] : [`/base${forwarded}`], `${target} in origin form`);
    }
    await proxy.stop();
    await mimir.close();
  });
}

t.test(
  'a target that is refused says why, costs Mimir nothing, and takes no other upstream away',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url);
    for (const request of [
      'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET ws://e/x HTTP/1.1\r\nHost: h\r\n\r\n',
      'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n',
    ]) {
      const answer = await rawExchange(proxy.port, request);
      t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, request);
      t.match(answer, /Connection: close\r\n/i, request);
    }
    t.equal(mimir.arrived.length, 0);
    t.strictSame(proxy.failures, []);
    t.match(
      await rawExchange(proxy.port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 200 /,
    );
    await proxy.stop();
    await mimir.close();
  },
);

t.test('methods that only read are passed on, all others are judged on the path of a push', async (t) => {
  const mimir = await upstream();
  const enforcer = { snapshot: snapshot({ over: limits({ ingestion_burst_size: 1 }) }) };
  const proxy = await edge(mimir.url, { enforcer });
  for (const [method, status] of [
    ['GET', 200],
    ['HEAD', 200],
    ['OPTIONS', 200],
    ['POST', 429],
    ['PUT', 429],
    ['PATCH', 429],
    ['DELETE', 429],
  ] as const) {
    const request = FRAMINGS['with a length']('/api/v1/push', 'over').replace('POST', method);
    t.equal(await post(proxy, request), status, method);
  }
  await proxy.stop();
  await mimir.close();
});
