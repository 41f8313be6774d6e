/** The gRPC messages, loaded from proto/. Fields have their TypeScript names: raw_body is rawBody. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const FILES = ['envoy-auth', 'envoy-ratelimit', 'grpc-health', 'grpc-reflection'];

export const PROTO_ROOT = protobuf.loadSync(
  FILES.map((name) => fileURLToPath(new URL(`../../../proto/${name}.proto`, import.meta.url))),
);
PROTO_ROOT.resolveAll();

export interface Codec<T> {
  /** Undefined: the bytes are not such a message. */
  decode(bytes: Uint8Array): T | undefined;
  encode(message: T): Uint8Array;
}

export interface HeaderValue {
  readonly key: string;
  readonly value: string;
}

export interface HeaderValueOption {
  readonly header: HeaderValue;
  readonly append: { readonly value: boolean };
}

export interface CheckResponse {
  readonly status: { readonly code: number; readonly message?: string };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderValueOption[];
    readonly body: string;
  };
  readonly okResponse?: {
    readonly headers: readonly HeaderValueOption[];
    readonly headersToRemove: readonly string[];
  };
  readonly dynamicMetadata?: { readonly fields: Readonly<Record<string, { readonly stringValue: string }>> };
}

export interface RateLimitRequest {
  readonly domain: string;
  readonly descriptors: readonly RateLimitDescriptor[];
  readonly hitsAddend: number;
}

export interface RateLimitDescriptor {
  readonly entries: readonly { readonly key: string; readonly value: string }[];
  readonly limit?: { readonly requestsPerUnit: number; readonly unit: number } | null;
  /** A Long if a number can not hold it. */
  readonly hitsAddend?: { readonly value: number | { toNumber(): number } } | null;
}

export const CODE_OK = 1;
export const CODE_OVER_LIMIT = 2;

export interface DescriptorStatus {
  readonly code: typeof CODE_OK | typeof CODE_OVER_LIMIT;
  readonly currentLimit?: { readonly requestsPerUnit: number; readonly unit: number; readonly name: string };
  readonly limitRemaining?: number;
  readonly durationUntilReset?: { readonly seconds: number; readonly nanos?: number };
}

export interface RateLimitResponse {
  readonly overallCode: typeof CODE_OK | typeof CODE_OVER_LIMIT;
  readonly statuses: readonly DescriptorStatus[];
  readonly responseHeadersToAdd?: readonly HeaderValue[];
  readonly rawBody?: Uint8Array;
}

export interface HealthCheckRequest {
  readonly service: string;
}

export const SERVING = 1;
export const NOT_SERVING = 2;
export const SERVICE_UNKNOWN = 3;

export interface HealthCheckResponse {
  readonly status: typeof SERVING | typeof NOT_SERVING | typeof SERVICE_UNKNOWN;
}

interface HealthListResponse {
  readonly statuses: Readonly<Record<string, HealthCheckResponse>>;
}

export interface ReflectionRequest {
  readonly host: string;
  /** Which of the fields below is set. */
  readonly messageRequest?: string;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly allExtensionNumbersOfType?: string;
}

export interface ReflectionResponse {
  readonly validHost: string;
  readonly originalRequest: ReflectionRequest;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

export const checkResponse = codec<CheckResponse>('envoy.service.auth.v3.CheckResponse');
export const rateLimitRequest = codec<RateLimitRequest>('envoy.service.ratelimit.v3.RateLimitRequest');
export const rateLimitResponse = codec<RateLimitResponse>('envoy.service.ratelimit.v3.RateLimitResponse');
export const healthCheckRequest = codec<HealthCheckRequest>('grpc.health.v1.HealthCheckRequest');
export const healthCheckResponse = codec<HealthCheckResponse>('grpc.health.v1.HealthCheckResponse');
export const healthListResponse = codec<HealthListResponse>('grpc.health.v1.HealthListResponse');
export const reflectionRequest = codec<ReflectionRequest>('grpc.reflection.v1.ServerReflectionRequest');
export const reflectionResponse = codec<ReflectionResponse>('grpc.reflection.v1.ServerReflectionResponse');

function codec<T>(name: string): Codec<T> {
  const type = PROTO_ROOT.lookupType(name);
  return {
    decode(bytes) {
      try {
        return type.decode(new LenientReader(bytes)) as unknown as T;
      } catch {
        return undefined;
      }
    },
    encode: (message) => type.encode(message as Record<string, unknown>).finish(),
  };
}

/**
 * Accepts texts that are not UTF-8, with a replacement character: Envoy forwards headers as sent, and a call that is not
 * decoded ends in an error, on which Envoy may let the request pass.
 */
class LenientReader extends protobuf.BufferReader {
  override stringVerify(): string {
    return this.string();
  }
}
