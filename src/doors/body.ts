/**
 * Reads a request body into slabs, within a byte cap, a process-wide budget and a time. Nothing is joined: decoder and
 * upstream both take chunks.
 */
import { giveBackSlab, takeSlab } from './slabs.js';

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
  /** Before the first chunk are so many bytes of its memory that anybody may write: a head, to go out with the body in one piece. */
  readonly headRoom: number;
  readonly byteLength: number;
  /** Nobody reads the chunks any more: their memory is another body's next. Without this it is the collector's. */
  release(): void;
}

/** Takes a body as it comes. */
export interface BodySink {
  /** False: no more is wanted. The bytes are the source's own again when this returns. */
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

export const HEAD_ROOM = 1024;

class SlabBody implements Body {
  readonly headRoom = HEAD_ROOM;
  byteLength = 0;
  chunks: Buffer[] = [];
  readonly #expected: number;
  #slabs: Buffer[] = [];
  /** Bytes left in the last slab. */
  #room = 0;

  /** `expected` bytes are to come, or nobody knows how many (0). */
  constructor(expected: number) {
    this.#expected = expected;
  }

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#room === 0) this.#addSlab(bytes.length - at);
      const slab = this.#slabs[this.#slabs.length - 1] as Buffer;
      const taken = Math.min(this.#room, bytes.length - at);
      bytes.copy(slab, slab.length - this.#room, at, at + taken);
      this.#room -= taken;
      this.byteLength += taken;
      at += taken;
    }
  }

  /** The body is whole. */
  finish(): void {
    const last = this.#slabs.length - 1;
    this.chunks = this.#slabs.map((slab, i) =>
      slab.subarray(i === 0 ? HEAD_ROOM : 0, i === last ? slab.length - this.#room : slab.length),
    );
  }

  release(): void {
    for (const slab of this.#slabs) giveBackSlab(slab);
    this.#slabs = [];
    this.chunks = [];
  }

  /** Without a declared length, a slab adds half of what is there: never is more than twice the body and its room held. */
  #addSlab(atOnce: number): void {
    const left = this.#expected - this.byteLength;
    const headRoom = this.#slabs.length === 0 ? HEAD_ROOM : 0;
    const slab = takeSlab(headRoom + (left > 0 ? left : Math.max(atOnce, this.byteLength / 2)));
    this.#slabs.push(slab);
    this.#room = slab.length - headRoom;
  }
}

/**
 * The body once it is whole, or its fault: at once if it came with the head, as most do. `reservedBytes` of the budget are
 * held for it already; what a body without a declared length needs beyond them goes through `reserveMore`. The caller
 * releases all of it.
 */
export function readBody(
  source: BodySource,
  maxBytes: number,
  timeoutMs: number,
  reservedBytes: number,
  reserveMore: (bytes: number) => boolean,
): Body | BodyFault | Promise<Body | BodyFault> {
  const body = new SlabBody(reservedBytes);
  let reserved = reservedBytes;
  let settled: Body | BodyFault | undefined;
  let settleLater: ((outcome: Body | BodyFault) => void) | undefined;

  function settle(outcome: Body | BodyFault): void {
    settled = outcome;
    settleLater?.(outcome);
  }

  source.readBody({
    data(chunk) {
      if (settled !== undefined) return false;
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
    end() {
      if (settled !== undefined) return;
      body.finish();
      settle(body);
    },
    aborted: () => settle('aborted'),
  });
  if (settled !== undefined) return settled;
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle('timeout'), timeoutMs);
    settleLater = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
  });
}
