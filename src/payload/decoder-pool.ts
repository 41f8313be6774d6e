/**
 * Decodes and filters small bodies inline and large ones in threads, so that a large push does not block the event loop;
 * senders of large bodies take turns, so that none of them monopolizes the threads. docs/performance.md has the
 * measurements behind the threshold.
 */
import type { Piscina } from 'piscina';
import { messageOf } from '../base/message-of.js';
import { openThreads } from '../base/threads.js';
import type { DecodeTask, FilterTask } from './decoder-thread.js';
import { InlineFilter } from './filter.js';
import { type HashKey, OWN_HASH_KEY } from './hash-key.js';
import { InlineDecoder } from './inline-decoder.js';
import { TOO_MUCH_REWRITING } from './label-rewriter.js';
import {
  type Decoded,
  type DecodeOptions,
  type Decoder,
  type FilteredBody,
  type Lost,
  ownedPush,
  type Push,
} from './push.js';
import type { Rows } from './rows.js';
import { uncompressedLength } from './snappy-length.js';
import { type NotBegun, TurnQueue } from './turn-queue.js';

interface DecoderOptions {
  /** Bodies up to this uncompressed size are decoded inline, unless they expand more than any sender's do. */
  readonly inlineMaxBytes: number;
  /** Threads for larger bodies; 0: everything is decoded inline. */
  readonly threads: number;
  /** Bodies of one sender that may wait for a thread. Undefined: unlimited. */
  readonly maxWaiting?: number;
  /** A kernel whose memory has grown beyond this is dropped after its push. */
  readonly maxRetainedBytes: number;
  /** Undefined: a secret of this process. */
  readonly hashKey?: HashKey;
}

/**
 * Applies to bodies that are not small. What expands further was made to, and costs more time than any other body of its
 * size.
 */
const INLINE_MOST_EXPANSION = 16;
const INLINE_SMALL_BYTES = 1 << 18;
/** The first cap tried for a body that does not declare its uncompressed size. */
const INLINE_UNSAID_BYTES = 1 << 20;
/**
 * The relabelling that may happen inline, in characters that rules see for the first time: 60 ns each with typical
 * expressions. 500 series that are new to five rules are a fifth of it.
 */
const INLINE_REWRITING = { work: 1 << 18, ms: 0 };

const NOT_BEGUN: Record<NotBegun, Lost> = {
  full: {
    kind: 'lost',
    busy: true,
    message: 'too many large pushes of the tenant are waiting to be decoded (decode.max_waiting)',
  },
  unwanted: { kind: 'lost', busy: true, message: 'the sender no longer waits for this push' },
};

/** Half of the cores are for other work, and each thread needs memory of its own. */
export function decodeThreads(setting: number | 'auto', cores: number, workers: number): number {
  return setting === 'auto' ? Math.min(4, Math.max(1, Math.floor(cores / 2 / workers))) : setting;
}

export class PooledDecoder implements Decoder {
  readonly #options: DecoderOptions;
  readonly #inline: InlineDecoder;
  readonly #inlineFilter: InlineFilter;
  readonly #pool: Piscina | undefined;
  readonly #turns: TurnQueue;
  #hashKey: HashKey;
  #lost = 0;

  constructor(options: DecoderOptions) {
    const { threads, maxRetainedBytes, maxWaiting = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#hashKey = options.hashKey ?? OWN_HASH_KEY;
    const mayRewrite = threads > 0 ? INLINE_REWRITING : undefined;
    this.#inline = new InlineDecoder(maxRetainedBytes, this.#hashKey, mayRewrite);
    this.#inlineFilter = new InlineFilter(maxRetainedBytes);
    this.#pool = threads > 0 ? openPool(threads) : undefined;
    this.#turns = new TurnQueue(threads, maxWaiting);
  }

  /** Uses this key to hash the series of pushes decoded from now on. */
  setHashKey(hashKey: HashKey): void {
    this.#hashKey = hashKey;
    this.#inline.setHashKey(hashKey);
  }

  decode(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    wanted = always,
  ): Decoded | Promise<Decoded> {
    if (!this.#isInline(byteLength, plainLength(chunks, byteLength, options), options)) {
      return this.#decodeInTurn(chunks, byteLength, options, wanted);
    }
    const decoded = this.#inline.decode(chunks, byteLength, options);
    return decoded === TOO_MUCH_REWRITING && this.#hasThreads
      ? this.#decodeInTurn(chunks, byteLength, options, wanted)
      : decoded;
  }

  filter(push: Push, leftOut: Rows): FilteredBody | Promise<FilteredBody> {
    if (this.#isInline(push.compressedBytes, push.uncompressedBytes)) {
      return this.#inlineFilter.filter(push, leftOut);
    }
    const owned = ownedPush(push);
    const { maxRetainedBytes } = this.#options;
    const task: FilterTask = { push: owned, leftOut, maxRetainedBytes };
    return this.#inThread<FilteredBody>(task, {
      name: 'filter',
      transferList: [owned.records.buffer as ArrayBuffer, owned.body.buffer as ArrayBuffer],
    });
  }

  /** Bodies that wait for a thread. */
  queued(): number {
    return this.#turns.waiting + (this.#pool?.queueSize ?? 0);
  }

  /** Memory of the inline kernels. */
  memoryBytes(): number {
    return this.#inline.memoryBytes + this.#inlineFilter.memoryBytes;
  }

  /** Threads that died and were replaced. */
  lostWorkers(): number {
    return this.#lost;
  }

  /** Ends a thread as if it had crashed; for tests. */
  async endOneWorker(): Promise<void> {
    await this.#pool?.threads[0]?.terminate();
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  /** A pool without a live thread would never answer. */
  get #hasThreads(): boolean {
    return this.#pool !== undefined && this.#pool.threads.length > 0;
  }

  #isInline(compressedBytes: number, uncompressedBytes: number, how: Partial<DecodeOptions> = {}): boolean {
    if (this.#pool === undefined) return true;
    const isSmall = isSmallBody(compressedBytes, uncompressedBytes, this.#options.inlineMaxBytes, how);
    return isSmall || !this.#hasThreads;
  }

  async #decodeInTurn(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    wanted: () => boolean,
  ): Promise<Decoded> {
    const decoded = await this.#turns.run(options.sender ?? '', wanted, () => {
      const body = joined(chunks, byteLength);
      const { maxRetainedBytes } = this.#options;
      const task: DecodeTask = { body, options, hashKey: this.#hashKey, maxRetainedBytes };
      return this.#inThread<Decoded>(task, { transferList: [body.buffer] });
    });
    return typeof decoded === 'string' ? NOT_BEGUN[decoded] : decoded;
  }

  async #inThread<T>(
    task: DecodeTask | FilterTask,
    options: Parameters<Piscina['run']>[1],
  ): Promise<T | Lost> {
    if (this.#pool === undefined) throw new Error('there are no threads');
    try {
      return await this.#pool.run(task, options);
    } catch (error) {
      this.#lost++;
      return lostTo(error);
    }
  }
}

function isSmallBody(
  compressedBytes: number,
  uncompressedBytes: number,
  inlineMaxBytes: number,
  { source, hasManySeries }: Partial<DecodeOptions>,
): boolean {
  if (hasManySeries || compressedBytes > inlineMaxBytes) return false;
  if (source !== undefined) return uncompressedBytes <= Math.max(INLINE_UNSAID_BYTES, inlineMaxBytes);
  const mostBytes = Math.max(INLINE_SMALL_BYTES, compressedBytes * INLINE_MOST_EXPANSION);
  return uncompressedBytes <= Math.min(inlineMaxBytes, mostBytes);
}

/** The declared uncompressed size; if it is not credible, the largest size allowed. */
function plainLength(
  chunks: readonly Uint8Array[],
  byteLength: number,
  { protocol, source, maxUncompressedBytes }: DecodeOptions,
): number {
  if (source !== undefined) return maxUncompressedBytes;
  return protocol === 'otlp' ? byteLength : uncompressedLength(chunks);
}

function always(): boolean {
  return true;
}

function openPool(threads: number): Piscina {
  const module = new URL('./decoder-thread.js', import.meta.url);
  return openThreads(module, { name: 'decode', minThreads: threads, maxThreads: threads });
}

/** Copies into an ArrayBuffer that can be moved to the thread; the chunks stay, to be forwarded. */
function joined(chunks: readonly Uint8Array[], byteLength: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(byteLength);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function lostTo(error: unknown): Lost {
  return { kind: 'lost', message: `the thread that worked on this push ended: ${messageOf(error)}` };
}
