/**
 * Entries as fields of one Redis hash, with a version that changes with every write: readers poll the version, and read the
 * rest when it has changed. The hash is deleted with its last entry.
 */
import { randomUUID } from 'node:crypto';
import { type Entries, type Entry, EntryRefused } from '../entries.js';
import { connectRedis, connectWithin, type RedisConnection } from './connection.js';
import type { RedisOptions } from './options.js';
import { readLua } from './script.js';

const VERSION_FIELD = 'version';
const TIME_DIGITS = 15;
/**
 * What precedes the text: start, id, a space (or a dash if the entry says that something is over), end. Values are compared
 * by it; entries.lua reads it, too.
 */
const HEAD = TIME_DIGITS + 36 + 1 + TIME_DIGITS;

/** A reader that was not heard from for this long is gone, and nobody waits for it. */
const READER_MS = 60_000;

interface Scripts {
  mimirEdgeWriteEntry(key: string, ...args: string[]): Promise<number>;
  mimirEdgeAcknowledge(key: string, ...args: string[]): Promise<number>;
  mimirEdgeBehind(entries: string, readers: string, ...args: string[]): Promise<string[]>;
}

export class RedisEntries implements Entries {
  readonly #connection: RedisConnection & Scripts;
  readonly #key: string;
  /** The readers, and the version that each has applied. In the same slot of a cluster. */
  readonly #readersKey: string;
  readonly #most: number;

  /** `name`: the name of the whole collection. It has at most `most` entries. */
  constructor(options: RedisOptions, name: string, most: number) {
    this.#key = `${options.keyPrefix}{#${name}}:${name}`;
    this.#readersKey = `${this.#key}:readers`;
    this.#most = most;
    const connection = connectRedis(options);
    connection.defineCommand('mimirEdgeWriteEntry', { lua: readLua('entries.lua'), numberOfKeys: 1 });
    connection.defineCommand('mimirEdgeAcknowledge', { lua: readLua('acknowledge.lua'), numberOfKeys: 1 });
    connection.defineCommand('mimirEdgeBehind', { lua: readLua('behind.lua'), numberOfKeys: 2 });
    // Errors are reported by the calls that fail.
    connection.on('error', () => {});
    this.#connection = connection as RedisConnection & Scripts;
  }

  connect(timeoutMs: number): Promise<void> {
    return connectWithin(this.#connection, timeoutMs);
  }

  version(): Promise<string | null> {
    return this.#connection.hget(this.#key, VERSION_FIELD);
  }

  async read(): Promise<string[]> {
    const { [VERSION_FIELD]: _, ...fields } = await this.#connection.hgetall(this.#key);
    return Object.values(fields).map((value) => value.slice(HEAD));
  }

  async write({ name, atMs, id, untilMs, over, text }: Entry, nowMs: number): Promise<void> {
    try {
      await this.#connection.mimirEdgeWriteEntry(
        this.#key,
        name,
        `${digits(atMs)}${id}${over ? '-' : ' '}${digits(untilMs)}${text}`,
        randomUUID(),
        String(nowMs),
        String(untilMs),
        String(this.#most),
      );
    } catch (error) {
      throw error instanceof Error && error.name === 'ReplyError' ? new EntryRefused(error.message) : error;
    }
  }

  async acknowledge(id: string, name: string, version: string | null): Promise<void> {
    await this.#connection.mimirEdgeAcknowledge(this.#readersKey, id, version ?? '', name, String(READER_MS));
  }

  behind(id: string): Promise<string[]> {
    return this.#connection.mimirEdgeBehind(this.#key, this.#readersKey, id, String(READER_MS));
  }

  async leave(id: string): Promise<void> {
    await this.#connection.hdel(this.#readersKey, id);
  }

  close(): void {
    this.#connection.disconnect();
  }
}

function digits(ms: number): string {
  return String(ms).padStart(TIME_DIGITS, '0');
}
