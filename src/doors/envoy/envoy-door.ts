/** The gRPC door: one listener for ext_authz, ratelimit, health and reflection, its start and its stop. */
import type { AddressInfo } from 'node:net';
import { ByteBudget } from '../body.js';
import { WritePaths } from '../write-paths.js';
import { CheckExchange, type CheckParts } from './authz/check.js';
import { type GrpcObserver, GrpcServer, type GrpcServerOptions, type Handler } from './grpc/grpc-server.js';
import { Health } from './grpc/health.js';
import { Reflection } from './grpc/reflection.js';
import type { TlsFiles } from './grpc/tls-files.js';
import { type RateLimitParts, rateLimit } from './ratelimit/ratelimit.js';

export interface EnvoyDoorOptions extends Omit<GrpcServerOptions, 'tls'> {
  /** Undefined: plain text. */
  readonly tls: TlsFiles | undefined;
  readonly tlsPollIntervalMs: number;
}

interface EnvoyDoorParts {
  readonly check: CheckParts;
  readonly rateLimit: RateLimitParts;
  readonly isReady: () => boolean;
  readonly observer: GrpcObserver & {
    tlsRenewed(): void;
    tlsFailed(error: unknown): void;
  };
}

/** What Envoy calls: the names of the services in health checks. */
const AUTHORIZATION = 'envoy.service.auth.v3.Authorization';
const RATE_LIMIT = 'envoy.service.ratelimit.v3.RateLimitService';
const SERVICES = [AUTHORIZATION, RATE_LIMIT];
/** The memory of all calls of health and reflection: about 4,000 of them. */
const OTHER_CALLS_BYTES = 64 << 20;

export class EnvoyDoor {
  readonly #server: GrpcServer;
  readonly #health: Health;
  readonly #reflection: Reflection;
  readonly #options: EnvoyDoorOptions;
  readonly #observer: EnvoyDoorParts['observer'];

  constructor(options: EnvoyDoorOptions, parts: EnvoyDoorParts) {
    this.#options = options;
    this.#observer = parts.observer;
    // Separate, so that pushes that fill their budget do not make load balancers find the edge unhealthy.
    const others = new ByteBudget(OTHER_CALLS_BYTES);
    this.#health = new Health(SERVICES, others, parts.isReady);
    const listed = [...SERVICES, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection'];
    this.#reflection = new Reflection(listed, others);
    const writePaths = new WritePaths(parts.check.options);
    const handlers = new Map<string, Handler>([
      [`/${AUTHORIZATION}/Check`, (call) => new CheckExchange(parts.check, writePaths, call).handle()],
      [`/${RATE_LIMIT}/ShouldRateLimit`, (call) => rateLimit(parts.rateLimit, call)],
      ...this.#health.handlers,
      ...this.#reflection.handlers,
    ]);
    this.#server = new GrpcServer(
      { ...options, tls: options.tls?.context },
      handlers,
      parts.observer,
      parts.check.now,
    );
  }

  get connections(): number {
    return this.#server.connections;
  }

  get activeCalls(): number {
    return this.#server.activeCalls;
  }

  get tlsFailures(): number {
    return this.#options.tls?.failures ?? 0;
  }

  /** Resolves to the address it listens on. */
  async start(): Promise<AddressInfo> {
    const address = await this.#server.start();
    this.#options.tls?.watch(
      this.#options.tlsPollIntervalMs,
      (context) => {
        this.#server.renewTls(context);
        this.#observer.tlsRenewed();
      },
      (error) => this.#observer.tlsFailed(error),
    );
    return address;
  }

  /** Checks the certificate now rather than at the next poll. */
  async renewTls(): Promise<void> {
    await this.#options.tls?.refresh();
  }

  /** Readiness may have changed: tells the watchers. */
  readinessChanged(): void {
    this.#health.refresh();
  }

  /** Stops listening, lets calls end, and aborts the rest at the deadline. */
  async stop(timeoutMs: number): Promise<void> {
    await this.#options.tls?.close();
    await this.#server.stop(timeoutMs, () => {
      this.#health.close();
      this.#reflection.close();
    });
  }
}
