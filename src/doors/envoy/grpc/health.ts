/** grpc.health.v1, which load balancers ask. Reports readiness, for the server as a whole and for each service. */
import type { ByteBudget } from '../../body.js';
import { GRPC, type GrpcCall } from './grpc-call.js';
import type { Handler } from './grpc-server.js';
import {
  type HealthCheckResponse,
  healthCheckRequest,
  healthCheckResponse,
  healthListResponse,
  NOT_SERVING,
  SERVICE_UNKNOWN,
  SERVING,
} from './messages.js';

const MAX_REQUEST_BYTES = 1024;
const LOOK_MS = 250;

export class Health {
  readonly handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    ['/grpc.health.v1.Health/Check', (call) => this.#check(call)],
    ['/grpc.health.v1.Health/List', (call) => this.#list(call)],
    ['/grpc.health.v1.Health/Watch', (call) => this.#watch(call)],
  ]);
  /** The empty name stands for the server. */
  readonly #services: readonly string[];
  readonly #budget: ByteBudget;
  readonly #isReady: () => boolean;
  readonly #watchers = new Set<GrpcCall>();
  /** Watches of unknown services. */
  readonly #waiting = new Set<GrpcCall>();
  #said: boolean;
  /** While there are watches. */
  #timer: NodeJS.Timeout | undefined;

  constructor(services: readonly string[], budget: ByteBudget, isReady: () => boolean) {
    this.#budget = budget;
    this.#services = ['', ...services];
    this.#isReady = isReady;
    this.#said = isReady();
  }

  /** Tells watchers when readiness has changed. Also polls it. */
  refresh(): void {
    const ready = this.#isReady();
    if (ready === this.#said) return;
    this.#said = ready;
    for (const call of this.#watchers) call.write(encode(statusOf(ready)));
  }

  /** Ends all watches. */
  close(): void {
    for (const call of [...this.#watchers, ...this.#waiting]) {
      call.fail(GRPC.UNAVAILABLE, 'the server stops');
    }
  }

  async #check(call: GrpcCall): Promise<void> {
    const service = await this.#readService(call);
    if (service === undefined) return;
    if (this.#services.includes(service)) call.reply(encode(statusOf(this.#isReady())));
    else call.fail(GRPC.NOT_FOUND, 'there is no such service');
  }

  async #list(call: GrpcCall): Promise<void> {
    if ((await this.#readService(call)) === undefined) return;
    const status = statusOf(this.#isReady());
    const statuses = Object.fromEntries(this.#services.map((service) => [service, { status }]));
    call.reply(healthListResponse.encode({ statuses }));
  }

  async #watch(call: GrpcCall): Promise<void> {
    const service = await this.#readService(call);
    if (service === undefined) return;
    // An unknown service may appear later, so by the protocol the watch continues.
    const known = this.#services.includes(service);
    this.refresh();
    call.write(encode(known ? statusOf(this.#said) : SERVICE_UNKNOWN));
    const these = known ? this.#watchers : this.#waiting;
    these.add(call);
    if (known) this.#timer ??= setInterval(() => this.refresh(), LOOK_MS);
    await new Promise<void>((resolve) => call.onClose(() => resolve()));
    these.delete(call);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #readService(call: GrpcCall): Promise<string | undefined> {
    const message = await call.read(MAX_REQUEST_BYTES, this.#budget);
    if (typeof message === 'string') {
      call.failRead(message);
      return undefined;
    }
    const request = healthCheckRequest.decode(message);
    if (request === undefined) call.fail(GRPC.INVALID_ARGUMENT, 'expected a HealthCheckRequest');
    return request?.service;
  }
}

function statusOf(ready: boolean): HealthCheckResponse['status'] {
  return ready ? SERVING : NOT_SERVING;
}

function encode(status: HealthCheckResponse['status']): Uint8Array {
  return healthCheckResponse.encode({ status });
}
