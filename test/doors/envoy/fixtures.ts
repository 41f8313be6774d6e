/** The gRPC door in this process, and what calls it: grpc-js as a client, and raw HTTP/2 for what no client sends. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import grpc from '@grpc/grpc-js';
import { ByteBudget } from '#src/doors/body.js';
import type { CheckOptions, CheckOutcome } from '#src/doors/envoy/authz/check.js';
import type { BodyState } from '#src/doors/envoy/authz/check-request.js';
import { EnvoyDoor, type EnvoyDoorOptions } from '#src/doors/envoy/envoy-door.js';
import { type Codec, PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';
import type { DescriptorOutcome } from '#src/doors/envoy/ratelimit/drawn.js';
import { OverrideBuckets } from '#src/doors/envoy/ratelimit/override-buckets.js';
import type { RateLimitOptions } from '#src/doors/envoy/ratelimit/ratelimit.js';
import { Senders } from '#src/doors/senders.js';
import type { Enforcer, EnforcerOptions } from '#src/enforce/enforcer.js';
import type { Ledger } from '#src/enforce/ledger.js';
import type { Refusal } from '#src/enforce/refusal.js';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import type { Decoder } from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { enforcer as givenEnforcer } from '../../enforce/fixtures.js';
import { PUSH_500 } from '../http/fixtures.js';

export interface GivenDoor {
  readonly door: EnvoyDoor;
  readonly port: number;
  readonly enforcer: Enforcer;
  readonly budget: ByteBudget;
  readonly senders: Senders;
  readonly outcomes: CheckOutcome[];
  readonly bodies: BodyState[];
  readonly descriptors: DescriptorOutcome[];
  readonly errors: number[];
  readonly bugs: unknown[];
  readonly refusals: { tenant: string | undefined; refusal: Refusal; shadow: boolean }[];
  /** Pushes whose time in the edge itself was told. */
  ownParts: number;
  /** Readiness, as the process would have it. */
  ready: boolean;
  stop(timeoutMs?: number): Promise<void>;
}

export interface GivenDoorOptions {
  enforcer?: Partial<EnforcerOptions>;
  check?: Partial<CheckOptions>;
  rateLimit?: Partial<RateLimitOptions>;
  door?: Partial<EnvoyDoorOptions>;
  overrides?: number;
  ledger?: Ledger;
  decoder?: Decoder;
  bytesInFlight?: number;
}

export async function door(options: GivenDoorOptions = {}): Promise<GivenDoor> {
  const ledger = options.ledger ?? new MemoryLedger();
  const enforcer = givenEnforcer({ ledger, now: () => performance.now(), ...options.enforcer });
  const decoder =
    options.decoder ?? new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 0, maxRetainedBytes: 64 << 20 });
  const budget = new ByteBudget(options.bytesInFlight ?? 64 << 20);
  const now = () => performance.now();
  const senders = new Senders(now);
  const given = {
    outcomes: [],
    bodies: [],
    descriptors: [],
    errors: [],
    bugs: [],
    refusals: [],
    ready: true,
    ownParts: 0,
  } as Pick<
    GivenDoor,
    'outcomes' | 'bodies' | 'descriptors' | 'errors' | 'bugs' | 'refusals' | 'ready' | 'ownParts'
  >;
  const refused = (tenant: { id: string } | undefined, refusal: Refusal, _id: string, shadow: boolean) => {
    given.refusals.push({ tenant: tenant?.id, refusal, shadow });
  };
  const envoy = new EnvoyDoor(
    {
      host: '127.0.0.1',
      port: 0,
      maxConnections: 100,
      maxConcurrentStreams: 100,
      maxConnectionAgeMs: 60_000,
      headerTimeoutMs: 20_000,
      bodyTimeoutMs: 20_000,
      tls: undefined,
      tlsPollIntervalMs: 20,
      ...options.door,
    },
    {
      check: {
        enforcer,
        decoder,
        budget,
        senders,
        now,
        observer: {
          decoded() {},
          decided() {},
          ownPartDone: () => given.ownParts++,
          body: (state) => given.bodies.push(state),
          checked: (outcome) => given.outcomes.push(outcome),
          refused,
        },
        options: {
          tenantHeader: 'x-scope-orgid',
          pushPaths: ['/api/v1/push'],
          unjudgedWrites: 'refuse',
          otlp: false,
          influx: false,
          maxBodyBytes: 1 << 20,
          maxUncompressedBytes: 8 << 20,
          maxSeries: 100_000,
          haTracker: true,
          charge: true,
          onFilter: 'refuse',
          onBody: { partial: 'refuse', missing: 'refuse', text: 'refuse' },
          retryAfter: { enabled: true, minSeconds: 6, maxSeconds: 96, random: () => 0.5 },
          ...options.check,
        },
      },
      rateLimit: {
        enforcer,
        overrides:
          options.overrides === undefined ? undefined : new OverrideBuckets(ledger, options.overrides),
        budget,
        now,
        observer: {
          rateLimited() {},
          descriptor: (outcome) => given.descriptors.push(outcome),
          refused,
        },
        options: {
          domains: new Set(['mimir-edge']),
          tenantKey: 'tenant',
          bucketKey: 'bucket',
          unknown: 'allow',
          headers: true,
          retryAfter: { enabled: true, minSeconds: 6, maxSeconds: 96, random: () => 0.5 },
          ...options.rateLimit,
        },
      },
      isReady: () => given.ready,
      observer: {
        failed: (code) => given.errors.push(code),
        bug: (error) => given.bugs.push(error),
        tlsRenewed() {},
        tlsFailed() {},
      },
    },
  );
  const { port } = await envoy.start();
  const stop = async (timeoutMs = 0): Promise<void> => {
    await envoy.stop(timeoutMs);
    await decoder.close();
  };
  return Object.assign(given, { door: envoy, port, enforcer, budget, senders, stop });
}

export function client(port: number, credentials = grpc.credentials.createInsecure()): grpc.Client {
  return new grpc.Client(`127.0.0.1:${port}`, credentials, { 'grpc.max_receive_message_length': -1 });
}

export interface Unary<T> {
  readonly response: Promise<T>;
  cancel(): void;
}

/** Calls with grpc-js; the messages are made and read by protobufjs. */
export function unary<Req, Res>(
  from: grpc.Client,
  path: string,
  request: Codec<Req> | string,
  response: Codec<Res> | string,
  message: Req,
  options: grpc.CallOptions = {},
): Unary<Res> {
  let cancel = (): void => {};
  const answered = new Promise<Res>((resolve, reject) => {
    const call = from.makeUnaryRequest(
      path,
      (one: Req) => Buffer.from(encode(request, one)),
      (bytes: Buffer) => decode<Res>(response, bytes),
      message,
      new grpc.Metadata(),
      options,
      (error, value) => (error === null && value !== undefined ? resolve(value) : reject(error)),
    );
    cancel = () => call.cancel();
  });
  answered.catch(() => {});
  return { response: answered, cancel: () => cancel() };
}

function encode<T>(codec: Codec<T> | string, message: T): Uint8Array {
  if (typeof codec !== 'string') return codec.encode(message);
  return PROTO_ROOT.lookupType(codec)
    .encode(message as object)
    .finish();
}

function decode<T>(codec: Codec<T> | string, bytes: Buffer): T {
  if (typeof codec !== 'string') return codec.decode(bytes)!;
  return PROTO_ROOT.lookupType(codec).decode(bytes) as T;
}

export interface Checked {
  readonly status: { code: number; message?: string };
  readonly deniedResponse?: {
    status: { code: number };
    headers: { header: { key: string; value: string }; append: { value: boolean } }[];
    body: string;
  };
  readonly okResponse?: { headers: { header: { key: string; value: string } }[]; headersToRemove: string[] };
  readonly dynamicMetadata: { fields: Record<string, { stringValue: string }> };
}

const PUSH_HEADERS = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-scope-orgid': 'a',
};

export function checkHeaders(more: Record<string, string> = {}): Record<string, string> {
  return { ...PUSH_HEADERS, ...more };
}

/** A CheckRequest for a push as Envoy describes it. */
export function checkOf(
  body: Uint8Array = PUSH_500,
  headers: Record<string, string> = {},
  http: Record<string, unknown> = {},
  /** Whose connection Envoy has; undefined: the message does not say. */
  address?: string,
): object {
  const all = { ...PUSH_HEADERS, 'content-length': String(body.length), ...headers };
  const source = address === undefined ? undefined : { address: { socketAddress: { address } } };
  return {
    attributes: {
      source,
      request: { http: { method: 'POST', path: '/api/v1/push', rawBody: body, headers: all, ...http } },
    },
  };
}

export const CHECK = '/envoy.service.auth.v3.Authorization/Check';
export const SHOULD_RATE_LIMIT = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

export function check(
  from: grpc.Client,
  request = checkOf(),
  options: grpc.CallOptions = {},
): Unary<Checked> {
  return unary<object, Checked>(
    from,
    CHECK,
    'envoy.service.auth.v3.CheckRequest',
    'envoy.service.auth.v3.CheckResponse',
    request,
    options,
  );
}

/** The header of a denial, or undefined. */
export function denialHeader(checked: Checked, name: string): string | undefined {
  return checked.deniedResponse?.headers.find(({ header }) => header.key === name)?.header.value;
}

export interface RawAnswer {
  readonly httpStatus: number;
  /** From the trailers, or from the headers where there are none. */
  readonly grpcStatus: string | undefined;
  readonly bytes: Buffer;
}

/** A call of which each byte is given. */
export class RawCall {
  readonly stream: ClientHttp2Stream;
  readonly answer: Promise<RawAnswer>;

  constructor(session: ClientHttp2Session, headers: Record<string, string> = {}) {
    this.stream = session.request(
      { ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc', te: 'trailers', ...headers },
      { endStream: false },
    );
    this.answer = new Promise((resolve) => {
      let httpStatus = 0;
      let grpcStatus: string | undefined;
      const chunks: Buffer[] = [];
      const note = (all: Record<string, unknown>): void => {
        grpcStatus = (all['grpc-status'] as string | undefined) ?? grpcStatus;
      };
      this.stream.on('response', (all) => {
        httpStatus = Number(all[':status']);
        note(all);
      });
      this.stream.on('trailers', note).on('error', () => {});
      this.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      this.stream.on('close', () => resolve({ httpStatus, grpcStatus, bytes: Buffer.concat(chunks) }));
    });
  }
}

export function rawSession(port: number): ClientHttp2Session {
  return connect(`http://127.0.0.1:${port}`).on('error', () => {});
}

export function framed(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

export function framedCheck(request = checkOf()): Buffer {
  return framed(encode('envoy.service.auth.v3.CheckRequest', request));
}
