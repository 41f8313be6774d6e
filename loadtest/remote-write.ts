/**
 * Senders as Prometheus' remote write: what is due waits in a queue, shards send from it one push after the other, and one that is
 * not taken (5xx, 429, no answer) is sent again after 30 ms, then twice as long each time up to 5 s, or after Retry-After.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { readRetryAfterMs } from '#src/base/retry-after.js';
import { pushHeaders } from '#src/loadtest/sender.js';

export interface RemoteWriteOptions {
  readonly target: string;
  readonly tenants: readonly string[];
  /** Of each tenant, a second. */
  readonly pushesPerSecond: number;
  /** Of each tenant. */
  readonly shards: number;
  readonly bodyOf: (push: number) => Buffer;
}

export interface SentPush {
  readonly number: number;
  readonly dueMs: number;
  /** Times that it was sent. */
  attempts: number;
  /** Undefined: not yet. */
  acceptedMs: number | undefined;
}

/** What waits for a shard, and shards that wait for something. */
class Queue {
  readonly #pushes: SentPush[] = [];
  readonly #idle: ((push: SentPush | undefined) => void)[] = [];
  #closed = false;

  add(push: SentPush): void {
    const shard = this.#idle.shift();
    if (shard === undefined) this.#pushes.push(push);
    else shard(push);
  }

  /** Undefined: there are no more. */
  next(): Promise<SentPush | undefined> {
    const push = this.#pushes.shift();
    if (push !== undefined || this.#closed) return Promise.resolve(this.#closed ? undefined : push);
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    this.#closed = true;
    for (const shard of this.#idle) shard(undefined);
  }
}

const FIRST_BACKOFF_MS = 30;
const LAST_BACKOFF_MS = 5000;

export class RemoteWrite {
  readonly pushes: SentPush[] = [];
  /** How attempts ended, by status; 0: no answer. */
  readonly answers: Record<number, number> = {};
  accepted = 0;
  readonly #options: RemoteWriteOptions;
  readonly #pool: Pool;
  readonly #queues: Queue[];
  readonly #headers: Record<string, string>;
  #sending = true;
  #closed = false;
  readonly #producers: Promise<unknown>;
  readonly #shards: Promise<unknown>;

  constructor(options: RemoteWriteOptions) {
    this.#options = options;
    const { target, tenants, shards } = options;
    this.#pool = new Pool(target, { connections: tenants.length * shards, pipelining: 1 });
    this.#headers = pushHeaders({ version: 1, gzip: false, headers: [] });
    this.#queues = tenants.map(() => new Queue());
    this.#producers = Promise.all(tenants.map((_, index) => this.#produce(index)));
    this.#shards = Promise.all(
      tenants.flatMap((tenant, index) =>
        Array.from({ length: shards }, () => this.#shard(tenant, this.#queues[index] as Queue)),
      ),
    );
  }

  /** Pushes that are due and not accepted. */
  get backlog(): number {
    return this.pushes.length - this.accepted;
  }

  /** Nothing more is due. Resolves when all is accepted, or after so long. */
  async finish(mostMs: number): Promise<void> {
    this.#sending = false;
    // What each of them waits for is still due.
    await this.#producers;
    const untilMs = performance.now() + mostMs;
    while (this.backlog > 0 && performance.now() < untilMs) await delay(20);
    this.#closed = true;
    for (const queue of this.#queues) queue.close();
    await this.#pool.destroy();
    await this.#shards;
  }

  async #produce(index: number): Promise<void> {
    const { pushesPerSecond, tenants } = this.#options;
    const everyMs = 1000 / pushesPerSecond;
    for (
      let dueMs = performance.now() + (everyMs * index) / tenants.length;
      this.#sending;
      dueMs += everyMs
    ) {
      await delay(Math.max(0, dueMs - performance.now()));
      const push = { number: this.pushes.length, dueMs, attempts: 0, acceptedMs: undefined };
      this.pushes.push(push);
      this.#queues[index]?.add(push);
    }
  }

  async #shard(tenant: string, queue: Queue): Promise<void> {
    for (let push = await queue.next(); push !== undefined; push = await queue.next()) {
      await this.#deliver(tenant, push);
    }
  }

  async #deliver(tenant: string, push: SentPush): Promise<void> {
    const body = this.#options.bodyOf(push.number);
    for (let backoffMs = FIRST_BACKOFF_MS; !this.#closed; ) {
      push.attempts++;
      const { status, retryAfterMs } = await this.#send(tenant, body);
      this.answers[status] = (this.answers[status] ?? 0) + 1;
      if (status > 0 && status < 500 && status !== 429) {
        push.acceptedMs = performance.now();
        this.accepted++;
        return;
      }
      const waitMs = retryAfterMs ?? backoffMs;
      for (const untilMs = performance.now() + waitMs; !this.#closed && performance.now() < untilMs; ) {
        await delay(Math.min(100, Math.max(1, untilMs - performance.now())));
      }
      backoffMs = Math.min(LAST_BACKOFF_MS, 2 * waitMs);
    }
  }

  async #send(tenant: string, body: Buffer): Promise<{ status: number; retryAfterMs: number | undefined }> {
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path: '/api/v1/push',
        headers: { ...this.#headers, 'x-scope-orgid': tenant },
        body,
      });
      await response.body.dump();
      const { statusCode, headers } = response;
      return { status: statusCode, retryAfterMs: readRetryAfterMs(headers['retry-after'], Date.now()) };
    } catch {
      return { status: 0, retryAfterMs: undefined };
    }
  }
}
