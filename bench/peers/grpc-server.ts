/**
 * One of the gRPC servers that a bench compares, as a process of its own: `edge` is the product's, `grpc-js` the
 * library's as it comes and with its windows opened by force, `bare` the least that node:http2 needs. Each answers
 * three bytes to any message; `window` counts it in Redis first, in a fixed window, as envoyproxy/ratelimit does.
 */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import grpc from '@grpc/grpc-js';
import { Redis } from 'ioredis';
import { ByteBudget } from '#src/doors/body.js';
import { GRPC, type GrpcCall } from '#src/doors/envoy/grpc/grpc-call.js';
import { GrpcServer } from '#src/doors/envoy/grpc/grpc-server.js';
import { rateLimitRequest, rateLimitResponse } from '#src/doors/envoy/grpc/messages.js';

export type ServerKind = 'edge' | 'grpc-js' | 'grpc-js, windows forced' | 'bare' | 'window';

const ANSWER = Buffer.from('abc');
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;
const budget = new ByteBudget(512 << 20);
const [kind = 'edge', redisPort = '0'] = process.argv.slice(2);

const SERVERS: Record<ServerKind, () => Promise<number>> = {
  edge: () => serveEdge(answer),
  'grpc-js': () => serveGrpcJs(false),
  'grpc-js, windows forced': () => serveGrpcJs(true),
  bare: serveBare,
  window: () => serveEdge(fixedWindow(new Redis({ host: '127.0.0.1', port: Number(redisPort) }))),
};

const port = await SERVERS[kind as ServerKind]();
process.send?.(port);
process.on('disconnect', () => process.exit());

async function serveEdge(handler: (call: GrpcCall) => Promise<void>): Promise<number> {
  const path =
    kind === 'window' ? '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit' : '/bench/Call';
  const server = new GrpcServer(
    {
      host: '127.0.0.1',
      port: 0,
      maxConnections: 100,
      maxConcurrentStreams: 1024,
      maxConnectionAgeMs: 3_600_000,
      headerTimeoutMs: 10_000,
      bodyTimeoutMs: 30_000,
      tls: undefined,
    },
    new Map([[path, handler]]),
    { failed() {}, bug: (error) => console.error(error) },
    () => performance.now(),
  );
  return (await server.start()).port;
}

async function answer(call: GrpcCall): Promise<void> {
  const message = await call.read(16 << 20, budget);
  if (typeof message === 'string') call.failRead(message);
  else call.reply(ANSWER);
}

function fixedWindow(redis: Redis): (call: GrpcCall) => Promise<void> {
  return async (call) => {
    const message = await call.read(1 << 16, budget);
    const request = typeof message === 'string' ? undefined : rateLimitRequest.decode(message);
    if (request === undefined) return call.fail(GRPC.INTERNAL, 'no request');
    const pipeline = redis.pipeline();
    const window = Math.floor(Date.now() / 1000);
    for (const { entries } of request.descriptors) {
      const key = `bench_${entries.map((entry) => entry.value).join('_')}_${window}`;
      pipeline.incrby(key, request.hitsAddend || 1).expire(key, 1);
    }
    await pipeline.exec();
    const statuses = request.descriptors.map(() => ({ code: 1 }) as const);
    call.reply(rateLimitResponse.encode({ overallCode: 1, statuses }));
  };
}

function serveGrpcJs(forced: boolean): Promise<number> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: '/bench/Call',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } as const;
  server.addService(
    { Call: method },
    { Call: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, ANSWER) },
  );
  // By private fields: there is no option for it.
  const inner = server as unknown as {
    commonServerOptions: { settings?: object };
    createHttp2Server: (...args: unknown[]) => ReturnType<typeof createServer>;
  };
  if (forced) {
    inner.commonServerOptions.settings = {
      ...inner.commonServerOptions.settings,
      initialWindowSize: STREAM_WINDOW,
    };
    const create = inner.createHttp2Server.bind(server);
    inner.createHttp2Server = (...args) =>
      create(...args).on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
  }
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
}

function serveBare(): Promise<number> {
  const server = createServer({ settings: { initialWindowSize: STREAM_WINDOW } });
  server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      Buffer.concat(chunks);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, ANSWER.length]), ANSWER]));
    });
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
}
