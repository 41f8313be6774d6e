/** An edge with workers, what they say of themselves, and senders that reach each of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { Client } from 'undici';
import { eventually, PUSH_500 } from '../doors/http/fixtures.js';
import { type StartedEdge, startEdge } from './processes.js';

export interface Readyz {
  readonly ready: boolean;
  readonly workers: { readonly serving: number; readonly restarts: number };
  readonly each: readonly {
    readonly worker: number;
    readonly pid: number;
    readonly ledger: { readonly state: string; readonly replicas: number; readonly tokensLeased: number };
    readonly limits: { readonly hash: string };
  }[];
}

export async function startWorkers(
  t: Test,
  workers: number,
  flags: readonly string[],
  env: Record<string, string> = {},
): Promise<StartedEdge> {
  const edge = await startEdge(t, [`--workers=${workers}`, ...flags], env);
  if (!(await eventually(() => edge.output().includes('all workers serve'), 60_000))) {
    throw new Error(`not all workers serve: ${edge.output()}`);
  }
  return edge;
}

export async function readyz(edge: StartedEdge): Promise<Readyz> {
  return (await fetch(`${edge.admin}/readyz`)).json() as Promise<Readyz>;
}

/** Polls what the workers say of themselves. */
export async function readily(edge: StartedEdge, wanted: (readyz: Readyz) => boolean): Promise<boolean> {
  for (let i = 0; i < 300; i++) {
    if (wanted(await readyz(edge))) return true;
    await delay(100);
  }
  return false;
}

/** Senders with a connection each, so that every worker has some of them. */
export class Senders {
  readonly seen = new Map<string, number>();
  readonly #clients: Client[];
  readonly #tenant: string;
  #running: Promise<unknown> | undefined;
  #stopped = false;

  constructor(t: Test, edge: StartedEdge, count: number, tenant = 'a') {
    this.#tenant = tenant;
    this.#clients = Array.from(
      { length: count },
      () => new Client(edge.proxy, { headersTimeout: 20_000, keepAliveTimeout: 60_000 }),
    );
    t.teardown(async () => {
      this.#stopped = true;
      await Promise.all(this.#clients.map((client) => client.destroy()));
    });
  }

  get accepted(): number {
    return this.seen.get('200') ?? 0;
  }

  /** One push of each. */
  async once(): Promise<void> {
    await Promise.all(this.#clients.map((client) => this.#send(client)));
  }

  /** Sends until so many were accepted in all, for half a minute at most. */
  async until(accepted: number): Promise<void> {
    for (let i = 0; i < 300 && this.accepted < accepted; i++) {
      await this.once();
      if (this.accepted < accepted) await delay(100);
    }
  }

  run(pauseMs = 0): void {
    const on = async (client: Client): Promise<void> => {
      while (!this.#stopped) {
        await this.#send(client);
        await delay(pauseMs);
      }
    };
    this.#running = Promise.all(this.#clients.map(on));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #send(client: Client): Promise<void> {
    let outcome: string;
    try {
      const { statusCode, body } = await client.request({
        method: 'POST',
        path: '/api/v1/push',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
          'x-scope-orgid': this.#tenant,
        },
        body: PUSH_500,
      });
      await body.dump();
      outcome = String(statusCode);
    } catch (error) {
      outcome = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
    this.seen.set(outcome, (this.seen.get(outcome) ?? 0) + 1);
  }
}

export function overrides(t: Test, text: string): string {
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, `overrides: { ${text} }`);
  return file;
}
