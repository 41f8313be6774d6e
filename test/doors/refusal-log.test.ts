import { Writable } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import { RefusalLog } from '#src/doors/refusal-log.js';
import { refuse } from '#src/enforce/refusal.js';
import { admit, enforcer } from '../enforce/fixtures.js';

function collector(): { lines: Record<string, unknown>[]; stream: Writable } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  return { lines, stream };
}

t.test('a tenant has a few refusals logged each minute, and no other tenant is quieter for it', async (t) => {
  const { lines, stream } = collector();
  let nowMs = 0;
  const log = new RefusalLog(pino(stream), 2, () => nowMs);
  const edge = enforcer();
  const tenant = (id: string) => {
    const admission = edge.admit(id);
    if (!('requests' in admission)) throw new Error('not admitted');
    return admission.tenant;
  };
  const refusal = refuse('rate_limited', { what: 'too much', remedy: 'send less' });
  for (let i = 0; i < 100; i++) log.refused(tenant('a'), refusal, `id-${i}`, false);
  log.refused(tenant('b'), refusal, 'id-b', true);
  for (let i = 0; i < 100; i++) log.refused(undefined, refusal, 'nobody', false);
  t.strictSame(
    lines.map(({ tenant }) => tenant),
    ['a', 'a', 'b', undefined, undefined],
  );
  t.match(lines[1], {
    reason: 'rate_limited',
    status: 429,
    requestId: 'id-1',
    lastThisMinute: true,
    msg: /too much/,
  });
  t.match(lines[2], { shadow: true });
  nowMs = 60_000;
  log.refused(tenant('a'), refusal, 'later', false);
  t.match(lines.at(-1), { requestId: 'later' });
});

t.test('tenants that memory has no room for share the lines of pushes without a tenant', async (t) => {
  const { lines, stream } = collector();
  const log = new RefusalLog(pino(stream), 2, () => 0);
  const edge = enforcer({ maxUnknownTenants: 0 });
  for (let i = 0; i < 100; i++) {
    log.refused(
      admit(edge, `made-up-${i}`).tenant,
      refuse('rate_limited', { what: 'too much', remedy: 'send less' }),
      '',
      false,
    );
  }
  t.strictSame(
    lines.map(({ tenant }) => tenant),
    ['made-up-0', 'made-up-1'],
  );
});
