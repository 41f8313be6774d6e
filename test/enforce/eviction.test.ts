import t from 'tap';
import type { Enforcer } from '#src/enforce/enforcer.js';
import { Tenant } from '#src/enforce/tenant.js';
import { enforcer, FakeClock, limits, samples, snapshot } from './fixtures.js';

function tenant(edge: Enforcer, id: string): Tenant {
  const found = edge.tenant(id);
  if (!(found instanceof Tenant)) throw new Error(found.message);
  return found;
}

t.test('a tenant that leaves memory comes back with what it had left, and what came in since', async (t) => {
  const clock = new FakeClock();
  const spent = limits({ ingestion_rate: 2, ingestion_burst_size: 1000 });
  const edge = enforcer({ snapshot: snapshot({ a: spent }), maxTenants: 100, now: clock.now });
  t.match(edge.judge(tenant(edge, 'a'), samples(900)), { kind: 'accept' });
  for (let i = 0; i < 6000; i++) tenant(edge, `made-up-${i}`);
  t.equal(edge.tenants.get('a'), undefined, 'it is out of memory');
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 100);

  for (let i = 0; i < 200; i++) tenant(edge, `made-up-again-${i}`);
  clock.nowMs = 50_000;
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 200);

  for (let i = 0; i < 200; i++) tenant(edge, `made-up-at-last-${i}`);
  clock.nowMs = 1_000_000;
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 1000, 'no more than it holds');
});
