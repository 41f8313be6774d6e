/**
 * Reads a request body into the chunks it came in, within a byte cap, a process-wide budget and a time. Nothing
 * is joined: decoder and upstream both take the chunks.
 */
/** Body bytes that the process holds at one time. */
export class ByteBudget {
  readonly capacity: number;
  used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  reserve(bytes: number): boolean {
    if (this.used + bytes > this.capacity) return false;
    this.used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.used -= bytes;
  }
}

export interface Body {
  readonly chunks: readonly Buffer[];
  readonly byteLength: number;
}

/** Takes a body as it comes. */
export interface BodySink {
  /** False: no more is wanted. */
  data(chunk: Buffer): boolean;
  end(): void;
  /** The client went away before the body was whole. */
  aborted(): void;
}

/** What a body comes from. */
export interface BodySource {
  readBody(sink: BodySink): void;
}

export type BodyFault = 'too_large' | 'over_budget' | 'timeout' | 'aborted';

/** A chunk this small is copied: thousands of tiny ones would cost far more memory than they hold. */
const SMALL_CHUNK_BYTES = 2048;
const SMALL_CHUNKS_KEPT = 4;
const GATHER_BYTES = 64 * 1024;

class ChunkList implements Body {
  readonly chunks: Buffer[] = [];
  byteLength = 0;
  #gather: Buffer | undefined;
  #gathered = 0;

  add(chunk: Buffer): void {
    this.byteLength += chunk.length;
    if (chunk.length >= SMALL_CHUNK_BYTES || this.chunks.length < SMALL_CHUNKS_KEPT) {
      this.#gather = undefined;
      this.chunks.push(chunk);
      return;
    }
    if (this.#gather === undefined || this.#gathered + chunk.length > GATHER_BYTES) {
      this.#gather = Buffer.allocUnsafeSlow(GATHER_BYTES);
      this.#gathered = 0;
      this.chunks.push(this.#gather.subarray(0, 0));
    }
    chunk.copy(this.#gather, this.#gathered);
    this.#gathered += chunk.length;
    this.chunks[this.chunks.length - 1] = this.#gather.subarray(0, this.#gathered);
  }
}

/**
 * Resolves when the body is whole or at fault. `reservedBytes` of the budget are held for it already; what a body
 * without a declared length needs beyond them goes through `reserveMore`. The caller releases all of it.
 */
export function readBody(
  source: BodySource,
  maxBytes: number,
  timeoutMs: number,
  reservedBytes: number,
  reserveMore: (bytes: number) => boolean,
): Promise<Body | BodyFault> {
  return new Promise((resolve) => {
    const body = new ChunkList();
    let reserved = reservedBytes;
    let settled = false;
    let timer: NodeJS.Timeout | undefined;

    function settle(outcome: Body | BodyFault): void {
      settled = true;
      clearTimeout(timer);
      resolve(outcome);
    }

    source.readBody({
      data(chunk) {
        const total = body.byteLength + chunk.length;
        if (total > maxBytes) {
          settle('too_large');
          return false;
        }
        if (total > reserved && !reserveMore(total - reserved)) {
          settle('over_budget');
          return false;
        }
        reserved = Math.max(reserved, total);
        body.add(chunk);
        return true;
      },
      end: () => settle(body),
      aborted: () => settle('aborted'),
    });
    // Most bodies are whole by now: they came with the head.
    if (!settled) timer = setTimeout(() => settle('timeout'), timeoutMs);
  });
}
