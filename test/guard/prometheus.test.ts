import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PrometheusClient, type PrometheusOptions } from '#src/base/prometheus.js';
import { highestNow } from '#src/guard/prometheus.js';
import { PrometheusLoads } from '#src/guard/prometheus-loads.js';

const TLS = new URL('../../../test/data/tls', import.meta.url).pathname;

interface Asked {
  readonly path: string | undefined;
  readonly query: string | null;
  readonly headers: IncomingMessage['headers'];
}

type Answer = (res: ServerResponse) => void;

async function serve(t: Test, given: { answer: Answer }, tls = false) {
  const asked: Asked[] = [];
  const handler = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    asked.push({ path: req.url, query: new URLSearchParams(body).get('query'), headers: req.headers });
    given.answer(res);
  };
  const server = tls
    ? createTlsServer(
        { key: readFileSync(join(TLS, 'server.key')), cert: readFileSync(join(TLS, 'server.crt')) },
        handler,
      )
    : createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, asked };
}

function prometheus(t: Test, url: string, options: Partial<PrometheusOptions> = {}) {
  const client = new PrometheusClient({
    url,
    timeoutMs: 5000,
    settings: 'guard.prometheus.',
    maxBytes: 1 << 20,
    ...options,
  });
  t.teardown(() => client.close());
  return { ask: (expression: string) => highestNow(client, expression) };
}

const json =
  (value: unknown, status = 200): Answer =>
  (res) =>
    res.writeHead(status).end(JSON.stringify(value));
const vector = (...values: string[]): unknown => ({
  status: 'success',
  data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) },
});

t.test('an expression comes to the highest of its series, or to its one number', async (t) => {
  const given = { answer: json(vector('0.25', '0.91', '-3')) };
  const { url, asked } = await serve(t, given);
  const one = prometheus(t, `${url}/prometheus/`, { tenant: 'mimir' });
  t.equal(await one.ask('max(x) / 5'), 0.91);
  t.match(asked, [
    { path: '/prometheus/api/v1/query', query: 'max(x) / 5', headers: { 'x-scope-orgid': 'mimir' } },
  ]);
  t.notOk(asked[0]?.headers.authorization);
  given.answer = json({ status: 'success', data: { resultType: 'scalar', result: [1, '2.5'] } });
  t.equal(await one.ask('scalar(x)'), 2.5);
});

t.test('whatever is no number is an error with a sentence', async (t) => {
  const given = { answer: json({}) };
  const { url } = await serve(t, given);
  const one = prometheus(t, url, { timeoutMs: 300 });
  for (const [answer, error] of [
    [json(vector()), /answers with no series/],
    [json(vector('NaN')), /what is no number/],
    [json(vector('0.5', '+Inf')), /what is no number/],
    [json({ status: 'success', data: { resultType: 'vector', result: [{}] } }), /what is no number/],
    [json({ status: 'success', data: { resultType: 'matrix', result: [] } }), /answers with a matrix/],
    [json({ status: 'success', data: { resultType: 'string', result: [1, '1'] } }), /answers with a string/],
    [
      json({ status: 'error', error: 'bad_data: unknown function', data: null }, 400),
      /answers 400: bad_data: unknown/,
    ],
    [json({}, 302), /answers 302$/],
    [json({ status: 'success', data: null }), /not as a Prometheus does/],
    [json([1]), /not as a Prometheus does/],
    [(res: ServerResponse) => res.end('<html>'), /not as a Prometheus does/],
    [(res: ServerResponse) => res.destroy(), /^can not be asked: /],
    [(res: ServerResponse) => res.write('{'), /^did not answer within 300 ms$/],
    [(res: ServerResponse) => res.end(Buffer.alloc(2 << 20, ' ')), /more than 1048576 bytes/],
    [json({ error: 'x'.repeat(10_000) }, 500), /^answers 500: x{200}$/],
  ] as const) {
    given.answer = answer;
    await t.rejects(one.ask('x'), { message: error }, String(error));
  }
  given.answer = json(vector('1'));
  t.equal(await one.ask('x'), 1, 'and the next one may be well');
});

t.test('secrets come out of files, each time anew, and are in no message', async (t) => {
  const folder = t.testdir({
    token: 'first\n',
    user: 'edge\n',
    password: ' geheim \n',
    two: 'a\nb\n',
    empty: '',
  });
  const file = (name: string) => join(folder, name);
  const { url, asked } = await serve(t, { answer: json(vector('1')) });
  const sent = () => asked.at(-1)?.headers.authorization;
  const bearer = prometheus(t, url, { bearerTokenFile: file('token') });
  await bearer.ask('x');
  t.equal(sent(), 'Bearer first');
  writeFileSync(file('token'), 'second');
  await bearer.ask('x');
  t.equal(sent(), 'Bearer second');
  await prometheus(t, url, { usernameFile: file('user'), passwordFile: file('password') }).ask('x');
  t.equal(sent(), `Basic ${Buffer.from('edge:geheim').toString('base64')}`);
  const count = asked.length;
  for (const [name, error] of [
    ['two', /bearer_token_file: expected one line/],
    ['empty', /bearer_token_file: expected one line/],
    ['nowhere', /bearer_token_file: ENOENT/],
  ] as const) {
    await t.rejects(prometheus(t, url, { bearerTokenFile: file(name) }).ask('x'), { message: error });
  }
  t.equal(asked.length, count, 'nothing is sent without them');
});

t.test('an https Prometheus is trusted by the CA of the file alone, as the file is now', async (t) => {
  const { url } = await serve(t, { answer: json(vector('0.5')) }, true);
  await t.rejects(prometheus(t, url).ask('x'), /certificate/);
  const ca = join(t.testdir({ 'ca.crt': '' }), 'ca.crt');
  const one = prometheus(t, url, { caFile: ca });
  await t.rejects(one.ask('x'));
  writeFileSync(ca, readFileSync(join(TLS, 'ca.crt')));
  t.equal(await one.ask('x'), 0.5);
  await t.rejects(prometheus(t, url, { caFile: `${ca}.gone` }).ask('x'), { message: /ca_file: ENOENT/ });
});

t.test('an expression without a number is blind for its time, and not there after it', async (t) => {
  let nowMs = 0;
  let answer: number | Error = new Error('is away');
  const loads = new PrometheusLoads({
    rules: [{ rule: 'memory', expression: 'x' }],
    ask: async () => {
      if (typeof answer !== 'number') throw answer;
      return answer;
    },
    keepMs: 60_000,
    now: () => nowMs,
  });
  t.match(await loads.poll(), [{ percent: undefined, blind: true, error: 'is away' }], 'from the start');
  answer = 0.934567;
  nowMs = 50_000;
  t.match(await loads.poll(), [
    {
      rule: 'memory',
      percent: 93.4567,
      text: 'its expression comes to 0.9346',
      blind: undefined,
      error: undefined,
    },
  ]);
  answer = new Error('is away');
  nowMs = 109_999;
  t.match(await loads.poll(), [{ percent: undefined, blind: true, error: 'is away' }]);
  nowMs = 110_000;
  t.match(await loads.poll(), [{ percent: undefined, blind: false, error: 'is away' }]);
  t.equal(loads.failures, 3);
});
