/** Who pushes through Envoy is found out from what Envoy tells of each push. */
import t, { type Test } from 'tap';
import type { SenderCounts } from '#src/doors/senders.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { PUSH_500 } from '../http/fixtures.js';
import { type Checked, check, checkOf, client, door, type GivenDoorOptions } from './fixtures.js';

const ADDRESS = '10.1.2.3';

async function serve(t: Test, options: GivenDoorOptions = {}) {
  const served = await door(options);
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  const ask = (headers: Record<string, string> = {}, http: object = {}, body: Uint8Array = PUSH_500) =>
    check(caller, checkOf(body, headers, { ...http }, ADDRESS)).response;
  const seen = (tenant = 'a'): readonly SenderCounts[] => served.senders.list(tenant, 100).senders;
  return { ...served, caller, ask, seen };
}

/** As the program that is given, with what it says of itself. */
const as = (program: string, more: Record<string, string> = {}) => ({ 'user-agent': program, ...more });

function statusOf({ deniedResponse }: Checked): number {
  return deniedResponse?.status.code ?? 200;
}

t.test('a push is put down to its program, from its address, in its protocol, with its size', async (t) => {
  const { ask, seen } = await serve(t);
  for (let i = 0; i < 3; i++) await ask(as('Prometheus/3.5.0'));
  const expected = {
    tenant: 'a',
    program: 'Prometheus',
    version: '3.5.0',
    network: '10.1.2.0/24',
    protocol: 'rw1',
    compression: 'snappy',
    pushes: 3,
    bodies: 3,
    bytes: 3 * PUSH_500.length,
    largest: PUSH_500.length,
    sizes: [0, 3, 0, 0, 0],
    refused: 0,
    retries: 0,
    early: 0,
  };
  t.match(seen(), [expected]);
  t.equal(seen().length, 1, 'each push comes with a head of its own, and is the same sender');
});

t.test('refusals are counted, and retries that come before they may', async (t) => {
  const once = limits({ ingestion_rate: 0, ingestion_burst_size: 500 });
  const { ask, seen } = await serve(t, { enforcer: { snapshot: snapshot({ a: once }) } });
  const program = as('agent/1');
  t.equal(statusOf(await ask(program)), 200);
  t.equal(statusOf(await ask(program)), 429);
  t.match(seen(), [{ pushes: 2, refused: 1, retries: 0, early: 0 }]);
  t.equal(statusOf(await ask({ ...program, 'retry-attempt': '1' })), 429);
  t.match(seen(), [{ pushes: 3, bodies: 3, refused: 2, retries: 1, early: 1 }]);
  t.equal(statusOf(await ask(program, {}, Buffer.from('no snappy'))), 400);
  t.match(seen(), [{ pushes: 4, bodies: 4, refused: 3, early: 1 }]);
});

t.test('the last address that was forwarded stands before that of the connection', async (t) => {
  const { ask, caller, seen } = await serve(t);
  const cases: readonly [string, string][] = [
    ['192.0.2.7, 2001:db8:1::7', '2001:db8:1::/48'],
    ['2001:db8:1::7,192.0.2.7', '192.0.2.0/24'],
    ['192.0.2.7, nowhere', '10.1.2.0/24'],
    [',', '10.1.2.0/24'],
  ];
  for (const [i, [forwarded, network]] of cases.entries()) {
    await ask(as(`p${i}`, { 'x-forwarded-for': forwarded }));
    t.equal(seen().find(({ program }) => program === `p${i}`)?.network, network, forwarded);
  }
  await check(caller, checkOf(PUSH_500, as('nobody'))).response;
  t.equal(seen().find(({ program }) => program === 'nobody')?.network, 'unknown');
});

t.test('whatever protocol is judged has its name, and what can not be read, too', async (t) => {
  const { ask, seen } = await serve(t, { check: { otlp: true, influx: true } });
  const cases: readonly [string, string, Record<string, string>][] = [
    [
      'rw2',
      '/api/v1/push',
      { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request' },
    ],
    ['otlp', '/otlp/v1/metrics', { 'content-encoding': 'gzip' }],
    ['otlp-json', '/otlp/v1/metrics', { 'content-type': 'application/json', 'content-encoding': '' }],
    ['influx', '/api/v1/push/influx/write', { 'content-encoding': '' }],
    ['unreadable', '/api/v1/push', { 'content-encoding': 'br' }],
  ];
  for (const [protocol, path, headers] of cases) {
    await ask(as(protocol, headers), { path });
    const sender = seen().find(({ program }) => program === protocol);
    t.match(sender, { protocol, pushes: 1, bodies: protocol === 'unreadable' ? 0 : 1 }, protocol);
  }
  await ask(as('reader'), { method: 'GET' });
  await ask(as('other'), { path: '/api/v1/query' });
  t.equal(seen().length, cases.length, 'what is no push is nobody');
});

t.test('a body that Envoy did not send whole is a push all the same, and not a size', async (t) => {
  const { ask, seen } = await serve(t);
  t.equal(statusOf(await ask(as('cut', { 'x-envoy-auth-partial-body': 'true' }))), 413);
  t.match(seen(), [{ pushes: 1, bodies: 0, bytes: 0, refused: 1 }]);
});

t.test('shadow mode refuses nobody; who is refused unread, or not looked at, is seen', async (t) => {
  const mimir = { ingestion_rate: 0, ingestion_burst_size: 0 };
  const { ask, seen } = await serve(t, {
    enforcer: {
      snapshot: snapshot({
        shadow: limits(mimir, { mode: 'shadow' }),
        off: limits(mimir, { mode: 'off' }),
        drained: limits({ request_rate: 1e-9, request_burst_size: 1 }),
      }),
    },
  });
  const of = (tenant: string) => as('agent/1', { 'x-scope-orgid': tenant });
  await ask(of('shadow'));
  t.match(seen('shadow'), [{ pushes: 1, bodies: 1, refused: 0 }]);
  await ask(of('off'));
  t.match(seen('off'), [{ pushes: 1, bodies: 0, refused: 0 }]);
  await ask(of('drained'));
  t.equal(statusOf(await ask(of('drained'))), 429);
  t.match(seen('drained'), [{ pushes: 2, bodies: 1, refused: 1 }]);
  t.equal(statusOf(await ask(of(''))), 401);
  t.strictSame(seen(''), [], 'who names no tenant has no place');
});

t.test('a push of which some series may not pass is refused, or passes, and is counted so', async (t) => {
  // One label name is too long for the tenant.
  const few = limits({ max_label_names_per_series: 1 });
  for (const [onFilter, refused] of [
    ['refuse', 1],
    ['pass', 0],
  ] as const) {
    const { ask, seen } = await serve(t, {
      enforcer: { snapshot: snapshot({ a: few }) },
      check: { onFilter },
    });
    t.equal(statusOf(await ask(as('agent/1'))), refused === 1 ? 400 : 200);
    t.match(seen(), [{ pushes: 1, bodies: 1, refused }], onFilter);
  }
});

t.test('headers as long as they may be, full of what is odd, cost a place and no more', async (t) => {
  const { ask, seen } = await serve(t);
  const odd = '\u0000\n<b>,'.repeat(50_000);
  await ask({ 'user-agent': odd, 'x-forwarded-for': odd, 'retry-attempt': odd });
  t.match(seen(), [{ network: '10.1.2.0/24', pushes: 1, retries: 0 }]);
  const [one] = seen();
  t.match(one?.program, /^[A-Za-z0-9 ._+:@~?-]{0,48}$/);
});
