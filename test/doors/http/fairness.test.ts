/** A Mimir that can not take all that is sent: who waits, and who is turned away. */
import type { ServerResponse } from 'node:http';
import t from 'tap';
import type { Admitted } from '#src/enforce/verdict.js';
import { roomOf } from '#src/upstream/admission.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { edge, eventually, PUSH_500, send, upstream } from './fixtures.js';

t.test('who sends more than its share gets 503 and keeps its data, and who does not goes next', async (t) => {
  const held: ServerResponse[] = [];
  let holding = false;
  const mimir = await upstream((_req, res) => {
    if (holding) held.push(res);
    else res.end();
  });
  const proxy = await edge(mimir.url, {
    upstream: {
      fairness: {
        mode: 'act',
        maxBytes: PUSH_500.length,
        maxWaitMs: 20_000,
        capacity: { floor: 1, learningMs: 0 },
      },
    },
  });
  const push = (tenant: string) => send(proxy.url, PUSH_500, { 'X-Scope-OrgID': tenant });
  // One push at a time: so two may be under way once that is known.
  t.ok(
    await eventually(async () => {
      await push('greedy');
      return proxy.upstream.admission?.status().limit === 2 * roomOf(500);
    }),
  );
  holding = true;
  const arrived = mimir.arrived.length;
  const first = [push('greedy'), push('greedy')];
  t.ok(await eventually(() => mimir.arrived.length === arrived + 2));
  const waiting = push('greedy');
  t.ok(await eventually(() => proxy.upstream.admission?.status().waiting === 1));
  const modest = push('modest');
  // What waits fills the queue: of the greedy tenant the newest goes, which is the one that waits.
  const away = await waiting;
  t.equal(away.status, 503);
  t.equal(away.headers.get('x-mimir-edge-reason'), 'edge_upstream_full');
  t.match(await away.text(), /this tenant sends more than its share \(err-edge-upstream-full\)/);
  t.ok(Number(away.headers.get('retry-after')) >= 2);
  t.equal(mimir.arrived.length, arrived + 2);
  holding = false;
  held.shift()?.end();
  t.equal((await modest).status, 200);
  held.shift()?.end();
  t.strictSame(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  );
  t.match(proxy.upstream.admission?.status(), { inFlight: 0, waiting: 0, waitingBytes: 0, turnedAway: 1 });
  await proxy.stop();
  await mimir.close();
});

t.test('priority and weight of a tenant say who goes first', async (t) => {
  const arrived: (string | undefined)[] = [];
  const held: ServerResponse[] = [];
  const mimir = await upstream((req, res) => {
    arrived.push(req.headers['x-scope-orgid']?.toString());
    held.push(res);
  });
  const proxy = await edge(mimir.url, {
    enforcer: {
      snapshot: snapshot({
        critical: limits({}, { priority: 'critical' }),
        heavy: limits({}, { weight: 1000 }),
        light: limits({}, { weight: 1 }),
      }),
    },
    upstream: {
      fairness: {
        mode: 'act',
        maxBytes: 1e6,
        maxWaitMs: 20_000,
        capacity: { floor: 1, learningMs: 0 },
      },
    },
  });
  const push = (tenant: string) => send(proxy.url, PUSH_500, { 'X-Scope-OrgID': tenant });
  const status = () => proxy.upstream.admission?.status();
  const answerNext = async (): Promise<void> => {
    t.ok(await eventually(() => held.length > 0));
    held.shift()?.end();
  };
  // One push at a time, for a second: so two may be under way.
  for (
    const began = performance.now();
    status()?.limit === undefined && performance.now() - began < 20_000;
  ) {
    await Promise.all([push('light'), answerNext()]);
  }
  t.equal(status()?.limit, 2 * roomOf(500));
  const all = [push('light'), push('heavy')];
  t.ok(await eventually(() => held.length === 2));
  arrived.length = 0;
  for (const [index, tenant] of ['light', 'heavy', 'heavy', 'critical'].entries()) {
    all.push(push(tenant));
    t.ok(await eventually(() => status()?.waiting === index + 1));
  }
  for (let i = 0; i < 6; i++) await answerNext();
  t.strictSame(
    (await Promise.all(all)).map(({ status: its }) => its),
    [200, 200, 200, 200, 200, 200],
  );
  t.strictSame(arrived, ['critical', 'heavy', 'heavy', 'light']);
  await proxy.stop();
  await mimir.close();
});

t.test(
  'a client that goes away while it waits makes room, is not charged, and Mimir hears nothing of it',
  async (t) => {
    const held: ServerResponse[] = [];
    const mimir = await upstream((_req, res) => held.push(res));
    const proxy = await edge(mimir.url, {
      enforcer: { snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 1e6 }) }) },
      upstream: {
        fairness: { mode: 'act', maxBytes: 1e6, maxWaitMs: 20_000, capacity: { floor: 1, learningMs: 0 } },
      },
    });
    const status = () => proxy.upstream.admission?.status();
    for (
      const began = performance.now();
      status()?.limit === undefined && performance.now() - began < 20_000;
    ) {
      const push = send(proxy.url);
      t.ok(await eventually(() => held.length > 0));
      held.shift()?.end();
      await push;
    }
    const first = [send(proxy.url), send(proxy.url)];
    t.ok(await eventually(() => held.length === 2));
    const { tenant } = proxy.enforcer.admit('a') as Admitted;
    const tokens = () => tenant.items.bucket.left(performance.now());
    const arrived = mimir.arrived.length;
    const before = tokens();
    const client = new AbortController();
    const waiting = send(proxy.url, PUSH_500, {}, client.signal);
    t.ok(await eventually(() => status()?.waiting === 1));
    t.ok(tokens() < before);
    client.abort();
    await t.rejects(waiting);
    t.ok(await eventually(() => status()?.waiting === 0));
    t.equal(tokens(), before);
    for (const response of held) response.end();
    await Promise.all(first);
    t.equal(mimir.arrived.length, arrived);
    t.match(status(), { inFlight: 0, waitingBytes: 0 });
    await proxy.stop();
    await mimir.close();
  },
);
