/**
 * Reads a request body into slabs, within a byte cap, a process-wide budget and a time. Nothing is joined: decoder and
 * upstream both take chunks.
 */
import { giveBackSlab, slabBytes, takeSlab } from './slabs.js';

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

/** Memory that a body of a declared length gets before more than its first bytes are there: most are whole then. */
const FIRST_BYTES = 64 * 1024;

class SlabBody implements Body {
  readonly headRoom = HEAD_ROOM;
  byteLength = 0;
  chunks: Buffer[] = [];
  readonly #expected: number;
  readonly #reserve: (bytes: number) => boolean;
  #slabs: Buffer[] = [];
  /** Bytes left in the last slab. */
  #room = 0;

  /** `expected` bytes are to come, or nobody knows how many (0). */
  constructor(expected: number, reserve: (bytes: number) => boolean) {
    this.#expected = expected;
    this.#reserve = reserve;
  }

  /** False: there is no room for it. */
  add(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.#room === 0 && !this.#addSlab(bytes.length - at)) return false;
      const slab = this.#slabs[this.#slabs.length - 1] as Buffer;
      const taken = Math.min(this.#room, bytes.length - at);
      bytes.copy(slab, slab.length - this.#room, at, at + taken);
      this.#room -= taken;
      this.byteLength += taken;
      at += taken;
    }
    return true;
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

  /**
   * A slab adds as much as is there, or half of that without a declared length: memory is taken for what has come, whatever is
   * promised, and never is more than twice the body and its room held.
   */
  #addSlab(atOnce: number): boolean {
    const left = this.#expected - this.byteLength;
    const headRoom = this.#slabs.length === 0 ? HEAD_ROOM : 0;
    const wanted =
      left > 0
        ? Math.min(left, Math.max(atOnce, this.byteLength, FIRST_BYTES))
        : Math.max(atOnce, this.byteLength / 2);
    if (!this.#reserve(slabBytes(headRoom + wanted))) return false;
    const slab = takeSlab(headRoom + wanted);
    this.#slabs.push(slab);
    this.#room = slab.length - headRoom;
    return true;
  }
}

/**
 * The body once it is whole, or its fault: at once if it came with the head, as most do. `expectedBytes` are declared, 0: nobody
 * knows. Memory goes through `reserve` before it is taken; the caller releases all of it.
 */
export function readBody(
  source: BodySource,
  maxBytes: number,
  timeoutMs: number,
  expectedBytes: number,
  reserve: (bytes: number) => boolean,
): Body | BodyFault | Promise<Body | BodyFault> {
  const body = new SlabBody(expectedBytes, reserve);
  let settled: Body | BodyFault | undefined;
  let settleLater: ((outcome: Body | BodyFault) => void) | undefined;

  function settle(outcome: Body | BodyFault): void {
    settled = outcome;
    if (outcome !== body) body.release();
    settleLater?.(outcome);
  }

  source.readBody({
    data(chunk) {
      if (settled !== undefined) return false;
      if (body.byteLength + chunk.length > maxBytes) {
        settle('too_large');
        return false;
      }
      if (!body.add(chunk)) {
        settle('over_budget');
        return false;
      }
      return true;
    },
    end() {
      if (settled !== undefined) return;
      body.finish();
      settle(body);
    },
    aborted() {
      if (settled === undefined) settle('aborted');
    },
  });
  if (settled !== undefined) return settled;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (settled === undefined) settle('timeout');
    }, timeoutMs);
    settleLater = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
  });
}
