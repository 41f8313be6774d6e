/** Several addresses behind one upstream, each a server of its own: what goes where, and what goes again. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { MessageHeaders } from '#src/base/http1/headers.js';
import { Metrics } from '#src/telemetry/metrics.js';
import type { UpstreamFailure } from '#src/upstream/call.js';
import { Upstream, type UpstreamOptions } from '#src/upstream/upstream.js';
import { exportUpstream } from '#src/upstream/upstream-metrics.js';
import { dnsServer } from '../dns-server.js';
import { eventually } from '../doors/http/fixtures.js';

interface Mimir {
  readonly url: string;
  readonly port: number;
  /** Pushes that it read whole. */
  readonly pushes: string[];
  /** Other requests. */
  readonly asked: string[];
  answer: (response: ServerResponse) => void;
  readonly server: Server;
  connections(): Promise<number>;
}

const well = (response: ServerResponse): void => {
  response.end();
};
const failing = (response: ServerResponse): void => {
  response.writeHead(503).end('overloaded');
};

async function mimir(t: Test, host = '127.0.0.1', port = 0): Promise<Mimir> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      if (request.method === 'POST') given.pushes.push(body);
      else given.asked.push(request.url ?? '');
      given.answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const bound = (server.address() as AddressInfo).port;
  const given: Mimir = {
    url: `http://${host}:${bound}`,
    port: bound,
    pushes: [],
    asked: [],
    answer: well,
    server,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
  };
  return given;
}

function upstreamOf(
  t: Test,
  urls: readonly string[],
  options: Partial<UpstreamOptions> = {},
  now = () => performance.now(),
): Upstream {
  const upstream = new Upstream(
    {
      urls,
      connections: 16,
      tenantShare: 1,
      addressShare: 1,
      queueTimeoutMs: 20_000,
      connectTimeoutMs: 2000,
      maxConnectionAgeMs: 0,
      caFile: undefined,
      resolveMs: 30_000,
      dnsServers: [],
      zone: '',
      slowStartMs: 0,
      retry503: false,
      breaker: 'off',
      readyPath: '',
      readyMs: 100,
      ...options,
    },
    now,
  );
  t.teardown(() => upstream.destroy());
  return upstream;
}

/** Each of two addresses in turn: by chance all of the first pushes may go to one, of which nothing is held before others are known. */
function inTurns(): () => number {
  let calls = 0;
  return () => ((calls++ >>> 1) % 2) / 2;
}

type Outcome = number | UpstreamFailure;

const NOBODY = { started() {}, response() {}, data() {}, end() {}, failed() {} };

function request(body: string, headersTimeoutMs = 20_000, tenant = 'a') {
  return {
    tenant,
    place: tenant,
    address: '10.0.0.1',
    method: 'POST',
    path: '/api/v1/push',
    headers: new MessageHeaders([]),
    requestId: 'r1',
    body: [Buffer.from(body)],
    headRoom: 0,
    headersTimeoutMs,
    bodyTimeoutMs: 20_000,
  };
}

function push(upstream: Upstream, body: string, headersTimeoutMs = 20_000, tenant = 'a'): Promise<Outcome> {
  return new Promise((resolve) => {
    let status = 0;
    upstream.push(request(body, headersTimeoutMs, tenant), {
      started: () => {},
      response: (answer) => {
        status = answer.status;
      },
      data: () => {},
      end: () => resolve(status),
      failed: (failure) => resolve(failure),
    });
  });
}

async function pushMany(upstream: Upstream, from: number, count: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = from; i < from + count; i++) outcomes.push(await push(upstream, `push ${i}`));
  return outcomes;
}

function counted(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

t.test('of two addresses one that answers 503 fails five pushes, and not half of them', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  two.answer = failing;
  const upstream = upstreamOf(t, [one.url, two.url], { random: inTurns() });
  t.strictSame(counted(await pushMany(upstream, 0, 100)), { 200: 95, 503: 5 });
  t.equal(one.pushes.length + two.pushes.length, 100, 'nothing is sent twice');
  t.match(
    upstream.addresses().find(({ address }) => address === two.url),
    { sentTo: 'out', state: 'down' },
  );
});

t.test('and none where a 503 may be sent again', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  two.answer = failing;
  const upstream = upstreamOf(t, [one.url, two.url], { retry503: true, random: inTurns() });
  t.strictSame(counted(await pushMany(upstream, 0, 100)), { 200: 100 });
  t.equal(one.pushes.length, 100);
  t.equal(new Set(one.pushes).size, 100);
  t.equal(two.pushes.length, 5);
  t.equal(upstream.retries.sent, 5);
});

t.test(
  'other answers of 5xx are never sent again, and neither is what a connection broke under',
  async (t) => {
    const [one, two] = [await mimir(t), await mimir(t)];
    two.answer = (response) => response.writeHead(500).end();
    const upstream = upstreamOf(t, [one.url, two.url], { retry503: true, random: inTurns() });
    t.strictSame(counted(await pushMany(upstream, 0, 50)), { 200: 45, 500: 5 });
    t.equal(one.pushes.length + two.pushes.length, 50);

    const [three, four] = [await mimir(t), await mimir(t)];
    four.answer = (response) => response.destroy();
    const breaking = upstreamOf(t, [three.url, four.url], { retry503: true, random: inTurns() });
    t.strictSame(counted(await pushMany(breaking, 0, 50)), { 200: 45, broken: 5 });
    t.equal(three.pushes.length + four.pushes.length, 50);
  },
);

t.test('of pushes that failed nothing is left after some seconds, though none comes', async (t) => {
  const one = await mimir(t);
  one.answer = failing;
  let aheadMs = 0;
  const upstream = upstreamOf(t, [one.url], {}, () => performance.now() + aheadMs);
  await Promise.all(['a', 'b', 'b'].map((tenant) => push(upstream, 'x', 20_000, tenant)));
  t.strictSame(upstream.pushes(), { requests: 1, failed: 1 }, 'without the tenant whose pushes fail most');
  for (let i = 0; i < 3; i++) {
    aheadMs += 5000;
    upstream.pushes();
  }
  t.strictSame(upstream.pushes(), { requests: 0, failed: 0 });
});

t.test('one tenant whose pushes fail everywhere puts no address out and opens no breaker', async (t) => {
  for (const [what, spoil] of [
    ['answers of 500', (response) => response.writeHead(500).end()],
    ['answers of 503', failing],
    ['answers that do not come', () => {}],
    ['connections that break', (response) => response.destroy()],
  ] as readonly (readonly [string, Mimir['answer']])[]) {
    const all = [await mimir(t), await mimir(t), await mimir(t), await mimir(t)];
    for (const one of all) {
      one.answer = (response) => (one.pushes.at(-1) === 'bad' ? spoil : well)(response);
    }
    const moved: string[] = [];
    const upstream = upstreamOf(
      t,
      all.map(({ url }) => url),
      {
        breaker: 'act',
        breakerMoved: ({ state }) => moved.push(state),
        events: {
          resolved: () => {},
          notResolved: () => {},
          moved: ({ address, sentTo }) => moved.push(`${address} ${sentTo}`),
        },
      },
    );
    const hostile = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 20; i++) await push(upstream, 'bad', 50, 'hostile');
    });
    const outcomes: Outcome[] = [];
    const good = ['a', 'b', 'c'].map(async (tenant) => {
      for (let i = 0; i < 30; i++) outcomes.push(await push(upstream, 'good', 20_000, tenant));
    });
    await Promise.all([...hostile, ...good]);
    t.strictSame(moved, [], what);
    t.strictSame(counted(outcomes), { 200: 90 }, what);
  }
});

t.test('when all answer 503 a push goes out twice at most, and its sender hears it', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  one.answer = failing;
  two.answer = failing;
  const upstream = upstreamOf(t, [one.url, two.url], { retry503: true });
  t.strictSame(counted(await pushMany(upstream, 0, 5)), { 503: 5 });
  t.equal(one.pushes.length + two.pushes.length, 10);
});

t.test('what goes again is a tenth of what goes, and a few a second', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  one.answer = failing;
  two.answer = failing;
  const upstream = upstreamOf(t, [one.url, two.url], { retry503: true });
  await Promise.all(Array.from({ length: 300 }, (_, i) => push(upstream, `push ${i}`)));
  const again = one.pushes.length + two.pushes.length - 300;
  t.equal(again, upstream.retries.sent);
  t.equal(upstream.retries.overBudget, 300 - again);
  t.ok(again >= 10 && again < 150, `${again} went again`);
});

t.test('a tenant whose pushes get 503 wherever they go takes no second try from others', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  const badFails = (address: Mimir) => (response: ServerResponse) =>
    (address.pushes.at(-1) === 'bad' ? failing : well)(response);
  one.answer = badFails(one);
  two.answer = (response) => (two.pushes.at(-1) === 'first' ? well : failing)(response);
  // Time stands still: what may go again comes of what goes alone.
  const upstream = upstreamOf(t, [one.url, two.url], { retry503: true }, () => 0);
  await push(upstream, 'first', 20_000, 'good');
  await Promise.all(Array.from({ length: 300 }, () => push(upstream, 'bad', 20_000, 'bad')));
  t.ok(upstream.retries.overBudget > 200, 'which has used up what it may');
  const outcomes: Outcome[] = [];
  for (let i = 0; i < 20; i++) outcomes.push(await push(upstream, `good ${i}`, 20_000, 'good'));
  t.strictSame(counted(outcomes), { 200: 20 });
});

t.test('an address that hangs gets less and less, and then nothing', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  two.answer = () => {};
  const upstream = upstreamOf(t, [one.url, two.url]);
  let hanging = 0;
  // One sender of 16, each of whom waits for its answer.
  const senders = Array.from({ length: 16 }, async (_, i) => {
    for (let n = 0; n < 25; n++) {
      if ((await push(upstream, `${i} ${n}`, 300)) === 'timeout') hanging++;
    }
  });
  await Promise.all(senders);
  t.ok(hanging > 0 && hanging <= 40, `${hanging} of 400 waited in vain`);
  t.equal(upstream.addresses().find(({ address }) => address === two.url)?.sentTo, 'out');
});

t.test('an address that is killed costs those that were on their way, and comes back', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  const upstream = upstreamOf(t, [one.url, two.url]);
  await pushMany(upstream, 0, 20);
  const { port } = two;
  two.server.closeAllConnections();
  await new Promise((resolve) => two.server.close(resolve));
  // A connection may be found closed only by what is sent on it: that may have been taken, and is not sent again.
  const [first] = await pushMany(upstream, 20, 1);
  t.ok(first === 200 || first === 'broken', String(first));
  t.strictSame(counted(await pushMany(upstream, 21, 40)), { 200: 40 });
  const again = await mimir(t, '127.0.0.1', port);
  t.ok(
    await eventually(async () => {
      await push(upstream, 'more');
      return again.pushes.length > 3;
    }),
  );
});

t.test('a name that moves to another address is followed', async (t) => {
  const dns = await dnsServer();
  t.teardown(() => dns.close());
  const one = await mimir(t, '127.0.0.1');
  const two = await mimir(t, '127.0.0.2', one.port);
  dns.set('A', 'mimir.test', ['127.0.0.1']);
  dns.ttlSeconds = 0;
  const upstream = upstreamOf(t, [`dns:http://mimir.test:${one.port}`], { dnsServers: [dns.address] });
  await upstream.start();
  t.strictSame(counted(await pushMany(upstream, 0, 5)), { 200: 5 });
  t.equal(one.pushes.length, 5);
  dns.set('A', 'mimir.test', ['127.0.0.2']);
  t.ok(await eventually(() => upstream.addresses().every(({ address }) => address.includes('127.0.0.2'))));
  t.strictSame(counted(await pushMany(upstream, 5, 5)), { 200: 5 });
  t.equal(two.pushes.length, 5);
  t.equal(await eventually(async () => (await one.connections()) === 0), true, 'nothing is kept open');
});

t.test('a headless name has all its addresses used', async (t) => {
  const dns = await dnsServer();
  t.teardown(() => dns.close());
  const one = await mimir(t, '127.0.0.1');
  const two = await mimir(t, '127.0.0.2', one.port);
  dns.set('A', 'mimir.test', ['127.0.0.1', '127.0.0.2']);
  const upstream = upstreamOf(t, [`dns:http://mimir.test:${one.port}`], { dnsServers: [dns.address] });
  await upstream.start();
  await pushMany(upstream, 0, 100);
  t.ok(one.pushes.length > 20 && two.pushes.length > 20, `${one.pushes.length} and ${two.pushes.length}`);
});

t.test('a connection is used for its time, and what comes then gets another', async (t) => {
  const one = await mimir(t);
  let opened = 0;
  one.server.on('connection', () => opened++);
  const upstream = upstreamOf(t, [one.url], { maxConnectionAgeMs: 20 });
  const began = performance.now();
  let pushes = 0;
  while (opened < 4 && performance.now() - began < 20_000) {
    t.equal(await push(upstream, `push ${pushes++}`), 200);
  }
  t.equal(opened, 4);
  t.equal(one.pushes.length, pushes);
});

t.test('an address that is not ready gets nothing, though it would answer', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  const notReady = two.answer;
  two.answer = (response) => {
    if (two.asked.length > 0 && two.pushes.length === 0) failing(response);
    else notReady(response);
  };
  const upstream = upstreamOf(t, [one.url, two.url], { readyPath: '/ready', readyMs: 20 });
  await upstream.start();
  const sentTo = () => upstream.addresses().find(({ address }) => address === two.url)?.sentTo;
  t.ok(await eventually(() => sentTo() === 'out'));
  t.strictSame(two.asked.slice(0, 3), ['/ready', '/ready', '/ready']);
  t.match(
    upstream.addresses().find(({ address }) => address === two.url),
    { state: 'idle', failed: 0 },
  );
  await pushMany(upstream, 0, 20);
  t.equal(one.pushes.length, 20);
});

t.test('where no name has an address the sender hears that', async (t) => {
  const dns = await dnsServer();
  t.teardown(() => dns.close());
  const upstream = upstreamOf(t, ['srv:http://_http._tcp.mimir.test'], { dnsServers: [dns.address] });
  await upstream.start();
  t.equal(await push(upstream, 'push'), 'unreachable');
});

t.test('when every address fails pushes are answered in their place, and Mimir gets time', async (t) => {
  const [one, two] = [await mimir(t), await mimir(t)];
  one.answer = failing;
  two.answer = failing;
  const moved: string[] = [];
  const upstream = upstreamOf(t, [one.url, two.url], {
    breaker: 'act',
    breakerMoved: ({ state }) => moved.push(state),
  });
  t.strictSame(counted(await pushMany(upstream, 0, 100)), { 503: 20, open: 80 });
  t.equal(one.pushes.length + two.pushes.length, 20);
  t.match(upstream.breaker(), { state: 'open', refused: 80 });
  one.answer = well;
  two.answer = well;
  t.ok(
    await eventually(async () => {
      await push(upstream, 'more');
      return upstream.breaker().state === 'closed';
    }),
  );
  t.strictSame([moved[0], moved.at(-1)], ['open', 'closed']);
  t.strictSame(counted(await pushMany(upstream, 100, 10)), { 200: 10 });
});

t.test('and are sent on while it only observes', async (t) => {
  const one = await mimir(t);
  one.answer = failing;
  const upstream = upstreamOf(t, [one.url], { breaker: 'observe' });
  t.strictSame(counted(await pushMany(upstream, 0, 50)), { 503: 50 });
  t.equal(upstream.breaker().state, 'open');
});

t.test('what it takes, and who waits for it, is in the metrics', async (t) => {
  const one = await mimir(t);
  const upstream = upstreamOf(t, [one.url], {
    fairness: { mode: 'act', maxBytes: 10, maxWaitMs: 60_000, capacity: { floor: 1, learningMs: 0 } },
  });
  const metrics = new Metrics();
  exportUpstream(metrics, upstream);
  const lines = async () =>
    Object.fromEntries(
      [
        ...(await metrics.registry.metrics()).matchAll(
          /^(mimir_edge_upstream_(?:fair|limit|grad|in_f)\S*) (\S+)$/gm,
        ),
      ].map(([, name, value]) => [name, Number(value)]),
    );
  const { admission } = upstream;
  const sender = { tenant: 'a', place: 'a', weight: 1, priority: 'normal' } as const;
  t.strictSame(await lines(), {
    [`mimir_edge_upstream_gradient{address="${one.url}"}`]: 1,
    mimir_edge_upstream_in_flight_items: 0,
    mimir_edge_upstream_fair_waiting_pushes: 0,
    'mimir_edge_upstream_fair_pushes_total{outcome="waited"}': 0,
    'mimir_edge_upstream_fair_pushes_total{outcome="turned_away"}': 0,
  });
  // Ten answers, the last of them a second later, and it is known what it takes.
  t.ok(
    await eventually(async () => {
      const underWay = admission?.begin(500, 'a');
      admission?.enter(sender, 500, 1);
      underWay?.at(upstream.push(request('a'), NOBODY));
      underWay?.answered(200);
      return admission?.status().limit !== undefined;
    }),
  );
  admission?.enter(sender, 1000, 1);
  void admission?.enter(sender, 1000, 1);
  void admission?.enter(sender, 1000, 100);
  t.strictSame(await lines(), {
    [`mimir_edge_upstream_limit_items{address="${one.url}"}`]: 1414,
    [`mimir_edge_upstream_gradient{address="${one.url}"}`]: 1,
    mimir_edge_upstream_in_flight_items: 1000,
    mimir_edge_upstream_fair_waiting_pushes: 1,
    'mimir_edge_upstream_fair_pushes_total{outcome="waited"}': 2,
    'mimir_edge_upstream_fair_pushes_total{outcome="turned_away"}': 1,
  });
});
