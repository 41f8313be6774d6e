import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Api, PREFIX } from '#src/admin/api.js';
import type { Edge } from '#src/admin/edge.js';
import { Tokens } from '#src/admin/tokens.js';
import { eventually, PUSH_500, send } from '../doors/http/fixtures.js';
import { admin, READER, WRITER } from './fixtures.js';

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

const DOCUMENT = JSON.parse(
  readFileSync(new URL('../../../src/admin/openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, Operation>> };

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(DOCUMENT, 'openapi');

function schema(path: string, method: string, type = 'application/json'): ValidateFunction {
  const pointer = ['paths', path, method, 'responses', '200', 'content', type, 'schema'];
  const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  return ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
}

/** No URL has half of a surrogate pair. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

const isProblem = ajv.compile({ $ref: 'openapi#/components/schemas/Problem' });

async function problem(t: Test, response: Response, status: number, detail: RegExp): Promise<void> {
  const text = await response.text();
  t.equal(response.status, status, text);
  t.equal(response.headers.get('content-type'), 'application/problem+json');
  const body = JSON.parse(text);
  t.ok(isProblem(body), JSON.stringify(isProblem.errors));
  t.match(body, { status, detail });
}

const OVERRIDES = `overrides:
  noisy: { ingestion_rate: 100, ingestion_burst_size: 1000 }
  silent: { request_rate: 5 }
`;

t.test(
  'every path of the document is served, and nothing else; every answer is as the document says',
  async (t) => {
    const edge = await admin(t, { mode: 'enforce' }, OVERRIDES);
    for (let i = 0; i < 5; i++) await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'noisy' });
    await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'quiet' });
    await send(edge.proxy, Buffer.from('broken'), { 'X-Scope-OrgID': 'quiet' });
    await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'a|b' });
    const ask = { mode: 'shadow', ttl: '1h', reason: 'a test' };
    const calls: [string, string, string, object?][] = [
      ['put', '/mode', 'mode', ask],
      ['put', '/tenants/{id}/mode', 'tenants/noisy/mode', ask],
      [
        'put',
        '/tenants/{id}/limits/{name}',
        'tenants/noisy/limits/ingestion_rate',
        { ...ask, mode: undefined, value: 7 },
      ],
      ['get', '/openapi.json', 'openapi.json'],
      ['get', '/status', 'status'],
      ['get', '/tenants', 'tenants?sort=utilisation&range=1m'],
      ['get', '/tenants/{id}', 'tenants/noisy'],
      ['get', '/tenants/{id}', 'tenants/silent?range=24h'],
      ['get', '/denials', 'denials'],
      ['get', '/limits', 'limits?limit=1'],
      ['get', '/reasons', 'reasons'],
      ['get', '/config', 'config'],
      ['delete', '/mode', 'mode', {}],
      ['delete', '/tenants/{id}/mode', 'tenants/noisy/mode', { reason: 'done' }],
      ['delete', '/tenants/{id}/limits/{name}', 'tenants/noisy/limits/ingestion_rate'],
      ['post', '/reload', 'reload', { reason: 'a test' }],
      ['get', '/audit', 'audit'],
    ];
    const served = new Set(['get /stream']);
    for (const [method, path, url, body] of calls) {
      const response =
        method === 'get'
          ? await edge.get(`${PREFIX}/${url}`)
          : await edge.write(method.toUpperCase(), url, body);
      const answer = await response.json();
      t.equal(response.status, 200, `${method} ${url}: ${JSON.stringify(answer)}`);
      const validate = schema(path, method);
      t.ok(validate(answer), `${method} ${url}: ${ajv.errorsText(validate.errors)}`);
      served.add(`${method} ${path}`);
    }
    const documented = Object.entries(DOCUMENT.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    t.strictSame([...served].sort(), documented.sort(), 'all that is documented was asked for');
    const { routes } = new Api({} as Edge, { tokens: new Tokens('', () => {}), reads: 'open', wrote() {} });
    const spelled = routes.map((route) => route.replace(/^[A-Z]+/, (method) => method.toLowerCase()));
    t.strictSame(spelled.sort(), documented);

    const { tenants } = await edge.json<{ tenants: { id: string; refused: Record<string, number> }[] }>(
      'tenants',
    );
    t.match(tenants, [
      { id: 'noisy', refused: { rate_limited: 3 } },
      { id: 'quiet', refused: { edge_malformed_body: 1 } },
    ]);
    t.equal(tenants.length, 2);
    const { denials } = await edge.json<{ denials: object[] }>('denials?tenant=noisy');
    t.match(denials, [
      {
        tenant: 'noisy',
        reason: 'rate_limited',
        status: 429,
        count: 3,
        observed: 500,
        message: /left of the ingestion rate/,
      },
    ]);
    t.match(await edge.json('tenants?search=QUI'), {
      matching: 1,
      totals: { tenants: 2 },
      withoutTenant: { refused: { edge_invalid_tenant: 1 } },
    });
  },
);

t.test('where a limit comes from is said of each', async (t) => {
  const edge = await admin(t, {}, OVERRIDES);
  await edge.write('PUT', 'tenants/noisy/limits/bytes_per_second', { value: 5000, ttl: '1h', reason: 'x' });
  const { limitsInForce, limits } = await edge.json<{
    limitsInForce: { name: string }[];
    limits: object[];
  }>('tenants/noisy');
  const of = (name: string) => limitsInForce.find((one) => one.name === name);
  t.match(of('bytes_per_second'), { value: 5000, source: 'temporary', detail: 'alice' });
  t.match(of('ingestion_rate'), { value: 100, source: 'overrides', detail: edge.overridesFile });
  t.match(of('max_label_names_per_series'), { value: 30, source: 'default', detail: null });
  t.match(limits, [
    { limit: 'ingestion_rate', allowed: 100 },
    { limit: 'bytes_per_second', allowed: 5000 },
  ]);
});

t.test('a limit that is set for a time is enforced at once, and ends by itself', async (t) => {
  const edge = await admin(t, {}, 'overrides: { a: { ingestion_rate: 1e6, ingestion_burst_size: 1e6 } }');
  t.equal((await send(edge.proxy)).status, 200);
  const written = await edge.write('PUT', 'tenants/a/limits/ingestion_burst_size', {
    value: 100,
    ttl: '2s',
    reason: 'too much of a good thing',
  });
  t.match(await written.json(), {
    scope: 'replica',
    before: 1_000_000,
    after: 100,
    note: /this replica alone/,
  });
  const refused = await send(edge.proxy);
  t.equal(refused.status, 429);
  t.match(await refused.text(), /tenant a .* burst of 100,/);
  t.match(await edge.json('status'), {
    controls: [{ tenant: 'a', name: 'ingestion_burst_size', value: 100, by: 'alice' }],
  });
  let status = 429;
  await eventually(() => {
    void send(edge.proxy).then((response) => {
      status = response.status;
    });
    return status === 200;
  });
  t.equal(status, 200, 'it has ended');
  t.match(await edge.json('audit'), {
    entries: [
      { who: '', from: 'time', action: 'end', tenant: 'a', before: 100, after: null },
      {
        who: 'alice',
        from: 'here',
        action: 'set',
        tenant: 'a',
        name: 'ingestion_burst_size',
        before: 1_000_000,
        after: 100,
        reason: 'too much of a good thing',
      },
    ],
  });
});

t.test('the kill switch lets everything pass, and can be taken back', async (t) => {
  const edge = await admin(t, {}, 'overrides: { a: { ingestion_burst_size: 0 } }');
  t.equal((await send(edge.proxy)).status, 429);
  t.equal((await edge.write('PUT', 'mode', { mode: 'off', ttl: '10m', reason: 'incident' })).status, 200);
  t.equal((await send(edge.proxy)).status, 200);
  t.match(await edge.json('status'), { mode: 'off', modeSource: 'temporary' });
  t.match(await edge.json('tenants/a'), { mode: 'off', modeSource: 'temporary, for all tenants' });
  t.equal((await edge.write('DELETE', 'mode')).status, 200);
  t.equal((await send(edge.proxy)).status, 429);
  t.match(await edge.json('status'), { mode: 'enforce', modeSource: 'settings' });
  await problem(t, await edge.write('DELETE', 'mode'), 404, /nothing is set/);
});

t.test('who may write: nobody without tokens, and with them those that may write', async (t) => {
  const ask = { mode: 'off', ttl: '1h', reason: 'a test' };
  const open = await admin(t, { 'admin.tokens_file': '' });
  await problem(t, await open.write('PUT', 'mode', ask), 403, /NAME write TOKEN.*admin.tokens_file/);
  const edge = await admin(t);
  await problem(t, await edge.write('PUT', 'mode', ask, ''), 401, /need a token/);
  await problem(t, await edge.write('PUT', 'mode', ask, `${WRITER}x`), 401, /need a token/);
  await problem(t, await edge.write('PUT', 'mode', ask, READER), 403, /grafana may read only/);
  t.equal((await edge.write('PUT', 'mode', ask)).status, 200);
  t.match(
    await (await edge.get('/metrics')).text(),
    /admin_writes_total\{action="mode",outcome="refused"\} 3/,
  );
  t.match(await (await edge.get('/metrics')).text(), /admin_writes_total\{action="mode",outcome="done"\} 1/);
  t.equal((await edge.get('/api/v1/status')).status, 200, 'reads are open');
  writeFileSync(edge.tokensFile, `bob write ${'b'.repeat(20)}\n`);
  let status = 200;
  await eventually(() => {
    void edge.write('PUT', 'mode', ask).then((response) => {
      status = response.status;
    });
    return status === 401;
  });
  t.equal(status, 401, 'a token that is taken out of the file is no more');
  t.equal((await edge.write('PUT', 'mode', ask, 'b'.repeat(20))).status, 200);
});

t.test('reads can need a token, probes never', async (t) => {
  const edge = await admin(t, { 'admin.reads': 'token' });
  for (const path of ['status', 'tenants', 'stream', 'config', 'openapi.json']) {
    const refused = await edge.get(`/api/v1/${path}`);
    await problem(t, refused, 401, /admin.reads/);
    t.match(refused.headers.get('www-authenticate'), /Bearer/);
  }
  for (const token of [READER, WRITER])
    t.equal((await edge.get('/api/v1/status', { Authorization: `Bearer ${token}` })).status, 200);
  for (const path of ['/metrics', '/healthz', '/readyz', '/'])
    t.equal((await edge.get(path)).status, 200, path);
});

t.test('what is asked wrongly is answered in plain words', async (t) => {
  const edge = await admin(
    t,
    { 'tenants.unknown': 'refuse' },
    'overrides: { a: { ingestion_burst_factor: 2 } }',
  );
  const put = (path: string, body: unknown) => edge.write('PUT', path, body);
  const ask = { ttl: '1h', reason: 'x' };
  await problem(t, await put('mode', { ...ask, mode: 'maybe' }), 400, /one of enforce, shadow, off/);
  await problem(t, await put('mode', { mode: 'off', reason: 'x' }), 400, /ttl is a duration/);
  await problem(
    t,
    await put('mode', { mode: 'off', ttl: '31d', reason: 'x' }),
    400,
    /ttl is a duration from 1s to 30d/,
  );
  await problem(t, await put('mode', { mode: 'off', ttl: '1h' }), 400, /reason is a text/);
  await problem(t, await put('mode', { mode: 'off', ttl: '1h', reason: ' ' }), 400, /reason/);
  await problem(t, await put('mode', { ...ask, mode: 'off', hint: 1 }), 400, /no field hint/);
  await problem(t, await put('mode', '[]'), 400, /not a JSON object/);
  await problem(t, await put('mode', '{'), 400, /not JSON/);
  await problem(
    t,
    await put('mode', { ...ask, mode: 'off', reason: 'x'.repeat(20_000) }),
    413,
    /at most 16384/,
  );
  await problem(
    t,
    await put('tenants/a/limits/ingestion_rat', { ...ask, value: 1 }),
    404,
    /did you mean ingestion_rate/,
  );
  await problem(t, await put('tenants/a/limits/ingestion_rate', { ...ask, value: -1 }), 400, /not negative/);
  await problem(
    t,
    await put('tenants/a/limits/ingestion_burst_size', { ...ask, value: 1 }),
    409,
    /ingestion_burst_factor/,
  );
  await problem(
    t,
    await put('tenants/b/limits/ingestion_rate', { ...ask, value: 1 }),
    404,
    /tenants.unknown is refuse/,
  );
  await problem(
    t,
    await put('tenants/a%7Cb/mode', { ...ask, mode: 'off' }),
    404,
    /no tenant can have this id/,
  );
  await problem(t, await edge.write('PATCH', 'mode', {}), 405, /PUT, DELETE/);
  await problem(t, await edge.get('/api/v1/nothing'), 404, /openapi.json/);
  await problem(t, await edge.get('/api/v1/tenants?sort=x'), 400, /sort is one of/);
  await problem(t, await edge.get('/api/v1/tenants?limit=0'), 400, /from 1 to 500/);
  await problem(t, await edge.get('/api/v1/tenants?limit=1&limit=2'), 400, /more than once/);
  await problem(t, await edge.get('/api/v1/tenants?serach=x'), 400, /no parameter "serach"/);
  await problem(t, await edge.get('/api/v1/denials?since=yesterday'), 400, /since is a time/);
  await problem(t, await edge.get('/api/v1/tenants/nobody'), 404, /no document names/);
  await problem(t, await fetch(`${edge.url}/`, { method: 'POST' }), 405, /only be read/);
  const text = await fetch(`${edge.url}/api/v1/mode`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${WRITER}`, 'Content-Type': 'text/plain' },
    body: '{}',
  });
  await problem(t, text, 415, /application\/json/);
});

t.test("a name that is not the edge's and requests of other sites are refused", async (t) => {
  const edge = await admin(t, { 'admin.hosts': 'edge.example' });
  const status = (headers: Record<string, string>, path = '/api/v1/status') =>
    new Promise<number>((resolve, reject) => {
      request(`${edge.url}${path}`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
  t.equal(await status({ Host: 'attacker.example' }), 421);
  t.equal(await status({ Host: 'attacker.example' }, '/'), 421);
  t.equal(await status({ Host: 'attacker.example' }, '/metrics'), 200, 'probes have any name');
  t.equal(await status({ Host: 'localhost:8082' }), 200);
  t.equal(await status({ Host: '[::1]:8082' }), 200);
  t.equal(await status({ Host: 'EDGE.example' }), 200);
  t.equal(await status({ Host: 'edge.example', Origin: 'https://attacker.example' }), 403);
  t.equal(await status({ Host: 'edge.example', Origin: 'null' }), 403);
  t.equal(await status({ Host: 'edge.example', Origin: 'https://edge.example' }), 200);
  t.equal(await status({ Host: '10.0.0.1:8082', Origin: 'https://edge.example' }), 200, 'behind a proxy');
  const { headers } = await edge.get('/');
  t.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
  t.notMatch(headers.get('content-security-policy'), /unsafe/);
  t.equal(headers.get('x-content-type-options'), 'nosniff');
  t.equal(headers.get('access-control-allow-origin'), null);
});

t.test('the audit file has a line for each change, and none is made that it can not have', async (t) => {
  const file = join(t.testdir(), 'audit.jsonl');
  const edge = await admin(t, { 'admin.audit_file': file });
  await edge.write('PUT', 'mode', { mode: 'shadow', ttl: '1h', reason: 'a "test"\nof lines' });
  await edge.write('DELETE', 'mode');
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(lines, [
    {
      who: 'alice',
      action: 'set',
      name: 'mode',
      tenant: null,
      before: 'enforce',
      after: 'shadow',
      reason: 'a "test"\nof lines',
    },
    { who: 'alice', action: 'take back', before: 'shadow', after: null },
  ]);
  t.notMatch(readFileSync(file, 'utf8'), WRITER);
  const full = await admin(t, { 'admin.audit_file': '/dev/full' });
  await problem(
    t,
    await full.write('PUT', 'mode', { mode: 'off', ttl: '1h', reason: 'x' }),
    503,
    /nothing was changed/,
  );
  t.match(await full.json('status'), { mode: 'enforce' });
});

t.test('a config is shown without its secrets', async (t) => {
  const edge = await admin(t, {
    'state.redis.url': 'redis://user:geheim@127.0.0.1:1/',
    'state.redis.connect_timeout': '10ms',
  });
  const text = JSON.stringify(await edge.json('config'));
  t.notMatch(text, /geheim/);
  t.match(text, /\*{8}@127.0.0.1/);
  t.notMatch(text, WRITER);
});

t.test('refusals as CSV are safe to open in a spreadsheet', async (t) => {
  const edge = await admin(t, { 'tenants.unknown': 'defaults' });
  await send(edge.proxy, Buffer.from('broken'), { 'X-Scope-OrgID': '-1' });
  const response = await edge.get('/api/v1/denials?format=csv');
  t.match(response.headers.get('content-type'), /text\/csv/);
  t.match(response.headers.get('content-disposition'), /attachment/);
  const [head, row] = (await response.text()).split('\r\n');
  t.match(head, /^"at","tenant","reason"/);
  t.match(row, /^"[^"]+","'-1","edge_malformed_body",400,false,1/);
});

t.test('the stream tells of what happens, to each what it asked for', async (t) => {
  const edge = await admin(t, {}, 'overrides: { a: { ingestion_burst_size: 0 } }');
  const stop = new AbortController();
  const response = await fetch(`${edge.url}/api/v1/stream?search=a&range=1m`, { signal: stop.signal });
  t.match(response.headers.get('content-type'), /text\/event-stream/);
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  })().catch(() => {});
  await eventually(() => text.includes('event: tenants'));
  await send(edge.proxy);
  await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'b' });
  t.ok(await eventually(() => text.includes('"burst_exceeded":1')), 'the table');
  t.ok(await eventually(() => text.includes('"requestId"')), 'the refusals');
  t.notMatch(text, /"id":"b"/, 'found by what was searched for');
  const events = text.split('\n\n').filter((event) => event !== '');
  for (const [name, path] of [
    ['status', '/status'],
    ['tenants', '/tenants'],
    ['denials', '/denials'],
    ['audit', '/audit'],
  ] as const) {
    const event = events.find((one) => one.startsWith(`event: ${name}\n`));
    const validate = schema(path, 'get');
    t.ok(validate(JSON.parse(event!.split('\ndata: ')[1]!)), `${name}: ${ajv.errorsText(validate.errors)}`);
  }
  stop.abort();
  await reading;
  let metrics = '';
  await eventually(() => {
    void edge.get('/metrics').then(async (one) => {
      metrics = await one.text();
    });
    return metrics.includes('mimir_edge_admin_streams 0');
  });
  t.match(metrics, /mimir_edge_admin_streams 0/, 'a reader that is gone is forgotten');
});

t.test('whatever is asked, it is never a fault of the edge', async (t) => {
  const edge = await admin(t, {}, OVERRIDES);
  await send(edge.proxy);
  const names = [
    'range',
    'search',
    'sort',
    'order',
    'offset',
    'limit',
    'tenant',
    'reason',
    'since',
    'format',
    'x',
  ];
  const words = [
    '5m',
    'id',
    'asc',
    'desc',
    '-1',
    '0',
    '1e9',
    '99999999999',
    'csv',
    'rate_limited',
    '',
    '%',
    '%00',
    '\u0000',
    '=1+1',
  ];
  const word = fc.oneof(fc.constantFrom(...words), fc.string(), fc.string({ unit: 'binary' }));
  const paths = ['status', 'tenants', 'denials', 'limits', 'audit', 'reasons', 'config', 'openapi.json'];
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.constantFrom(...paths),
        word.map((id) => `tenants/${encodeURIComponent(wellFormed(id))}`),
      ),
      fc.array(fc.tuple(fc.constantFrom(...names), word), { maxLength: 4 }),
      async (path, pairs) => {
        const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(wellFormed(value))}`);
        const response = await edge.get(`/api/v1/${path}?${query.join('&')}`);
        const text = await response.text();
        return response.status < 500 && (response.status === 200 || isProblem(JSON.parse(text)));
      },
    ),
    { numRuns: 400 },
  );
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('off', 'enforce', '1h', '1s', 5, 0, -1, null));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        'mode',
        'tenants/noisy/mode',
        'tenants/noisy/limits/ingestion_rate',
        'tenants/noisy/limits/x',
        'reload',
      ),
      fc.constantFrom('PUT', 'POST', 'DELETE', 'PATCH'),
      fc.oneof(
        fc.string(),
        fc.dictionary(fc.constantFrom('mode', 'value', 'ttl', 'reason', '__proto__', 'x'), value),
      ),
      async (path, method, body) => (await edge.write(method, path, body)).status < 500,
    ),
    { numRuns: 300 },
  );
});
