/**
 * Decodes and filters small bodies where it is called and large ones in a thread, so that one large push does not hold up the
 * event loop for all others. docs/performance.md has the measurement behind the threshold.
 */
import { Piscina } from 'piscina';
import { messageOf } from '../base/message-of.js';
import type { DecodeTask, FilterTask } from './decoder-thread.js';
import { InlineFilter } from './filter.js';
import { type HashKey, OWN_HASH_KEY } from './hash-key.js';
import { InlineDecoder } from './inline-decoder.js';
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

export interface DecoderOptions {
  /** Bodies up to this many bytes on the wire are decoded inline. */
  readonly inlineMaxBytes: number;
  /** Threads for larger ones; 0: everything inline. */
  readonly threads: number;
  /** A kernel whose memory has grown past this is given up after its push. */
  readonly maxRetainedBytes: number;
  /** Undefined: this process has one of its own. */
  readonly hashKey?: HashKey;
}

export interface PooledDecoder extends Decoder {
  /** Series of pushes that are decoded from now on are hashed under this key. */
  setHashKey(hashKey: HashKey): void;
  /** Bodies that wait for a thread. */
  queued(): number;
  /** Bytes of the inline kernels' memory. */
  memoryBytes(): number;
  /** Threads that died and were replaced. */
  lostWorkers(): number;
  /** Ends a thread as if it had crashed. For tests. */
  endOneWorker(): Promise<void>;
}

export function createDecoder(options: DecoderOptions): PooledDecoder {
  let hashKey = options.hashKey ?? OWN_HASH_KEY;
  const inline = new InlineDecoder(options.maxRetainedBytes, hashKey);
  const inlineFilter = new InlineFilter(options.maxRetainedBytes);
  const pool = options.threads > 0 ? openPool(options.threads) : undefined;
  let lost = 0;

  /** Undefined: so many bytes are worked on where they are. A pool without a living thread would never answer. */
  function poolFor(bytes: number): Piscina | undefined {
    return pool === undefined || bytes <= options.inlineMaxBytes || pool.threads.length === 0
      ? undefined
      : pool;
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
    decode(chunks, byteLength, decodeOptions) {
      const workers = poolFor(byteLength);
      return workers === undefined
        ? inline.decode(chunks, byteLength, decodeOptions)
        : decodeInPool(workers, chunks, byteLength, decodeOptions);
    },
    filter(push, leftOut) {
      const workers = poolFor(push.compressedBytes);
      return workers === undefined
        ? inlineFilter.filter(push, leftOut)
        : filterInPool(workers, push, leftOut);
    },
    queued: () => pool?.queueSize ?? 0,
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

function openPool(threads: number): Piscina {
  return new Piscina({
    filename: new URL('./decoder-thread.js', import.meta.url).href,
    name: 'decode',
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
  });
}

/** In an ArrayBuffer of its own, which can be moved to the thread: the chunks stay, to be forwarded. */
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
