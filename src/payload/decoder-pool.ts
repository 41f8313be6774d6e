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

export interface PooledDecoder extends Decoder {
  /** Uses this key to hash the series of pushes decoded from now on. */
  setHashKey(hashKey: HashKey): void;
  /** Bodies that wait for a thread. */
  queued(): number;
  /** Memory of the inline kernels. */
  memoryBytes(): number;
  /** Threads that died and were replaced. */
  lostWorkers(): number;
  /** Ends a thread as if it had crashed; for tests. */
  endOneWorker(): Promise<void>;
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
  full: { kind: 'lost', busy: true, message: 'as many large pushes of the tenant wait to be decoded as may' },
  unwanted: { kind: 'lost', busy: true, message: 'nobody waits for this push any more' },
};

/** Half of the cores are for other work, and each thread needs memory of its own. */
export function decodeThreads(setting: number | 'auto', cores: number, workers: number): number {
  return setting === 'auto' ? Math.min(4, Math.max(1, Math.floor(cores / 2 / workers))) : setting;
}

export function createDecoder(options: DecoderOptions): PooledDecoder {
  let hashKey = options.hashKey ?? OWN_HASH_KEY;
  const inline = new InlineDecoder(
    options.maxRetainedBytes,
    hashKey,
    options.threads > 0 ? INLINE_REWRITING : undefined,
  );
  const inlineFilter = new InlineFilter(options.maxRetainedBytes);
  const pool = options.threads > 0 ? openPool(options.threads) : undefined;
  const turns = new TurnQueue(options.threads, options.maxWaiting ?? Number.POSITIVE_INFINITY);
  let lost = 0;

  /** Undefined: work is done inline. A pool without a live thread would never answer. */
  function poolFor(
    compressedBytes: number,
    uncompressedBytes: number,
    { source, hasManySeries }: Partial<DecodeOptions> = {},
  ): Piscina | undefined {
    const { inlineMaxBytes } = options;
    const isSmall =
      !hasManySeries &&
      compressedBytes <= inlineMaxBytes &&
      (source === undefined
        ? uncompressedBytes <= inlineMaxBytes &&
          (uncompressedBytes <= INLINE_SMALL_BYTES ||
            uncompressedBytes <= compressedBytes * INLINE_MOST_EXPANSION)
        : uncompressedBytes <= Math.max(INLINE_UNSAID_BYTES, inlineMaxBytes));
    return pool === undefined || isSmall || pool.threads.length === 0 ? undefined : pool;
  }

  async function decodeInTurn(
    workers: Piscina,
    chunks: readonly Uint8Array[],
    byteLength: number,
    decodeOptions: DecodeOptions,
    wanted: () => boolean,
  ): Promise<Decoded> {
    const decoded = await turns.run(decodeOptions.sender ?? '', wanted, () =>
      decodeInPool(workers, chunks, byteLength, decodeOptions),
    );
    return typeof decoded === 'string' ? NOT_BEGUN[decoded] : decoded;
  }

  async function decodeInPool(
    workers: Piscina,
    chunks: readonly Uint8Array[],
    byteLength: number,
    decodeOptions: DecodeOptions,
  ): Promise<Decoded> {
    const body = joined(chunks, byteLength);
    const { maxRetainedBytes } = options;
    const task: DecodeTask = { body, options: decodeOptions, hashKey, maxRetainedBytes };
    try {
      return await workers.run(task, { transferList: [body.buffer] });
    } catch (error) {
      lost++;
      return lostTo(error);
    }
  }

  async function filterInPool(workers: Piscina, push: Push, leftOut: Rows): Promise<FilteredBody> {
    const owned = ownedPush(push);
    const task: FilterTask = {
      push: owned,
      leftOut,
      maxRetainedBytes: options.maxRetainedBytes,
    };
    try {
      return await workers.run(task, {
        name: 'filter',
        transferList: [owned.records.buffer as ArrayBuffer, owned.body.buffer as ArrayBuffer],
      });
    } catch (error) {
      lost++;
      return lostTo(error);
    }
  }

  return {
    setHashKey(key) {
      hashKey = key;
      inline.setHashKey(key);
    },
    decode(chunks, byteLength, decodeOptions, wanted = always) {
      const workers = poolFor(byteLength, plainLength(chunks, byteLength, decodeOptions), decodeOptions);
      if (workers !== undefined) return decodeInTurn(workers, chunks, byteLength, decodeOptions, wanted);
      const decoded = inline.decode(chunks, byteLength, decodeOptions);
      return decoded === TOO_MUCH_REWRITING && pool !== undefined && pool.threads.length > 0
        ? decodeInTurn(pool, chunks, byteLength, decodeOptions, wanted)
        : decoded;
    },
    filter(push, leftOut) {
      const workers = poolFor(push.compressedBytes, push.uncompressedBytes);
      return workers === undefined
        ? inlineFilter.filter(push, leftOut)
        : filterInPool(workers, push, leftOut);
    },
    queued: () => turns.waiting + (pool?.queueSize ?? 0),
    memoryBytes: () => inline.memoryBytes + inlineFilter.memoryBytes,
    lostWorkers: () => lost,
    endOneWorker: async () => {
      await pool?.threads[0]?.terminate();
    },
    close: async () => {
      await pool?.destroy();
    },
  };
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
