/** What is answered is what openapi.json says. */
import type { Test } from 'tap';
import { Api, PREFIX } from '#src/admin/api.js';
import type { Edge } from '#src/admin/edge.js';
import { Tokens } from '#src/admin/tokens.js';
import { eventually, PUSH_500 } from '../../doors/http/fixtures.js';
import { compress, oneSampleEach } from '../../payload/encode.js';
import { ajv, DOCUMENT, schema } from '../document.js';
import { OVERRIDES, type StartAdmin, WRITER } from '../fixtures.js';

interface Row {
  readonly id: string;
  readonly lostSamplesPerSecond: number;
  readonly lostSeriesPerSecond: number;
  readonly shadowLostSeriesPerSecond: number;
  readonly lost: Readonly<Record<string, { pushes: number; samples: number; series: number }>>;
}

/** Each of these tenants is told of by a test of its own. */
const ONE_EACH = `${OVERRIDES}
  "team:source=test": { ingestion_burst_size: 7 }
  active: { max_active_series_per_user: 5, active_series_limit_response_code: 413 }
`;

export function answersCases(t: Test, admin: StartAdmin): void {
  t.test(
    'every path of the document is served, and nothing else; every answer is as the document says',
    async (t) => {
      const edge = await admin(t, { mode: 'enforce' }, OVERRIDES);
      for (let i = 0; i < 5; i++) await edge.push(PUSH_500, { 'X-Scope-OrgID': 'noisy' });
      await edge.push(PUSH_500, { 'X-Scope-OrgID': 'quiet' });
      await edge.push(Buffer.from('broken'), { 'X-Scope-OrgID': 'quiet' });
      await edge.push(PUSH_500, { 'X-Scope-OrgID': 'a|b' });
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
        ['put', '/panic', 'panic', { ...ask, mode: undefined, factor: 0.5, class: 'low' }],
        ['put', '/guard', 'guard', { ...ask, mode: 'observe' }],
        ['get', '/panic', 'panic'],
        ['get', '/openapi.json', 'openapi.json'],
        ['get', '/status', 'status'],
        ['get', '/overview', 'overview'],
        ['get', '/overview', 'overview?range=24h'],
        ['get', '/tenants', 'tenants?sort=utilisation&range=1m&show=losing&trend=1h'],
        ['get', '/tenants/{id}', 'tenants/noisy'],
        ['get', '/tenants/{id}', 'tenants/silent?range=24h'],
        ['get', '/tenants', 'tenants?replica=this'],
        ['get', '/status', 'status?replica=this'],
        ['get', '/replicas', 'replicas'],
        ['get', '/tenants/{id}/metrics', 'tenants/noisy/metrics'],
        ['get', '/usage', 'usage?tenant=noisy&from=1h'],
        ['get', '/usage/{id}/curve', 'usage/noisy/curve'],
        ['get', '/usage', 'usage?tenant=noisy&replica=this'],
        ['get', '/usage/{id}/curve', 'usage/noisy/curve?replica=this'],
        ['get', '/fleet', 'fleet'],
        ['get', '/fleet', 'fleet?replica=this'],
        ['get', '/denials', 'denials'],
        ['get', '/senders', 'senders'],
        ['get', '/limits', 'limits?limit=1'],
        ['get', '/limits', 'limits?replica=this'],
        ['get', '/panic', 'panic?replica=this'],
        ['get', '/reasons', 'reasons'],
        ['get', '/config', 'config'],
        ['get', '/config', 'config?replica=this'],
        ['get', '/advice', 'advice?direction=none'],
        ['get', '/advice/{id}', 'advice/noisy'],
        ['get', '/report', 'report'],
        ['get', '/costs', 'costs'],
        ['delete', '/mode', 'mode', {}],
        ['delete', '/panic', 'panic', { reason: 'done' }],
        ['delete', '/guard', 'guard', {}],
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
        {
          id: 'noisy',
          refused: { rate_limited: 3 },
          lost: { rate_limited: { pushes: 3, samples: 1500, series: 1500 } },
        },
        {
          id: 'quiet',
          refused: { edge_malformed_body: 1 },
          lost: { edge_malformed_body: { pushes: 1, samples: 0, series: 0 } },
        },
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
      t.equal(denials.length, 1, 'one entry for a second');
      t.match(await edge.json('tenants?search=QUI'), {
        matching: 1,
        totals: { tenants: 2 },
        withoutTenant: { refused: { edge_invalid_tenant: 1 } },
      });
    },
  );

  t.test('what is told of one tenant', async (t) => {
    const edge = await admin(t, {}, ONE_EACH);

    t.test(
      'what a tenant sends with metadata is a line of its own, and nothing is set for it alone',
      async (t) => {
        const id = 'team:source=test';
        t.equal((await edge.push(compress(oneSampleEach(7)), { 'X-Scope-OrgID': id })).status, 200);
        t.equal((await edge.push(compress(oneSampleEach(8)), { 'X-Scope-OrgID': id })).status, 429);
        t.equal((await edge.push(compress(oneSampleEach(8)), { 'X-Scope-OrgID': 'team' })).status, 200);
        const { tenants } = await edge.json<{ tenants: Row[] }>('tenants?sort=id&search=team');
        t.match(tenants, [
          { id: 'team', lost: {} },
          { id, lost: { burst_exceeded: { pushes: 1 } } },
        ]);
        const { limitsInForce } = await edge.json<{ limitsInForce: { name: string }[] }>(
          `tenants/${encodeURIComponent(id)}`,
        );
        t.match(
          limitsInForce.find(({ name }) => name === 'ingestion_burst_size'),
          { value: 7, source: 'overrides' },
        );
        t.match(await edge.json(`denials?tenant=${encodeURIComponent(id)}`), {
          denials: [{ tenant: id, reason: 'burst_exceeded' }],
        });
        const ask = { value: 5, ttl: '1h', reason: 'x' };
        const refused = await edge.write(
          'PUT',
          `tenants/${encodeURIComponent(id)}/limits/ingestion_rate`,
          ask,
        );
        t.equal(refused.status, 404);
        t.match(await refused.text(), /set it for team/);
      },
    );

    t.test('a tenant is held against its limit of active series, where it has one', async (t) => {
      const pushed = await edge.push(compress(oneSampleEach(9)), { 'X-Scope-OrgID': 'active' });
      t.equal(pushed.status, 413);
      t.match(
        await pushed.text(),
        /^4 of 9 series .* limit of 5 active series .*\(err-mimir-max-active-series\)\. /,
      );
      const listed = async () => (await edge.json<{ tenants: Row[] }>('tenants?search=active')).tenants;
      // Workers that were asked a moment ago may answer from then.
      t.ok(await eventually(async () => (await listed()).length > 0));
      t.match(await listed(), [
        {
          id: 'active',
          activeSeries: 5,
          lost: { max_active_series: { pushes: 0, samples: 4, series: 4 } },
          limits: [
            { limit: 'ingestion_rate' },
            { limit: 'max_active_series_per_user', allowed: 5, observed: 5, ratio: 1 },
          ],
        },
      ]);
      t.match(await edge.json('tenants/active'), {
        history: {
          limits: {
            max_active_series_per_user: [{ value: 5 }],
            max_global_series_per_user: [{ value: 150_000 }],
          },
        },
      });
    });

    t.test('where a limit comes from is said of each', async (t) => {
      await edge.write('PUT', 'tenants/noisy/limits/bytes_per_second', {
        value: 5000,
        ttl: '1h',
        reason: 'x',
      });
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

    t.test('refusals as CSV are safe to open in a spreadsheet', async (t) => {
      await edge.push(Buffer.from('broken'), { 'X-Scope-OrgID': '-1' });
      const response = await edge.get('/api/v1/denials?format=csv&tenant=-1');
      t.match(response.headers.get('content-type'), /text\/csv/);
      t.match(response.headers.get('content-disposition'), /attachment/);
      const lines = async () =>
        (await (await edge.get('/api/v1/denials?format=csv&tenant=-1')).text()).split('\r\n');
      t.ok(await eventually(async () => Boolean((await lines())[1])));
      const [head, row] = await lines();
      t.match(head, /^"at","tenant","reason"/);
      t.match(row, /^"[^"]+","'-1","edge_malformed_body",400,false,1/);
    });
  });

  t.test('who loses most samples is first, by pushes refused whole or by series left out', async (t) => {
    const edge = await admin(
      t,
      {},
      `overrides:
        cut: { max_global_series_per_user: 4 }
        whole: { ingestion_rate: 1, ingestion_burst_size: 100 }
        watched: { ingestion_rate: 1, ingestion_burst_size: 100 }
        unread: { request_rate: 0.01, request_burst_size: 1 }
      `,
    );
    const push = async (tenant: string, series: number): Promise<number> =>
      (await edge.push(compress(oneSampleEach(series)), { 'X-Scope-OrgID': tenant })).status;
    await edge.write('PUT', 'tenants/watched/mode', { mode: 'shadow', ttl: '1h', reason: 'a look' });
    t.equal(await push('whole', 120), 429);
    t.equal(await push('watched', 150), 200);
    t.equal(await push('cut', 145), 400);
    for (let i = 0; i < 4; i++) await push('unread', 5);
    const listed = await edge.json<{ totals: Row; tenants: Row[] }>('tenants');
    t.strictSame(
      listed.tenants.map(({ id }) => id),
      ['cut', 'whole', 'unread', 'watched'],
    );
    const [cut, whole, unread, watched] = listed.tenants;
    t.match(cut, { refused: {}, refusedPerSecond: 0 });
    t.strictSame(cut?.lost, { per_user_series_limit: { pushes: 0, samples: 141, series: 141 } });
    t.ok((cut?.lostSamplesPerSecond ?? 0) > (whole?.lostSamplesPerSecond ?? 0));
    t.equal(cut?.lostSeriesPerSecond, cut?.lostSamplesPerSecond);
    t.match(whole, { lost: { burst_exceeded: { pushes: 1, samples: 120, series: 120 } } });
    t.match(unread, { lostSamplesPerSecond: 0, lost: { request_rate_limited: { samples: 0, series: 0 } } });
    t.match(watched, {
      lost: {},
      lostSamplesPerSecond: 0,
      shadowLost: { burst_exceeded: { pushes: 1, samples: 150, series: 150 } },
    });
    t.ok((watched?.shadowLostSeriesPerSecond ?? 0) > 0, 'apart');
    t.ok(listed.totals.lostSamplesPerSecond > (cut?.lostSamplesPerSecond ?? 0), 'together with the other');
    const [first] = (await edge.json<{ tenants: Row[] }>('tenants?sort=shadowLost')).tenants;
    t.equal(first?.id, 'watched');
    const [refused] = (await edge.json<{ tenants: Row[] }>('tenants?sort=refused')).tenants;
    t.equal(refused?.id, 'unread', 'by pushes refused whole, where that is asked');
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
}
