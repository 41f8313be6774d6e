import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { eventually, PUSH_500 } from '../http/fixtures.js';
import {
  check,
  checkOf,
  client,
  door,
  framed,
  framedCheck,
  type GivenDoorOptions,
  RawCall,
  rawSession,
} from './fixtures.js';

async function serve(t: Test, options: GivenDoorOptions = {}) {
  const served = await door(options);
  const session = rawSession(served.port);
  t.teardown(async () => {
    session.destroy();
    await served.stop();
    if (served.bugs.length > 0 || !(await eventually(() => served.budget.used === 0))) {
      throw new Error(`${served.budget.used} bytes are held; bugs: ${served.bugs}`);
    }
  });
  return Object.assign(served, { session });
}

t.test('what is not gRPC, and what no service has, gets an answer', async (t) => {
  const { session, port } = await serve(t);
  const get = session.request({ ':path': '/healthz' });
  const status = await new Promise((resolve) => get.on('response', (all) => resolve(all[':status'])));
  t.equal(status, 405);
  const json = new RawCall(session, { 'content-type': 'application/json' });
  json.stream.end('{}');
  t.equal((await json.answer).httpStatus, 415);
  const unknown = new RawCall(session, { ':path': '/envoy.service.auth.v3.Authorization/Nothing' });
  unknown.stream.end(framedCheck());
  t.match(await unknown.answer, { httpStatus: 200, grpcStatus: '12' });
  const http1 = connectTcp(port, '127.0.0.1');
  http1.write('GET / HTTP/1.1\r\nHost: edge\r\n\r\n');
  await new Promise((resolve) =>
    http1
      .resume()
      .on('close', resolve)
      .on('error', () => {}),
  );
  t.pass('HTTP/1.1 is cut off');
  const call = new RawCall(session);
  call.stream.end(framedCheck());
  t.equal((await call.answer).grpcStatus, '0', 'and nobody else');
});

t.test('only what is gRPC by its content type is taken for it', async (t) => {
  const { session } = await serve(t);
  for (const [type, status] of [
    ['application/grpc', 200],
    ['application/grpc+proto', 200],
    ['application/grpc; charset=utf-8', 200],
    ['application/grpcx', 415],
    ['application/grpc-web', 415],
    ['application/grpc-web+proto', 415],
    ['application/grpc+json', 415],
    ['application/json', 415],
  ] as const) {
    const call = new RawCall(session, { 'content-type': type });
    call.stream.end(framedCheck());
    t.equal((await call.answer).httpStatus, status, type);
  }
});

t.test('messages come in any pieces', async (t) => {
  const { session } = await serve(t);
  const bytes = framedCheck();
  for (const size of [1, 3, 5, 6, 4096]) {
    const call = new RawCall(session);
    const end = size < 100 ? Math.min(600, bytes.length) : bytes.length;
    for (let at = 0; at < end; at += size) call.stream.write(bytes.subarray(at, Math.min(end, at + size)));
    call.stream.end(bytes.subarray(end));
    t.equal((await call.answer).grpcStatus, '0', `pieces of ${size}`);
  }
});

t.test('what is not one whole, plain message ends in an error', async (t) => {
  const { session } = await serve(t);
  const message = framedCheck().subarray(5);
  const cases: [string, Buffer, string][] = [
    ['nothing at all', Buffer.alloc(0), '13'],
    ['half a prefix', Buffer.from([0, 0, 0]), '13'],
    ['shorter than it says', framed(message, 0, message.length + 1), '13'],
    ['longer than it says', framed(message, 0, message.length - 1), '13'],
    ['two messages', Buffer.concat([framed(message), framed(message)]), '13'],
    ['compressed', framed(message, 1), '12'],
  ];
  for (const [name, bytes, status] of cases) {
    const call = new RawCall(session);
    call.stream.end(bytes);
    t.match(await call.answer, { httpStatus: 200, grpcStatus: status }, name);
  }
});

t.test('a call that is reset in the middle of its message is no message', async (t) => {
  const { door, session, outcomes, enforcer } = await serve(t);
  const bytes = framedCheck();
  for (const at of [0, 3, 5, 100, bytes.length]) {
    const call = new RawCall(session);
    call.stream.write(bytes.subarray(0, at));
    t.ok(await eventually(() => door.activeCalls === 1));
    // What answers a ping has read all that was sent before.
    await new Promise((resolve) => session.ping(resolve));
    call.stream.destroy();
    await call.answer;
  }
  t.ok(await eventually(() => outcomes.length === 5));
  t.strictSame(new Set(outcomes), new Set(['cancelled']));
  t.equal(enforcer.tenants.size, 0, 'and charged to nobody');
});

t.test('a message that does not come in time is denied, and an error where there is no denial', async (t) => {
  const { session, outcomes } = await serve(t, { door: { bodyTimeoutMs: 50 } });
  const slow = new RawCall(session);
  slow.stream.write(framedCheck().subarray(0, 1000));
  const { grpcStatus, bytes } = await slow.answer;
  t.equal(grpcStatus, '0', 'on an error Envoy might let it pass');
  t.match(bytes.toString(), /err-edge-incomplete-body/);
  const impatient = new RawCall(session, { 'grpc-timeout': '20m' });
  impatient.stream.write(framedCheck().subarray(0, 1000));
  t.match((await impatient.answer).bytes.toString(), /err-edge-incomplete-body/, 'by its own deadline');
  t.strictSame(outcomes, ['late', 'late']);
  const health = new RawCall(session, { ':path': '/grpc.health.v1.Health/Check' });
  health.stream.write(framed(Buffer.alloc(10)).subarray(0, 6));
  t.equal((await health.answer).grpcStatus, '4');
});

t.test('a message over the cap is not taken into memory, whatever it claims', async (t) => {
  const { session, budget } = await serve(t, { check: { maxBodyBytes: 1000 } });
  const claims = new RawCall(session);
  claims.stream.write(framed(Buffer.alloc(10), 0, 0xffff_ffff));
  t.match(await claims.answer, { grpcStatus: '0' }, 'it is answered by what it claims');
  t.equal(budget.used, 0);
  const within = new RawCall(session);
  within.stream.write(framed(Buffer.alloc(10), 0, 1_000_000));
  t.ok(await eventually(() => budget.used > 0));
  t.ok(budget.used < 25_000, 'no more than has come, and the call itself');
  within.stream.destroy();
});

t.test('a call counts by what it holds in memory, not by what came over the wire', async (t) => {
  const { session, budget } = await serve(t);
  const begun = Array.from({ length: 20 }, () => new RawCall(session));
  for (const { stream } of begun) stream.write(framedCheck().subarray(0, 1));
  t.ok(await eventually(() => budget.used >= 20 * 15_700), 'a stream costs 15.7 kB, its slab 4 KiB');
  for (const { stream } of begun) stream.destroy();
  t.ok(await eventually(() => budget.used === 0));
});

t.test('calls for which there is no room are answered at once, however little they sent', async (t) => {
  const { session, budget } = await serve(t, { bytesInFlight: 300_000 });
  const begun = Array.from({ length: 30 }, () => new RawCall(session));
  for (const { stream } of begun) stream.write(framedCheck().subarray(0, 1));
  const first = await Promise.race(begun.map(({ answer }) => answer));
  t.match(first, { httpStatus: 200, grpcStatus: '0' }, 'a denial, not an error');
  t.match(first.bytes.toString(), /err-edge-max-bytes-in-flight/);
  t.ok(budget.used <= 300_000);
  // A session that is destroyed by what a frame of it calls spins for ever in Node 20.
  await nextTurn();
});

t.test('memory of messages is used again', async (t) => {
  const { port } = await serve(t, {
    enforcer: { snapshot: snapshot({ a: limits({ ingestion_rate: 1e12, ingestion_burst_size: 1e12 }) }) },
  });
  const caller = client(port);
  const large = Buffer.alloc(600_000, 7);
  for (const body of [PUSH_500, large]) await check(caller, checkOf(body)).response;
  const allocate = Buffer.allocUnsafeSlow;
  const allocated: number[] = [];
  Buffer.allocUnsafeSlow = (bytes) => {
    allocated.push(bytes);
    return allocate(bytes);
  };
  t.teardown(() => {
    Buffer.allocUnsafeSlow = allocate;
  });
  for (let i = 0; i < 20; i++) {
    for (const body of [PUSH_500, large]) await check(caller, checkOf(body)).response;
  }
  t.strictSame(
    allocated.filter((bytes) => bytes <= 256 * 1024),
    [],
    'no slab is made anew',
  );
  caller.close();
});

t.test('many calls at once on one connection, each with its own answer', async (t) => {
  const { port } = await serve(t, {
    enforcer: {
      snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 500 * 20 }) }),
    },
  });
  const caller = client(port);
  const calls = Array.from(
    { length: 60 },
    (_, i) => check(caller, checkOf(PUSH_500, { 'x-scope-orgid': i % 2 === 0 ? 'a' : `b${i}` })).response,
  );
  const codes = (await Promise.all(calls)).map(({ status }) => status.code);
  t.equal(codes.filter((code, i) => i % 2 === 0 && code === 0).length, 20, 'exactly what a may send');
  t.equal(codes.filter((code, i) => i % 2 === 1 && code === 0).length, 30);
  caller.close();
});

t.test('a thousand calls at once on one connection are all answered', async (t) => {
  const unlimited = snapshot({ a: limits({ ingestion_rate: 1e12, ingestion_burst_size: 1e12 }) });
  const { session } = await serve(t, {
    door: { maxConcurrentStreams: 1024 },
    enforcer: { snapshot: unlimited },
    bytesInFlight: 256 << 20,
  });
  const bytes = framedCheck();
  const headers = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x-${i}`, `${i}`.repeat(100)]));
  const calls = Array.from({ length: 1000 }, () => new RawCall(session, headers));
  for (const { stream } of calls) stream.write(bytes.subarray(0, 5000));
  for (const { stream } of calls) stream.end(bytes.subarray(5000));
  const statuses = (await Promise.all(calls.map(({ answer }) => answer))).map(({ grpcStatus }) => grpcStatus);
  t.strictSame([...new Set(statuses)], ['0']);
});

t.test('a connection that has come of age is renewed, and no call is lost', async (t) => {
  const unlimited = snapshot({ a: limits({ ingestion_rate: 1e12, ingestion_burst_size: 1e12 }) });
  const { port, door } = await serve(t, {
    door: { maxConnectionAgeMs: 100 },
    enforcer: { snapshot: unlimited },
  });
  const caller = client(port);
  const codes: number[] = [];
  const until = Date.now() + 2500;
  const sender = async (): Promise<void> => {
    while (Date.now() < until) codes.push((await check(caller).response).status.code);
  };
  const renewed = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => {});
  const told = new Promise<number | undefined>((resolve) =>
    renewed.once('goaway', (_code, lastStream) => resolve(lastStream)),
  );
  await Promise.all([sender(), sender(), sender()]);
  t.equal(await told, 2 ** 31 - 1, 'first a notice that refuses nothing');
  t.ok(await eventually(() => renewed.destroyed), 'then it closes');
  t.strictSame([...new Set(codes)], [0], `${codes.length} calls`);
  t.ok(door.connections <= 4, 'old connections are gone');
  caller.close();
});

/** A connection on which nothing is ever said. */
async function silent(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket.resume();
}

t.test('a connection that does not begin to speak HTTP/2 is closed in time', async (t) => {
  const served = await door({ door: { headerTimeoutMs: 200, maxConnections: 4 } });
  const { port } = served;
  const sockets = [await silent(port), await silent(port), await silent(port), await silent(port)];
  // Half of what HTTP/2 begins with.
  sockets[0]?.write('PRI * HTTP/2.0\r\n');
  t.ok(await eventually(() => served.door.connections === 4), 'each counts');
  t.ok(await eventually(() => sockets.every(({ closed }) => closed)));
  t.equal(served.door.connections, 0);
  const session = rawSession(port);
  const call = new RawCall(session);
  call.stream.end(framedCheck());
  t.equal((await call.answer).grpcStatus, '0', 'and others have their places');
  const younger = await silent(port);
  t.ok(await eventually(() => younger.closed));
  t.notOk(session.destroyed, 'one that has begun may be silent for longer');
  session.destroy();
  await served.stop();
});

t.test('connections over the most are closed at once, and those that are there go on', async (t) => {
  const served = await door({ door: { maxConnections: 2 } });
  const session = rawSession(served.port);
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  const second = await silent(served.port);
  t.ok(await eventually(() => served.door.connections === 2));
  const third = await silent(served.port);
  t.ok(await eventually(() => third.closed));
  t.notOk(second.closed);
  const call = new RawCall(session);
  call.stream.end(framedCheck());
  t.equal((await call.answer).grpcStatus, '0');
  second.destroy();
  t.ok(await eventually(() => served.door.connections === 1));
  const fourth = await silent(served.port);
  t.ok(await eventually(() => served.door.connections === 2), 'one place is free');
  fourth.destroy();
  session.destroy();
  await served.stop();
});

t.test('a stop ends what would never end: streams of all kinds that are left open', async (t) => {
  const served = await door();
  const session = rawSession(served.port);
  const open = [
    new RawCall(session, { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' }),
    new RawCall(session, { ':path': '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo' }),
  ];
  for (const { stream } of open) stream.write(framed(Buffer.from([0x3a, 0])));
  const watch = new RawCall(session, { ':path': '/grpc.health.v1.Health/Watch' });
  watch.stream.end(framed(Buffer.from([0x0a, 1, 'x'.charCodeAt(0)])));
  for (const { stream } of [...open, watch]) await new Promise((resolve) => stream.once('data', resolve));
  // Answered, and not ended by the client.
  const get = session.request({ ':method': 'PUT', ':path': '/x' }, { endStream: false });
  const json = new RawCall(session, { 'content-type': 'application/json' });
  await Promise.all([get, json.stream].map((one) => new Promise((resolve) => one.once('response', resolve))));
  await Promise.all([get, json.stream].map((one) => new Promise((resolve) => one.once('close', resolve))));
  const stopped = served.stop(600_000);
  for (const { answer } of [...open, watch]) t.equal((await answer).grpcStatus, '14', 'told, not cut');
  await stopped;
  t.ok(await eventually(() => session.destroyed));
});

t.test('a stop lets calls end that are under way, and ends watches', async (t) => {
  const served = await door();
  const session = rawSession(served.port);
  const slow = new RawCall(session);
  const bytes = framedCheck();
  slow.stream.write(bytes.subarray(0, 50));
  const watch = new RawCall(session, { ':path': '/grpc.health.v1.Health/Watch' });
  watch.stream.end(framed(Buffer.alloc(0)));
  t.ok(await eventually(() => served.door.activeCalls === 2));
  const stopped = served.stop(20_000);
  t.equal((await watch.answer).grpcStatus, '14');
  slow.stream.end(bytes.subarray(50));
  t.equal((await slow.answer).grpcStatus, '0', 'answered while it stops');
  await stopped;
  t.ok(await eventually(() => session.destroyed));
  const late = connectTcp(served.port, '127.0.0.1');
  t.match(await new Promise((resolve) => late.on('error', resolve)), { code: 'ECONNREFUSED' });
});

t.test('a stop does not wait for ever', async (t) => {
  const served = await door();
  const session = rawSession(served.port);
  const stuck = new RawCall(session);
  stuck.stream.write(framedCheck().subarray(0, 50));
  t.ok(await eventually(() => served.door.activeCalls === 1));
  await served.stop(1200);
  await stuck.answer;
  t.ok(await eventually(() => served.budget.used === 0));
});
