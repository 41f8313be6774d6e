import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { readPrometheusHistory } from '#src/usage/prometheus-history.js';

const HOUR = 3600;
const BEGIN = 500_000 * HOUR;

interface Asked {
  readonly expr: string;
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

type Result = readonly { metric: Record<string, string>; value?: unknown; values?: unknown }[];

/** Answers as a Prometheus does. */
async function fake(
  t: Test,
  answer: (asked: Asked) => Result | string,
): Promise<{ url: string; asked: Asked[]; most: () => number }> {
  const asked: Asked[] = [];
  let open = 0;
  let most = 0;
  const server = createServer(async (req, res) => {
    most = Math.max(most, ++open);
    let body = '';
    for await (const chunk of req) body += chunk;
    const params = new URLSearchParams(body);
    const one = {
      expr: params.get('query') ?? '',
      start: Number(params.get('start') ?? params.get('time')),
      end: Number(params.get('end') ?? params.get('time')),
      step: Number(params.get('step') ?? 0),
      headers: req.headers,
    };
    asked.push(one);
    const result = answer(one);
    open--;
    if (typeof result === 'string')
      res.writeHead(422).end(JSON.stringify({ status: 'error', error: result }));
    else res.end(JSON.stringify({ status: 'success', data: { result } }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, most: () => most };
}

/** Of Mimir's metrics: tenants, a scrape interval, and points for samples. */
function mimir(tenants: number, scrapeSeconds: number, samples: (at: number) => string) {
  return ({ expr, start, end, step }: Asked): Result => {
    const at = (value: number | string) => [{ metric: {}, value: [start, String(value)] }];
    if (expr.startsWith('count(')) return expr.includes('cortex_') ? at(tenants) : [];
    if (expr.startsWith('quantile')) return at(600 / scrapeSeconds);
    if (!expr.includes('samples_in_total')) return [];
    const values: [number, string][] = [];
    for (let t = start; t <= end; t += step) values.push([t, samples(t)]);
    return [{ metric: { user: 'a' }, values }];
  };
}

t.test(
  'each point is of what came before it; windows are of whole steps, and shorter ones are not known',
  async (t) => {
    const burst = BEGIN + HOUR + 1200;
    const { url, most, asked } = await fake(
      t,
      mimir(1, 15, (at) => (at === burst ? '9000' : '60')),
    );
    const [history, ...more] = await readPrometheusHistory({
      url,
      headers: { 'X-Scope-OrgID': 'everybody' },
      fromMs: BEGIN * 1000,
      toMs: (BEGIN + 2 * HOUR) * 1000,
    });
    t.same(more, []);
    t.match(history, {
      tenant: 'a',
      hours: [
        { startMs: BEGIN * 1000, offered: { items: 3600 }, coveredSeconds: 3600, resolutionSeconds: 60 },
        { startMs: (BEGIN + HOUR) * 1000, offered: { items: 12_540 } },
      ],
    });
    t.same(history?.hours[1]?.curves.items, [
      NaN,
      NaN,
      NaN,
      NaN,
      NaN,
      9000,
      9060,
      9240,
      9540,
      10_740,
      12_540,
    ]);
    t.equal(history?.hours[1]?.curves.bytes, undefined, 'Mimir does not tell');
    t.equal(
      history?.days.reduce((sum, { offered }) => sum + offered.items, 0),
      16_140,
    );
    t.equal(most(), 1, 'one question at a time');
    t.ok(asked.every(({ headers }) => headers['x-scope-orgid'] === 'everybody'));
  },
);

t.test('a step has four scrapes at least', async (t) => {
  const { url } = await fake(
    t,
    mimir(1, 60, () => '1'),
  );
  const [history] = await readPrometheusHistory({ url, fromMs: BEGIN * 1000, toMs: (BEGIN + HOUR) * 1000 });
  t.equal(history?.hours[0]?.resolutionSeconds, 300);
});

t.test('questions are cut so that no answer has more than fifty thousand points', async (t) => {
  const { url, asked } = await fake(
    t,
    mimir(5000, 15, () => '1'),
  );
  const done: number[] = [];
  await readPrometheusHistory({
    url,
    fromMs: BEGIN * 1000,
    toMs: (BEGIN + HOUR) * 1000,
    progress: (part) => done.push(part),
  });
  const ranges = asked.filter(({ step }) => step > 0);
  t.ok(ranges.every(({ start, end, step }) => ((end - start) / step + 1) * 5000 <= 50_000));
  t.equal(done.length, 6);
  t.equal(done.at(-1), 1);
});

t.test('an answer that is too large is asked for in halves', async (t) => {
  const { url, asked } = await fake(
    t,
    mimir(1, 15, () => '1.000000000000000'),
  );
  const [history] = await readPrometheusHistory({
    url,
    fromMs: BEGIN * 1000,
    toMs: (BEGIN + HOUR) * 1000,
    maxBytes: 1000,
  });
  t.equal(history?.hours[0]?.offered.items, 60);
  t.ok(asked.filter(({ expr }) => expr.includes('samples_in')).length > 2);
});

t.test('what can not be had is said: errors, no tenants, too many, another program', async (t) => {
  const range = { fromMs: BEGIN * 1000, toMs: (BEGIN + HOUR) * 1000 };
  const failing = await fake(t, () => 'query processing would load too many samples into memory');
  await t.rejects(readPrometheusHistory({ ...range, url: failing.url }), {
    message: /422: query processing would/,
  });
  const other = createServer((_, res) => res.writeHead(404).end('404 page not found'));
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
  t.teardown(() => other.close());
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/graph`;
  await t.rejects(readPrometheusHistory({ ...range, url }), {
    message: /answers 404: is \/api\/v1 behind this URL/,
  });
  const empty = await fake(t, () => []);
  await t.rejects(readPrometheusHistory({ ...range, url: empty.url }), {
    message: /neither mimir_edge_received/,
  });
  const many = await fake(
    t,
    mimir(20_000, 15, () => '1'),
  );
  await t.rejects(readPrometheusHistory({ ...range, url: many.url }), { message: /there are 20000 tenants/ });
});

t.test('tenants are named in questions as they are, whatever their names mean in a pattern', async (t) => {
  const { url, asked } = await fake(
    t,
    mimir(1, 15, () => '1'),
  );
  await readPrometheusHistory({
    url,
    fromMs: BEGIN * 1000,
    toMs: (BEGIN + HOUR) * 1000,
    tenants: ['a.b', "it's*"],
    selector: 'cluster="x"',
  });
  t.ok(asked.every(({ expr }) => expr.includes('{user=~"a\\\\.b|it\'s\\\\*",cluster="x"}')));
});
