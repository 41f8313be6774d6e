import t from 'tap';
import { DISCARDED_REQUESTS, discarded } from '#src/enforce/tally.js';
import { Tenant } from '#src/enforce/tenant.js';
import { admit, enforcer, FakeClock, judge, limits, samples, snapshot } from './fixtures.js';

const TWO_ITEMS = limits({ ingestion_rate: 1, ingestion_burst_size: 2 });

const FULL = { what: 'it is full', remedy: 'come again' };

t.test('what a door refuses for a reason of its own is counted as it is answered', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits(), b: limits({}, { mode: 'shadow' }) }) });
  for (const [id, refused, shadowed] of [
    ['a', 1, 0],
    ['b', 0, 1],
  ] as const) {
    const { tenant } = admit(edge, id);
    t.match(edge.refuse(tenant, 'edge_overloaded', FULL), {
      kind: 'refuse',
      reason: 'edge_overloaded',
      status: 503,
      message: new RegExp(
        `^the push of tenant ${id} was refused: it is full \\(err-edge-max-bytes-in-flight\\)\\. Come again\\.$`,
      ),
      retryAfterSeconds: 1,
    });
    const { tally } = tenant;
    t.equal(discarded(tally.refused, 'edge_overloaded', DISCARDED_REQUESTS), refused);
    t.equal(discarded(tally.shadowed, 'edge_overloaded', DISCARDED_REQUESTS), shadowed);
  }
});

t.test('senders that one door refuses together come again spread over half of the wait', async (t) => {
  const edge = enforcer({ random: () => 1 });
  t.equal(edge.refuse(admit(edge, 'a').tenant, 'edge_overloaded', FULL).retryAfterSeconds, 2);
});

t.test('a door finds the tenant of a name, and names without one are counted as refused', async (t) => {
  const edge = enforcer();
  const found = edge.tenant('a');
  t.ok(found instanceof Tenant);
  t.equal(edge.tenant('a'), found, 'the same, once it is in memory');
  t.match(edge.tenant('a|b'), { kind: 'refuse', reason: 'edge_invalid_tenant', status: 400 });
  const { unattributed } = edge;
  t.equal(discarded(unattributed.refused, 'edge_invalid_tenant', DISCARDED_REQUESTS), 1);
});

t.test('tokens that a door draws are taken, and a refusal counts once the door says so', async (t) => {
  const clock = new FakeClock();
  const edge = enforcer({
    snapshot: snapshot({ a: TWO_ITEMS, b: { ...TWO_ITEMS, edge: { ...TWO_ITEMS.edge, mode: 'shadow' } } }),
    now: clock.now,
  });
  for (const [id, isShadow] of [
    ['a', false],
    ['b', true],
  ] as const) {
    const { tenant } = admit(edge, id);
    t.equal(edge.draw(tenant, tenant.items, 2), undefined);
    const refusal = edge.draw(tenant, tenant.items, 1);
    if (refusal === undefined || refusal instanceof Promise) throw new Error('two tokens are all there are');
    t.match(refusal, { reason: 'rate_limited', observed: 1, allowed: 0 });
    const counted = () => {
      const { refused, shadowed } = tenant.tally;
      return discarded(isShadow ? shadowed : refused, 'rate_limited', DISCARDED_REQUESTS);
    };
    t.equal(counted(), 0);
    t.equal(edge.refused(tenant, refusal), isShadow);
    t.equal(counted(), 1);
    t.match(edge.draw(tenant, tenant.items, 3), { reason: 'burst_exceeded', observed: 3 });
  }
});

t.test('a tenant has the limits and the mode that hold for it, in memory or not', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: TWO_ITEMS }) });
  t.match(edge.effective('a'), { limits: { ingestion_burst_size: 2 }, mode: 'enforce' });
  edge.setMode('shadow');
  t.equal(edge.mode, 'shadow');
  t.match(edge.effective('b'), { limits: { ingestion_burst_size: 200_000 }, mode: 'shadow' });
  t.equal(edge.snapshot.tenants.has('a'), true);
});

t.test('what a push that was let in uncharged gives back is nothing', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: { ...TWO_ITEMS, request_rate: 1, request_burst_size: 1 } }),
  });
  const admitted = admit(edge, 'a');
  judge(edge, admitted.tenant, samples(2));
  edge.giveBack({ ...admitted, requests: 0 }, undefined);
  t.match(judge(edge, admitted.tenant, samples(1)), { reason: 'rate_limited' });
  t.match(edge.admit('a'), { reason: 'request_rate_limited' }, 'no request either');
  edge.giveBack(admitted, undefined);
  t.equal(admit(edge, 'a').requests, 1);
});
