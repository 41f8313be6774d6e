import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Agent, request } from 'undici';
import { eventually, type GivenUpstream, PUSH_500, upstream } from '../doors/http/fixtures.js';
import { startBlackHole, startNginx } from './nginx-folder.js';
import { needs, startEdge } from './processes.js';

if (!needs(t, 'nginx', ['-v'])) process.exit();

/** Mimir behind the edge, and Mimir as nginx reaches it: one in truth, two here to see which way a push came. */
async function givenMimir(t: Test): Promise<{ behindEdge: GivenUpstream; direct: GivenUpstream }> {
  const [behindEdge, direct] = [await upstream(), await upstream()];
  t.teardown(() => Promise.all([behindEdge.close(), direct.close()]));
  return { behindEdge, direct };
}

interface Answer {
  readonly status: number;
  readonly way: string | undefined;
  readonly retryAfter: string | undefined;
}

async function push(
  url: string,
  headers: Record<string, string> = {},
  body: Buffer = PUSH_500,
  dispatcher?: Agent,
): Promise<Answer> {
  const answer = await request(`${url}/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', ...headers },
    body,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  await answer.body.dump();
  const one = (name: string) => [answer.headers[name]].flat()[0];
  return {
    status: answer.statusCode,
    way: one('x-mimir-edge-way'),
    retryAfter: one('retry-after'),
  };
}

const AUTHORIZATION = (user: string) => `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`;
const USERS = ['team-a', 'team-b', 'team-c'].map((user) => `${user}:{PLAIN}secret\n`).join('');

/** How senders say who they are, one for each file of tenant/. */
const AS = {
  header: (tenant: string) => ({ 'x-scope-orgid': tenant }),
  'basic-auth': (tenant: string) => ({ authorization: AUTHORIZATION(tenant), 'x-scope-orgid': 'victim' }),
  mtls: () => ({ 'x-scope-orgid': 'victim' }),
} as const;

t.test('every way of knowing the tenant goes with every route', async (t) => {
  if (!needs(t, 'openssl', ['version'])) return;
  const { behindEdge, direct } = await givenMimir(t);
  const tls = certificates(t.testdir(), ['team-a']);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const shadow = await startEdge(t, [
    `--upstream.url=${await startBlackHole(t, join(t.testdirName, 'hole'))}`,
  ]);
  for (const tenant of ['header', 'basic-auth', 'mtls'] as const) {
    for (const route of ['full', 'canary-hash', 'canary-list', 'mirror'] as const) {
      await t.test(`${tenant}, ${route}`, async (t) => {
        const nginx = await startNginx(t, t.testdir(), {
          tenant,
          route,
          edges: [(route === 'mirror' ? shadow : edge).proxy],
          mimir: direct.url,
          edits: { '10% edge': '100% edge', '  *   mimir;': '' },
          files: { users: USERS },
          listen: tls.listen,
        });
        const before = [behindEdge.arrived.length, direct.arrived.length];
        const answer = await push(nginx.url, AS[tenant]('team-a'), PUSH_500, tls.agents['team-a']);
        const isDirect = route === 'mirror';
        t.match(answer, { status: 200, way: isDirect ? 'mimir' : 'edge' });
        t.strictSame(
          [behindEdge.arrived.length, direct.arrived.length].map((now, i) => now - before[i]!),
          isDirect ? [0, 1] : [1, 0],
          'it arrives once',
        );
        const { headers, body } = (isDirect ? direct : behindEdge).arrived.at(-1)!;
        t.equal(headers['x-scope-orgid'], 'team-a');
        t.equal(headers['authorization'], undefined, 'credentials end at nginx');
        t.ok(body.equals(PUSH_500));
        await eventually(() => nginx.pushes().length === 1);
        t.match(nginx.pushes(), [{ tenant: 'team-a', status: 200, way: answer.way }]);
      });
    }
  }
  const received = 'mimir_edge_received_requests_total{user="team-a"} 3';
  t.match(await (await fetch(`${shadow.admin}/metrics`)).text(), received, 'the shadow edge saw each copy');
});

t.test('nobody is somebody else', async (t) => {
  if (!needs(t, 'openssl', ['version'])) return;
  const { direct } = await givenMimir(t);
  const given = { edges: ['http://127.0.0.1:1'], mimir: direct.url };
  const arrivedAs = () => direct.arrived.map(({ headers }) => headers['x-scope-orgid']);

  const byHeader = await startNginx(t, join(t.testdir(), 'header'), given);
  t.equal((await push(byHeader.url)).status, 401, 'no tenant');
  t.equal((await fetch(`${byHeader.url}/prometheus/api/v1/labels`)).status, 401, 'nor for reads');

  const byPassword = await startNginx(t, join(t.testdirName, 'basic'), {
    ...given,
    tenant: 'basic-auth',
    files: { users: USERS },
  });
  t.equal((await push(byPassword.url, { 'x-scope-orgid': 'victim' })).status, 401, 'no password');
  const wrong = { authorization: `Basic ${Buffer.from('team-a:wrong').toString('base64')}` };
  t.equal((await push(byPassword.url, wrong)).status, 401, 'a wrong one');

  const tls = certificates(join(t.testdirName), ['team-a', 'x,CN=victim/CN=team-b', 'x,CN=victim']);
  const byCertificate = await startNginx(t, join(t.testdirName, 'mtls'), {
    ...given,
    tenant: 'mtls',
    listen: tls.listen,
  });
  t.strictSame(arrivedAs(), []);
  for (const [name, status] of [
    ['team-a', 200],
    ['x,CN=victim/CN=team-b', 200],
    ['x,CN=victim', 401],
  ] as const) {
    const answer = await push(byCertificate.url, AS.mtls(), PUSH_500, tls.agents[name]);
    t.equal(answer.status, status, name);
  }
  t.strictSame(arrivedAs(), ['team-a', 'team-b']);
  t.equal((await push(byCertificate.url, AS.mtls(), PUSH_500, tls.agents['nobody'])).status, 400);
});

t.test('a write in another protocol does not go past the edge', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const writes = ['/otlp/v1/metrics/', '//otlp/v1/%6detrics', '/api/v1/push/influx/write', '/api/prom/push'];
  for (const route of ['full', 'mirror'] as const) {
    const nginx = await startNginx(t, join(t.testdirName, route), {
      route,
      edges: [edge.proxy],
      mimir: direct.url,
    });
    for (const path of writes) {
      const headers = { 'x-scope-orgid': 'team-a' };
      const answer = await request(`${nginx.url}${path}`, { method: 'POST', headers, body: 'abc' });
      await answer.body.dump();
      const refused = path.includes('otlp') ? 415 : 503;
      t.equal(answer.statusCode, route === 'full' ? refused : 200, path);
    }
  }
  t.equal(direct.arrived.length, writes.length, 'those of the tenants that are not for the edge');
  t.equal(behindEdge.arrived.length, 0);
});

t.test('a canary by hash takes its share of the tenants, and a larger share only adds', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const tenants = Array.from({ length: 1000 }, (_, i) => `team-${i}`);
  const chosen = async (percent: number): Promise<Set<string>> => {
    const nginx = await startNginx(t, join(t.testdirName, `${percent}`), {
      route: 'canary-hash',
      edges: [edge.proxy],
      mimir: direct.url,
      edits: { '10%': `${percent}%` },
    });
    const set = new Set<string>();
    const queue = [...tenants];
    const worker = async () => {
      for (let tenant = queue.pop(); tenant !== undefined; tenant = queue.pop()) {
        if ((await push(nginx.url, AS.header(tenant))).way === 'edge') set.add(tenant);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    t.equal(behindEdge.arrived.length, set.size, 'what is said is what was done');
    behindEdge.arrived.length = 0;
    return set;
  };
  const [ten, half] = [await chosen(10), await chosen(50)];
  t.comment(`of 1000 tenants: ${ten.size} at 10 %, ${half.size} at 50 %`);
  t.ok(Math.abs(ten.size - 100) < 40);
  t.ok(Math.abs(half.size - 500) < 65);
  t.ok([...ten].every((tenant) => half.has(tenant)));
});

t.test('a canary by list takes those who are named', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const nginx = await startNginx(t, t.testdir(), {
    route: 'canary-list',
    edges: [edge.proxy],
    mimir: direct.url,
  });
  t.equal((await push(nginx.url, AS.header('team-a'))).way, 'edge');
  t.equal((await push(nginx.url, AS.header('team-b'))).way, 'mimir');
  t.equal(behindEdge.arrived.length, 1);
  t.equal(direct.arrived.length, 1);
});

t.test('the edge is killed in the middle of pushes: each arrives whole, and once', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const nginx = await startNginx(t, t.testdir(), { edges: [edge.proxy], mimir: direct.url });
  // Larger than nginx' buffer: it waits in a file. The edge would refuse it, but never comes to read it.
  const bodies = [PUSH_500, Buffer.alloc(3 << 20, 'large'), ...Array.from({ length: 14 }, () => PUSH_500)];
  edge.child.kill('SIGSTOP');
  const answers = bodies.map((body, i) =>
    push(nginx.url, { ...AS.header('a'), 'x-push-id': String(i) }, body),
  );
  await delay(500);
  await edge.stop('SIGKILL');
  for (const answer of await Promise.all(answers)) t.match(answer, { status: 200, way: 'fallback' });
  t.equal(behindEdge.arrived.length, 0);
  t.strictSame(
    direct.arrived.map(({ headers, body }) => `${headers['x-push-id']} ${digest(body)}`).sort(),
    bodies.map((body, i) => `${i} ${digest(body)}`).sort(),
  );
  const ways = () => nginx.pushes().filter(({ way }) => way === 'fallback').length;
  t.ok(await eventually(() => ways() === bodies.length), 'the log says so');
});

t.test('an edge that is stuck is gone round', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const nginx = await startNginx(t, t.testdir(), {
    edges: [edge.proxy],
    mimir: direct.url,
    edits: { 'proxy_read_timeout 20s': 'proxy_read_timeout 500ms' },
  });
  edge.child.kill('SIGSTOP');
  t.match(await push(nginx.url, AS.header('a')), { status: 200, way: 'fallback' });
  t.equal(direct.arrived.length, 1);
  // Nothing tells it that nobody waits any more: what it holds it passes on, as if a sender had come twice.
  edge.child.kill('SIGCONT');
  t.ok(await eventually(() => behindEdge.arrived.length === 1));
});

t.test('an edge that can not serve is gone round; what Mimir said is not asked again', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  let answer: 'overloaded' | 'nothing' | 'cut' = 'overloaded';
  const failing = await upstream((_req, res) => {
    if (answer === 'overloaded') res.writeHead(503, { 'Retry-After': '7' }).end('too much');
    if (answer === 'cut') res.destroy();
  });
  t.teardown(() => failing.close());
  const through = async (flags: string[]) => {
    const edge = await startEdge(t, flags);
    const folder = t.testdir();
    return startNginx(t, folder, { edges: [edge.proxy], mimir: direct.url });
  };
  const closed = 'http://127.0.0.1:1';
  for (const [what, flags] of [
    [
      'shared state lost',
      [`--upstream.url=${behindEdge.url}`, '--state.redis.url=redis://127.0.0.1:1', '--state.on_loss=refuse'],
    ],
    ['Mimir out of the edge’s reach', [`--upstream.url=${closed}`]],
  ] as const) {
    const nginx = await through([...flags]);
    direct.arrived.length = 0;
    t.match(await push(nginx.url, AS.header('a')), { status: 200, way: 'fallback' }, what);
    t.equal(direct.arrived.length, 1, what);
  }
  direct.arrived.length = 0;
  const nginx = await through([`--upstream.url=${failing.url}`, '--upstream.headers_timeout=300ms']);
  t.match(await push(nginx.url, AS.header('a')), { status: 503, way: 'edge', retryAfter: '7' });
  answer = 'nothing';
  t.match(await push(nginx.url, AS.header('a')), { status: 503, way: 'edge', retryAfter: '1' });
  answer = 'cut';
  t.match(await push(nginx.url, AS.header('a')), { status: 503, way: 'edge', retryAfter: '1' });
  t.equal(direct.arrived.length, 0);
});

t.test('a refusal is the edge’s own answer', async (t) => {
  const { behindEdge, direct } = await givenMimir(t);
  const edge = await startEdge(t, [`--upstream.url=${behindEdge.url}`]);
  const nginx = await startNginx(t, t.testdir(), { edges: [edge.proxy], mimir: direct.url });
  t.match(await push(nginx.url, AS.header('a'), Buffer.from('broken')), { status: 400, way: 'edge' });
  t.equal(direct.arrived.length + behindEdge.arrived.length, 0);
  await eventually(() => nginx.pushes().length === 1);
  t.match(nginx.pushes(), [{ edge_reason: 'edge_malformed_body', status: 400 }]);
});

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

interface Certificates {
  readonly listen: string;
  /** By the subject that was asked for; `nobody` shows none. */
  readonly agents: Readonly<Record<string, Agent>>;
}

/** A CA, a server's certificate, and one for each subject, made on the spot. */
function certificates(folder: string, subjects: readonly string[]): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  const keyed = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-x509'];
  openssl('req', ...keyed, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-subj', '/CN=ca');
  const issue = (name: string, subject: string) => {
    const signed = [
      '-CA',
      file('ca.crt'),
      '-CAkey',
      file('ca.key'),
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ];
    openssl(
      ...['req', ...keyed, ...signed, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      ...['-subj', subject],
    );
  };
  issue('server', '/CN=server');
  const ca = readFileSync(file('ca.crt'));
  const agents: Record<string, Agent> = { nobody: new Agent({ connect: { ca } }) };
  for (const [i, subject] of subjects.entries()) {
    issue(`client-${i}`, subject.startsWith('x,') ? `/O=${subject}` : `/CN=${subject}`);
    const [cert, key] = [readFileSync(file(`client-${i}.crt`)), readFileSync(file(`client-${i}.key`))];
    agents[subject] = new Agent({ connect: { ca, cert, key } });
  }
  const paths = { ssl_certificate: 'server.crt', ssl_certificate_key: 'server.key' };
  const lines = Object.entries(paths).map(([directive, name]) => `${directive} ${file(name)};`);
  return { listen: `${lines.join(' ')} ssl_client_certificate ${file('ca.crt')};`, agents };
}

t.test('OTLP goes round an edge that can not serve, as remote write does', async (t) => {
  const { direct } = await givenMimir(t);
  const nginx = await startNginx(t, t.testdir(), { edges: ['http://127.0.0.1:1'], mimir: direct.url });
  const answer = await request(`${nginx.url}/otlp/v1/metrics`, {
    method: 'POST',
    headers: { 'x-scope-orgid': 'team-a', 'content-type': 'application/x-protobuf' },
    body: '',
  });
  await answer.body.dump();
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['x-mimir-edge-way'], 'fallback');
  t.strictSame(
    direct.arrived.map(({ url }) => url),
    ['/otlp/v1/metrics'],
  );
});

t.test('what the edge keeps from a Mimir that fails is not sent round it', async (t) => {
  const { direct } = await givenMimir(t);
  const failing = await upstream((_req, res) => res.writeHead(503).end());
  t.teardown(() => failing.close());
  const edge = await startEdge(t, [`--upstream.url=${failing.url}`, '--upstream.breaker=act']);
  const nginx = await startNginx(t, t.testdir(), { edges: [edge.proxy], mimir: direct.url });
  for (let i = 0; i < 30; i++) {
    t.match(await push(nginx.url, AS.header('a')), { status: 503, way: 'edge' });
  }
  t.equal(failing.arrived.length, 20);
  t.equal(direct.arrived.length, 0);
});

t.test('what the edge refuses in a panic is not sent round it', async (t) => {
  const { direct } = await givenMimir(t);
  const through = await upstream();
  t.teardown(() => through.close());
  const token = 'writer-token-0123456789';
  const tokens = join(t.testdir({ tokens: `alice write ${token}\n` }), 'tokens');
  const edge = await startEdge(t, [`--upstream.url=${through.url}`, `--admin.tokens_file=${tokens}`]);
  const nginx = await startNginx(t, join(t.testdirName, 'nginx'), { edges: [edge.proxy], mimir: direct.url });
  t.match(await push(nginx.url, AS.header('a')), { status: 200, way: 'edge' });
  const set = await fetch(`${edge.admin}/api/v1/panic`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ factor: 0, ttl: '10m', reason: 'Mimir is full' }),
  });
  t.equal(set.status, 200);
  const refused = await push(nginx.url, AS.header('a'));
  t.match(refused, { status: 503, way: 'edge' });
  t.equal(direct.arrived.length, 0);
});
