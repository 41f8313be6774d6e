/**
 * The fleet's usage in Redis. All keys begin with `{#usage}` after the prefix; the hash tag keeps them on one node of a
 * cluster. A write that exceeds the node's memory is refused completely.
 */
import {
  MOST_FRAMES,
  type RecordKind,
  STEP_SECONDS_KEPT,
  type StepKind,
  type StoredFrame,
  type UsageCommit,
  type UsageStore,
} from '../usage-store.js';
import { connectRedis, connectWithin, type RedisConnection } from './connection.js';
import type { RedisOptions } from './options.js';
import { readLua } from './script.js';

type Argument = string | number | Buffer;

interface Scripts {
  mimirEdgeUsageElect(keeper: string, fence: string, ...args: Argument[]): Promise<string[]>;
  mimirEdgeUsageResign(keeper: string, ...args: Argument[]): Promise<number>;
  mimirEdgeUsageCommit(keys: number, ...args: Argument[]): Promise<number>;
}

/** Frames and pages are larger than what pushes wait for. */
const TIMEOUTS = 20;

export class RedisUsage implements UsageStore {
  readonly #connection: RedisConnection & Scripts;
  readonly #prefix: string;

  constructor(options: RedisOptions) {
    this.#prefix = `${options.keyPrefix}{#usage}:`;
    const connection = connectRedis({ ...options, commandTimeoutMs: options.commandTimeoutMs * TIMEOUTS });
    connection.defineCommand('mimirEdgeUsageElect', { lua: readLua('usage-elect.lua'), numberOfKeys: 2 });
    connection.defineCommand('mimirEdgeUsageResign', { lua: readLua('usage-resign.lua'), numberOfKeys: 1 });
    connection.defineCommand('mimirEdgeUsageCommit', { lua: readLua('usage-commit.lua') });
    // Errors are reported by the calls that fail.
    connection.on('error', () => {});
    this.#connection = connection as RedisConnection & Scripts;
  }

  connect(timeoutMs: number): Promise<void> {
    return connectWithin(this.#connection, timeoutMs);
  }

  async send(frame: Buffer): Promise<void> {
    await this.#connection.xadd(this.#key('frames'), 'MAXLEN', '~', MOST_FRAMES, '*', 'frame', frame);
  }

  async elect(keeper: string, leaseMs: number): Promise<number | undefined> {
    const [fence] = await this.#connection.mimirEdgeUsageElect(
      this.#key('keeper'),
      this.#key('fence'),
      keeper,
      leaseMs,
    );
    return fence === undefined ? undefined : Number(fence);
  }

  async resign(keeper: string): Promise<void> {
    await this.#connection.mimirEdgeUsageResign(this.#key('keeper'), keeper);
  }

  async frames(after: string, most: number): Promise<readonly StoredFrame[]> {
    const entries = (await this.#connection.xrangeBuffer(
      this.#key('frames'),
      `(${after}`,
      '+',
      'COUNT',
      most,
    )) as [Buffer, Buffer[]][];
    return entries.map(([id, [, bytes]]) => ({ id: id.toString(), bytes: bytes ?? Buffer.alloc(0) }));
  }

  async state(): Promise<string | undefined> {
    return (await this.#connection.get(this.#key('state'))) ?? undefined;
  }

  async pages(): Promise<ReadonlyMap<string, Buffer>> {
    return new Map(Object.entries(await this.#connection.hgetallBuffer(this.#key('pages'))));
  }

  async steps(kind: StepKind, steps: readonly number[]): Promise<readonly (Buffer | undefined)[]> {
    if (steps.length === 0) return [];
    const keys = steps.map((step) => this.#stepKey(kind, step));
    return (await this.#connection.mgetBuffer(keys)).map((bytes) => bytes ?? undefined);
  }

  async records(kind: RecordKind, tenants: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    if (tenants.length === 0) return [];
    const found = await this.#connection.hmgetBuffer(this.#key(kind), ...tenants);
    return found.map((bytes) => bytes ?? undefined);
  }

  tenants(kind: RecordKind): Promise<readonly string[]> {
    return this.#connection.hkeys(this.#key(kind));
  }

  async commit(keeper: string, fence: number, commit: UsageCommit): Promise<boolean> {
    const { state, pages, gonePages, steps, records, appliedId } = commit;
    const keys = ['keeper', 'state', 'pages', 'hours', 'days', 'frames'].map((name) => this.#key(name));
    const stepKeys = steps.map(({ kind, step }) => this.#stepKey(kind, step));
    const written = await this.#connection.mimirEdgeUsageCommit(
      keys.length + stepKeys.length,
      ...keys,
      ...stepKeys,
      keeper,
      fence,
      state,
      appliedId,
      gonePages.length,
      ...gonePages,
      pages.length,
      ...pages.flat(),
      ...recordsOf(records, 'hours'),
      ...recordsOf(records, 'days'),
      ...steps.flatMap(({ kind, bytes }) => [STEP_SECONDS_KEPT[kind], bytes]),
    );
    return written === 1;
  }

  close(): void {
    this.#connection.disconnect();
  }

  #key(name: string): string {
    return this.#prefix + name;
  }

  #stepKey(kind: StepKind, step: number): string {
    return `${this.#prefix}${kind}:${step}`;
  }
}

const NONE = Buffer.alloc(0);

function recordsOf(records: UsageCommit['records'], kind: RecordKind): Argument[] {
  const those = records.filter((record) => record.kind === kind);
  return [those.length, ...those.flatMap(({ tenant, bytes }) => [tenant, bytes ?? NONE])];
}
