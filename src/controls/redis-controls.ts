/**
 * Controls in one Redis hash, a field each, with a version that changes with every write: replicas ask for the version
 * twice a second, and read the rest when it is another one. The hash is gone with the last control.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type RedisClient } from '../shared/redis/redis-connection.js';
import type { RedisLedgerOptions } from '../shared/redis/redis-options.js';
import { type Control, controlKey, readControl } from './control.js';

const VERSION_FIELD = 'version';
const AT_DIGITS = 15;
/** Of what comes before the JSON: at, id, until. */
const HEAD = AT_DIGITS + 36 + 1 + AT_DIGITS;

interface Scripts {
  mimirEdgeControl(key: string, ...args: string[]): Promise<number>;
}

export class RedisControls {
  readonly #client: RedisClient & Scripts;
  readonly #key: string;
  readonly #most: number;

  constructor(options: RedisLedgerOptions, most: number) {
    this.#key = `${options.keyPrefix}{#controls}:controls`;
    this.#most = most;
    const client = createClient(options);
    const lua = readFileSync(new URL('controls.lua', import.meta.url), 'utf8');
    client.defineCommand('mimirEdgeControl', { lua, numberOfKeys: 1 });
    // What failed is told by the calls that fail.
    client.on('error', () => {});
    this.#client = client as RedisClient & Scripts;
  }

  /** Waits for Redis, though not long; goes on in the background. */
  async connect(timeoutMs: number): Promise<void> {
    const patience = new AbortController();
    const connected = this.#client.connect().catch(() => {});
    await Promise.race([connected, delay(timeoutMs, undefined, patience).catch(() => {})]);
    patience.abort();
  }

  /** Null: there are no controls. */
  version(): Promise<string | null> {
    return this.#client.hget(this.#key, VERSION_FIELD);
  }

  async read(): Promise<Control[]> {
    const { [VERSION_FIELD]: _, ...fields } = await this.#client.hgetall(this.#key);
    return Object.values(fields).flatMap((value) => readControl(value.slice(HEAD)) ?? []);
  }

  async write(control: Control, nowMs: number): Promise<void> {
    const { id, atMs, untilMs } = control;
    await this.#client.mimirEdgeControl(
      this.#key,
      controlKey(control),
      `${digits(atMs)}${id} ${digits(untilMs)}${JSON.stringify(control)}`,
      randomUUID(),
      String(nowMs),
      String(untilMs),
      String(this.#most),
    );
  }

  close(): void {
    this.#client.disconnect();
  }
}

function digits(ms: number): string {
  return String(ms).padStart(AT_DIGITS, '0');
}
