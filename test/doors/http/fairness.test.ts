/** A Mimir that can not take all that is sent: who waits, and who is turned away. */
import type { ServerResponse } from 'node:http';
import t from 'tap';
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
      return proxy.upstream.admission?.status().limit === 1000;
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
