/** In a panic every door answers 503, and what was taken comes back when Mimir did not take the push. */
import t from 'tap';
import { limits, snapshot } from '../enforce/fixtures.js';
import { check, client, denialHeader, door } from './envoy/fixtures.js';
import { edge, PUSH_500, send, upstream } from './http/fixtures.js';

const HALF = { critical: 1, normal: 0.5, low: 0.5 };
const NOTHING = { critical: 1, normal: 0, low: 0 };
const TENANTS = {
  snapshot: snapshot({
    a: limits({ ingestion_rate: 1e-9, ingestion_burst_size: 1000 }),
    vip: limits({ ingestion_rate: 1e-9, ingestion_burst_size: 1000 }, { priority: 'critical' }),
  }),
};

t.test('the proxy answers 503 with a reason of its own, and Mimir is not asked', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const { enforcer, url, stop, refusals } = await edge(mimir.url, { enforcer: TENANTS });
  t.teardown(stop);
  enforcer.setAdmitted(HALF);
  t.equal((await send(url)).status, 200);
  const refused = await send(url);
  t.equal(refused.status, 503);
  t.equal(refused.headers.get('x-mimir-edge-reason'), 'edge_panic');
  t.ok(Number(refused.headers.get('retry-after')) >= 5, 'not at once');
  t.match(await refused.text(), /may send 50 % of their rates and bursts .*\(err-edge-panic\)/);
  t.equal(mimir.arrived.length, 1);
  t.match(refusals, [{ tenant: 'a', refusal: { reason: 'edge_panic', observed: undefined }, shadow: false }]);
  for (let i = 0; i < 2; i++) t.equal((await send(url, PUSH_500, { 'X-Scope-OrgID': 'vip' })).status, 200);
  enforcer.setAdmitted(NOTHING);
  t.equal((await send(url)).status, 503);
});

t.test('a push that Mimir does not take is paid back, at the price that it had', async (t) => {
  const mimir = await upstream((_, res) => res.writeHead(503).end());
  t.teardown(() => mimir.close());
  const { enforcer, url, stop } = await edge(mimir.url, { enforcer: TENANTS });
  t.teardown(stop);
  enforcer.setAdmitted(HALF);
  for (let i = 0; i < 5; i++) {
    const answer = await send(url);
    t.equal(answer.headers.get('x-mimir-edge-reason'), null, "Mimir's own 503");
  }
  t.equal(Math.round(enforcer.tenants.get('a')?.items.bucket.left(performance.now()) ?? 0), 1000);
});

t.test('ext_authz denies with 503, and tells Envoy the items of what passes, not their price', async (t) => {
  const served = await door({ enforcer: TENANTS });
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  served.enforcer.setAdmitted(HALF);
  const first = await check(caller).response;
  t.equal(first.status.code, 0);
  t.equal(first.dynamicMetadata.fields['items']?.stringValue, String(500));
  for (const admitted of [HALF, NOTHING]) {
    served.enforcer.setAdmitted(admitted);
    const denied = await check(caller).response;
    t.equal(denied.deniedResponse?.status.code, 503);
    t.equal(denialHeader(denied, 'x-mimir-edge-reason'), 'edge_panic');
    t.ok(Number(denialHeader(denied, 'retry-after')) >= 5);
    t.match(denied.deniedResponse?.body, /err-edge-panic/);
  }
});
