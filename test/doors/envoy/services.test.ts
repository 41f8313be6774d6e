/** What a tool such as grpcurl sees: services by reflection, and their health. */
import { createServer } from 'node:http2';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import t, { type Test } from 'tap';
import { listen } from '#src/base/listen.js';
import { ByteBudget } from '#src/doors/body.js';
import { GrpcCall } from '#src/doors/envoy/grpc/grpc-call.js';
import { Reflection } from '#src/doors/envoy/grpc/reflection.js';
import { eventually } from '../http/fixtures.js';
import { checkOf, client, door, framed, type GivenDoor, RawCall, rawSession } from './fixtures.js';

async function serve(t: Test): Promise<GivenDoor & { caller: grpc.Client }> {
  const served = await door();
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  return Object.assign(served, { caller });
}

/** Asks the reflection service, and knows nothing beside its own messages. */
function reflect(caller: grpc.Client, version: string, requests: readonly object[]): Promise<Reflected[]> {
  const root = protobuf.loadSync(
    new URL('../../../../proto/grpc-reflection.proto', import.meta.url).pathname,
  );
  const request = root.lookupType('grpc.reflection.v1.ServerReflectionRequest');
  const response = root.lookupType('grpc.reflection.v1.ServerReflectionResponse');
  return new Promise((resolve, reject) => {
    const answers: Reflected[] = [];
    const stream = caller.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (one: object) => Buffer.from(request.encode(one).finish()),
      (bytes: Buffer) => response.decode(bytes) as unknown as Reflected,
    );
    stream.on('data', (one: Reflected) => answers.push(one));
    stream.on('end', () => resolve(answers)).on('error', reject);
    for (const one of requests) stream.write(one);
    stream.end();
  });
}

interface Reflected {
  readonly listServicesResponse?: { service: { name: string }[] };
  readonly fileDescriptorResponse?: { fileDescriptorProto: Uint8Array[] };
  readonly errorResponse?: { errorCode: number };
}

for (const version of ['v1', 'v1alpha']) {
  t.test(`a client that has no .proto files can call every service, by reflection ${version}`, async (t) => {
    const { caller } = await serve(t);
    const [listed] = await reflect(caller, version, [{ listServices: '' }]);
    const names = listed?.listServicesResponse?.service.map(({ name }) => name) ?? [];
    t.strictSame(names, [
      'envoy.service.auth.v3.Authorization',
      'envoy.service.ratelimit.v3.RateLimitService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
    ]);
    const described = await reflect(
      caller,
      version,
      names.map((fileContainingSymbol) => ({ fileContainingSymbol })),
    );
    const files = new Map<string, protobuf.Message>();
    for (const { fileDescriptorResponse } of described) {
      for (const bytes of fileDescriptorResponse?.fileDescriptorProto ?? []) {
        const file = descriptor.FileDescriptorProto.decode(bytes);
        files.set((file as unknown as { name: string }).name, file);
      }
    }
    const root = protobuf.Root.fromDescriptor({ file: [...files.values()] } as never);
    root.resolveAll();
    const { requestType, responseType } = root.lookupService('envoy.service.auth.v3.Authorization').methods[
      'Check'
    ]!;
    t.strictSame(
      [requestType, responseType].map((type) => type.split('.').at(-1)),
      ['CheckRequest', 'CheckResponse'],
    );
    const answer = await new Promise<{ status: { code: number } }>((resolve, reject) =>
      caller.makeUnaryRequest(
        '/envoy.service.auth.v3.Authorization/Check',
        (one: object) => Buffer.from(root.lookupType(requestType).encode(one).finish()),
        (bytes: Buffer) =>
          root.lookupType(responseType).decode(bytes) as unknown as { status: { code: number } },
        checkOf(),
        (error, value) => (error === null ? resolve(value!) : reject(error)),
      ),
    );
    t.equal(answer.status.code, 0);
  });
}

t.test('reflection knows files, nested names and methods, and says what it does not know', async (t) => {
  const { caller } = await serve(t);
  const answers = await reflect(caller, 'v1', [
    { fileByFilename: 'google/protobuf/struct.proto' },
    { fileContainingSymbol: 'envoy.service.auth.v3.AttributeContext.HttpRequest' },
    { fileContainingSymbol: 'envoy.service.auth.v3.Authorization.Check' },
    { fileByFilename: 'nothing.proto' },
    { fileContainingSymbol: 'nothing' },
    { allExtensionNumbersOfType: 'x' },
    {},
  ]);
  t.strictSame(
    answers.map(({ fileDescriptorResponse, errorResponse }) => [
      (fileDescriptorResponse?.fileDescriptorProto.length ?? 0) > 0,
      errorResponse?.errorCode,
    ]),
    [...Array(3).fill([true, undefined]), ...Array(4).fill([false, 5])],
  );
});

const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
/** Field 4: the file with the most in it. */
const question = framed(
  Buffer.concat([Buffer.from([0x22, 35]), Buffer.from('envoy.service.auth.v3.Authorization')]),
);

t.test('a stream whose answers are not read is asked no more than a little', async (t) => {
  let written = 0;
  const budget = new ByteBudget(1 << 20);
  const handler = new Reflection(['a'], budget).handlers.get(REFLECTION)!;
  const server = createServer().on('stream', (stream, headers) => {
    const write = stream.write.bind(stream);
    stream.write = ((bytes: Buffer) => {
      written += bytes.length;
      return write(bytes);
    }) as typeof stream.write;
    const call = new GrpcCall(stream, headers, 200, () => performance.now());
    void Promise.resolve(handler(call)).finally(() => call.release());
  });
  const { port } = await listen(server, 0, '127.0.0.1', 'test');
  const session = rawSession(port);
  const { stream, answer } = new RawCall(session, { ':path': REFLECTION });
  stream.pause();
  for (let i = 0; i < 900; i++) stream.write(question);
  t.ok(await eventually(() => written > 0));
  t.ok(await eventually(() => budget.used === 0), 'it is ended in time');
  t.ok(written < 200_000, `${written} bytes, of 2.5 MB`);
  stream.resume();
  await answer;
  session.destroy();
  server.close();
});

t.test('a stream may ask a thousand questions', async (t) => {
  const { caller } = await serve(t);
  const questions = Array.from({ length: 1000 }, () => ({ fileByFilename: 'nothing.proto' }));
  t.equal((await reflect(caller, 'v1', questions)).length, 1000);
  await t.rejects(reflect(caller, 'v1', [...questions, { listServices: '' }]), {
    code: grpc.status.RESOURCE_EXHAUSTED,
  });
});

t.test('what is wrong with a question is said, before anything was answered and after', async (t) => {
  const { port } = await serve(t);
  const session = rawSession(port);
  const listServices = framed(Buffer.from([0x3a, 0]));
  for (const [name, wrong, status] of [
    ['too large', framed(Buffer.alloc(5000)), '8'],
    ['compressed', framed(Buffer.from([0x3a, 0]), 1), '12'],
    ['no question', framed(Buffer.from([0xff, 0xff])), '3'],
  ] as const) {
    for (const before of [0, 1, 3]) {
      for (const ends of [true, false]) {
        const { stream, answer } = new RawCall(session, { ':path': REFLECTION });
        stream.write(
          Buffer.concat([...Array<Buffer>(before).fill(listServices), wrong, Buffer.alloc(70_000)]),
        );
        if (ends) stream.end();
        t.match(
          await answer,
          { httpStatus: 200, grpcStatus: status },
          `${name}, after ${before}, ends: ${ends}`,
        );
      }
    }
  }
  session.destroy();
});

const HEALTH = '/grpc.health.v1.Health';
const SERVICES = ['', 'envoy.service.auth.v3.Authorization', 'envoy.service.ratelimit.v3.RateLimitService'];
/** Field 1, a string. */
const named = (service: string) => Buffer.from([0x0a, service.length, ...Buffer.from(service)]);
/** Field 1, an enum; an empty message is 0. */
const status = (bytes: Buffer) => bytes[1] ?? 0;

function askHealth(caller: grpc.Client, service: string): Promise<number> {
  return new Promise((resolve, reject) =>
    caller.makeUnaryRequest(`${HEALTH}/Check`, named, status, service, (error, value) =>
      error === null ? resolve(value!) : reject(error),
    ),
  );
}

t.test('health is true to readiness, for each service', async (t) => {
  const served = await serve(t);
  for (const service of SERVICES) t.equal(await askHealth(served.caller, service), 1, service);
  served.ready = false;
  for (const service of SERVICES) t.equal(await askHealth(served.caller, service), 2, service);
  await t.rejects(askHealth(served.caller, 'nothing'), { code: grpc.status.NOT_FOUND });
});

t.test('who watches is told at once, and knows of services that are not there', async (t) => {
  const served = await serve(t);
  const seen = new Map<string, number[]>();
  const calls = [...SERVICES, 'nothing'].map((service) => {
    const statuses: number[] = [];
    seen.set(service, statuses);
    const call = served.caller.makeServerStreamRequest(`${HEALTH}/Watch`, named, status, service);
    return call.on('data', (one: number) => statuses.push(one)).on('error', () => {});
  });
  t.ok(await eventually(() => [...seen.values()].every(({ length }) => length === 1)));
  served.ready = false;
  served.door.readinessChanged();
  t.ok(
    await eventually(() => SERVICES.every((service) => seen.get(service)?.length === 2)),
    'told of the drain',
  );
  served.ready = true;
  t.ok(
    await eventually(() => SERVICES.every((service) => seen.get(service)?.length === 3)),
    'by itself, too',
  );
  for (const service of SERVICES) t.strictSame(seen.get(service), [1, 2, 1]);
  t.strictSame(seen.get('nothing'), [3]);
  for (const call of calls) call.cancel();
  t.ok(await eventually(() => served.door.activeCalls === 0));
});
