/** Two replicas that send more than one shared bucket allows, while something happens to the store. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { charge, eventually } from '../shared/contract.js';
import { type RedisSettings, redisClient, type TestClient } from '../shared/fixtures.js';

export const SHAPE = { rate: 2000, capacity: 2000 };
const PUSH = 10;
/** The default; what a push may wait in all is two of them. */
const COMMAND_TIMEOUT_MS = 50;
/** Not a measurement: far above two timeouts on the slowest machine, far below any fault's length. */
const DEADLINE_HONOURED_MS = 1500;

const now = (): number => performance.now();

export class SharedLoad {
  readonly replicas: readonly TestClient[];
  admitted = 0;
  refused = 0;
  longestWaitMs = 0;
  mostInFlight = 0;
  readonly #startMs = now();
  #stopped = false;
  readonly #running: Promise<void>[];

  private constructor(replicas: readonly TestClient[], tenants: readonly string[]) {
    this.replicas = replicas;
    this.#running = replicas.flatMap((replica) => tenants.map((tenant) => this.#send(replica, tenant)));
  }

  static async start(
    t: Test,
    url: string | readonly string[],
    settings: Partial<RedisSettings> = {},
    tenants: readonly string[] = ['tenant'],
  ): Promise<SharedLoad> {
    const replicas: TestClient[] = [];
    for (let i = 0; i < 2; i++) {
      replicas.push(await redisClient(t, url, { commandTimeoutMs: COMMAND_TIMEOUT_MS, ...settings }));
    }
    await eventually(() => replicas.every(({ client }) => client.status().replicas === replicas.length));
    const load = new SharedLoad(replicas, tenants);
    t.teardown(() => load.stop());
    return load;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async state(state: 'up' | 'degraded'): Promise<boolean> {
    return eventually(() => this.replicas.every(({ client }) => client.status().state === state));
  }

  /** All parts are up, and every bucket is back from its local share. */
  async recovered(): Promise<boolean> {
    return eventually(() =>
      this.replicas.every(({ client }) => {
        const { state, bucketsAlone } = client.status();
        return state === 'up' && bucketsAlone === 0;
      }),
    );
  }

  /** Pushes go on being admitted. */
  async flows(): Promise<boolean> {
    const before = this.admitted;
    return eventually(() => this.admitted > before + 100 * PUSH);
  }

  /** `losses`: how often data was lost, or tokens were made by a step of the clock. */
  check(t: Test, losses = 0): void {
    const seconds = (now() - this.#startMs) / 1000;
    const earned = SHAPE.rate * seconds + SHAPE.capacity * (1 + losses);
    t.ok(this.admitted <= 2 * earned, `${this.admitted} tokens, of ${Math.round(earned)} and the shares`);
    t.ok(this.longestWaitMs < DEADLINE_HONOURED_MS, `no push waited for the store: ${this.longestWaitMs} ms`);
    t.ok(this.mostInFlight <= 8, 'calls in flight do not pile up');
  }

  /** Each change of state is logged once. */
  checkLog(t: Test, changes: number): void {
    for (const { lines } of this.replicas) {
      const levels = lines.map(({ level }) => level);
      t.strictSame(
        levels,
        Array.from({ length: changes }, (_, i) => (i % 2 === 0 ? 'warn' : 'info')),
      );
    }
  }

  async #send({ client }: TestClient, tenant: string): Promise<void> {
    const bucket = client.bucket(tenant, 'items', SHAPE, now());
    while (!this.#stopped) {
      const startMs = now();
      const pushes = Array.from({ length: 10 }, () => charge(bucket, PUSH));
      this.mostInFlight = Math.max(this.mostInFlight, client.status().callsInFlight);
      for (const { granted } of await Promise.all(pushes)) {
        if (granted) this.admitted += PUSH;
        else this.refused++;
      }
      this.longestWaitMs = Math.max(this.longestWaitMs, now() - startMs);
      await delay(10);
    }
  }
}
