/**
 * Reads a request body into slabs, within a byte cap, a process-wide budget and a time. Nothing is joined: decoder and
 * upstream both take chunks.
 */
import { giveBackSlab, slabBytes, takeSlab } from './slabs.js';

/** Counts the body bytes that the process holds. */
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
  /**
   * This many writable bytes precede the first chunk in its memory: for a head, so that head and body are sent in one
   * piece.
   */
  readonly headRoom: number;
  readonly byteLength: number;
  /** The chunks are no longer used, so their memory may be reused. Otherwise it is left to the garbage collector. */
  release(): void;
}

/** Receives a body as it arrives. */
export interface BodySink {
  /** False: no more is wanted. The source may reuse the bytes when this returns. */
  data(chunk: Buffer): boolean;
  end(): void;
  /** The client left before the body was complete. */
  aborted(): void;
}

/** Where a body comes from. */
export interface BodySource {
  readBody(sink: BodySink): void;
}

export type BodyFault = 'too_large' | 'over_budget' | 'timeout' | 'aborted';

export const HEAD_ROOM = 1024;

/** Memory that is allocated at once for a body with a declared length: most are complete with it. */
const FIRST_BYTES = 64 * 1024;

class SlabBody implements Body {
  readonly headRoom = HEAD_ROOM;
  byteLength = 0;
  chunks: Buffer[] = [];
  readonly #expected: number;
  readonly #reserve: (bytes: number) => boolean;
  #slabs: Buffer[] = [];
  /** Free bytes in the last slab. */
  #room = 0;

  /** `expected`: the declared length; 0: unknown. */
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

  /** The body is complete. */
  finish(): void {
    const last = this.#slabs.length - 1;
    for (const [i, slab] of this.#slabs.entries()) {
      const end = i === last ? slab.length - this.#room : slab.length;
      this.chunks.push(slab.subarray(i === 0 ? HEAD_ROOM : 0, end));
    }
  }

  release(): void {
    for (const slab of this.#slabs) giveBackSlab(slab);
    this.#slabs = [];
    this.chunks = [];
  }

  /**
   * A new slab adds as much as is there, or half of it without a declared length: memory follows what has arrived rather
   * than what was declared, and at most twice the body is held.
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
 * The complete body or its fault; synchronously if it arrived with the head, as most do. `expectedBytes`: the declared
 * length; 0: unknown. Memory is requested with `reserve` before it is taken; the caller releases all of it.
 */
export function readBody(
  source: BodySource,
  maxBytes: number,
  timeoutMs: number,
  expectedBytes: number,
  reserve: (bytes: number) => boolean,
): Body | BodyFault | Promise<Body | BodyFault> {
  const reader = new BodyReader(new SlabBody(expectedBytes, reserve), maxBytes);
  source.readBody(reader);
  return reader.outcome ?? reader.outcomeWithin(timeoutMs);
}

class BodyReader implements BodySink {
  /** Undefined: not known yet. */
  outcome: Body | BodyFault | undefined;
  readonly #body: SlabBody;
  readonly #maxBytes: number;
  #settled: ((outcome: Body | BodyFault) => void) | undefined;

  constructor(body: SlabBody, maxBytes: number) {
    this.#body = body;
    this.#maxBytes = maxBytes;
  }

  data(chunk: Buffer): boolean {
    if (this.outcome !== undefined) return false;
    const fault = this.#faultWith(chunk);
    if (fault !== undefined) this.#settle(fault);
    return fault === undefined;
  }

  end(): void {
    if (this.outcome !== undefined) return;
    this.#body.finish();
    this.#settle(this.#body);
  }

  aborted(): void {
    this.#settle('aborted');
  }

  outcomeWithin(timeoutMs: number): Promise<Body | BodyFault> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle('timeout'), timeoutMs);
      this.#settled = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
    });
  }

  #faultWith(chunk: Buffer): BodyFault | undefined {
    if (this.#body.byteLength + chunk.length > this.#maxBytes) return 'too_large';
    return this.#body.add(chunk) ? undefined : 'over_budget';
  }

  /** The first outcome counts. */
  #settle(outcome: Body | BodyFault): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    if (outcome !== this.#body) this.#body.release();
    this.#settled?.(outcome);
  }
}
