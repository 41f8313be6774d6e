/**
 * The usage of one machine in a folder, for restarts without Redis: records in sixteen files, the hour under way in one.
 * Each has a version and a checksum, is written aside and renamed, and is there whole or not at all. One that is damaged is
 * set aside under another name and said; the rest is used.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/message-of.js';
import { replaceFile } from '../base/replace-file.js';
import { MemoryUsage } from '../shared/memory/memory-usage.js';
import type { RecordKind, UsageCommit } from '../shared/usage-store.js';
import { ByteReader, ByteWriter, Damaged } from './bytes.js';

export interface UsageFolderOptions {
  readonly folder: string;
  readonly now: () => number;
  readonly log: { warn(facts: object, message: string): void };
}

const MAGIC = Buffer.from('mimir-edge usage 1\n');
const CHECKSUM_BYTES = 32;
const BOOK_FILE = 'book.usage';
const SHARDS = 16;
const KINDS: readonly RecordKind[] = ['hours', 'days'];
/** What a crash may take away of the hour under way. */
const WRITE_EVERY_MS = 30_000;
const MOST_STATE_BYTES = 64 << 20;
const MOST_NAME_BYTES = 512;

export class UsageFolder extends MemoryUsage {
  readonly #options: UsageFolderOptions;
  readonly #changed = new Set<number>();
  #bookChanged = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: string | undefined;

  constructor(options: UsageFolderOptions) {
    super(options.now);
    this.#options = options;
  }

  /** Undefined: what was written last is on disk. */
  get failure(): string | undefined {
    return this.#failure;
  }

  override async connect(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard++) {
      await this.#read(shardFile(shard), (from) => this.#readShard(from));
    }
    await this.#read(BOOK_FILE, (from) => this.#readBook(from));
    this.#timer = setInterval(() => void this.write(), WRITE_EVERY_MS).unref();
  }

  override async commit(keeper: string, fence: number, commit: UsageCommit): Promise<boolean> {
    const taken = await super.commit(keeper, fence, commit);
    if (!taken) return false;
    this.#bookChanged = true;
    for (const { tenant } of commit.records) this.#changed.add(shardOf(tenant));
    return true;
  }

  /** What changed. Never rejects: what can not be written is said, and tried again. */
  write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }

  async #write(): Promise<void> {
    try {
      await mkdir(this.#options.folder, { recursive: true });
      // Records first: a page that is still there is filed once more, one that is gone is not.
      for (const shard of [...this.#changed]) {
        this.#changed.delete(shard);
        await this.#writeFile(shardFile(shard), this.#shard(shard)).catch((error: unknown) => {
          this.#changed.add(shard);
          throw error;
        });
      }
      if (this.#bookChanged && this.book !== undefined) {
        await this.#writeFile(BOOK_FILE, this.#book(this.book));
        this.#bookChanged = false;
      }
      this.#failure = undefined;
    } catch (error) {
      if (this.#failure === undefined) {
        this.#options.log.warn(
          { error: messageOf(error) },
          'usage.dir can not be written: usage is in memory alone',
        );
      }
      this.#failure = messageOf(error);
    }
  }

  async #writeFile(name: string, body: Buffer): Promise<void> {
    const path = join(this.#options.folder, name);
    await replaceFile(path, Buffer.concat([MAGIC, checksum(body), body]));
  }

  async #read(name: string, take: (from: ByteReader) => void): Promise<void> {
    const path = join(this.#options.folder, name);
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#options.log.warn({ file: path, error: messageOf(error) }, 'a file of usage can not be read');
      return;
    }
    try {
      take(new ByteReader(checked(bytes)));
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      const aside = `${path}.damaged-${this.#options.now()}`;
      await rename(path, aside).catch(() => undefined);
      const facts = { file: path, aside, error: error.message };
      this.#options.log.warn(
        facts,
        'a file of usage is damaged and was set aside: what was in it begins anew',
      );
    }
  }

  #shard(shard: number): Buffer {
    const to = new ByteWriter();
    for (const kind of KINDS) {
      const those = [...this.kept[kind]].filter(([tenant]) => shardOf(tenant) === shard);
      to.number(those.length);
      for (const [tenant, bytes] of those) {
        to.text(tenant);
        to.raw(bytes);
      }
    }
    return to.bytes();
  }

  #readShard(from: ByteReader): void {
    const read = KINDS.map((kind) => {
      const count = from.count(2);
      return [
        kind,
        Array.from({ length: count }, () => [from.text(MOST_NAME_BYTES), from.raw()] as const),
      ] as const;
    });
    for (const [kind, records] of read)
      for (const [tenant, bytes] of records) this.kept[kind].set(tenant, bytes);
  }

  #book({ state, pages }: { state: string; pages: ReadonlyMap<string, Buffer> }): Buffer {
    const to = new ByteWriter();
    to.text(state);
    to.number(pages.size);
    for (const [name, bytes] of pages) {
      to.text(name);
      to.raw(bytes);
    }
    return to.bytes();
  }

  #readBook(from: ByteReader): void {
    const state = from.text(MOST_STATE_BYTES);
    const count = from.count(2);
    const pages = new Map<string, Buffer>();
    for (let i = 0; i < count; i++) pages.set(from.text(MOST_NAME_BYTES), from.raw());
    this.book = { state, pages };
  }
}

function shardFile(shard: number): string {
  return `records-${shard.toString(16)}.usage`;
}

function shardOf(tenant: string): number {
  let hash = 0;
  for (let i = 0; i < tenant.length; i++) hash = (Math.imul(hash, 31) + tenant.charCodeAt(i)) | 0;
  return (hash >>> 0) % SHARDS;
}

function checksum(body: Buffer): Buffer {
  return createHash('sha256').update(body).digest();
}

function checked(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Damaged('it is of another version, or no such file');
  const body = bytes.subarray(MAGIC.length + CHECKSUM_BYTES);
  if (!checksum(body).equals(bytes.subarray(MAGIC.length, MAGIC.length + CHECKSUM_BYTES))) {
    throw new Damaged('its checksum is another one');
  }
  return body;
}
