/**
 * Content encodings other than snappy: decoded up to a cap that holds before memory is taken, and encoded again. Trailing
 * data is an error: the next reader might see another body in it.
 */
import zlib, { gunzipSync, gzipSync } from 'node:zlib';
import { lz4Store, lz4Uncompress } from './lz4.js';
import type { Broken } from './push.js';
import type { Encoding } from './source.js';

/** The output of the inflater grows in steps of this size. */
const CHUNK_BYTES = 64 * 1024;

interface Inflated {
  readonly buffer: Buffer;
  /** How much of the body was read. */
  readonly engine: { readonly bytesWritten: number };
}

type Inflate = (body: Uint8Array, options: object) => Inflated;

/** Available from Node 22.15 on. */
const { zstdDecompressSync, zstdCompressSync } = zlib as unknown as {
  readonly zstdDecompressSync?: Inflate;
  readonly zstdCompressSync?: (plain: Uint8Array) => Buffer;
};

/** Whether this Node supports zstd. */
export const READS_ZSTD = zstdDecompressSync !== undefined;

export function uncompress(body: Uint8Array, encoding: Encoding, maxBytes: number): Uint8Array | Broken {
  switch (encoding) {
    case 'identity':
      return body.length > maxBytes ? TOO_LARGE : body;
    case 'gzip':
      // As in Mimir, several members are one body.
      return inflate(gunzipSync as unknown as Inflate, 'gzip', body, maxBytes);
    case 'zstd':
      if (zstdDecompressSync === undefined) return broken('this edge reads no zstd');
      return inflate(zstdDecompressSync, 'zstd', body, maxBytes);
    case 'lz4': {
      const plain = lz4Uncompress(body, maxBytes);
      if (plain instanceof Uint8Array) return plain;
      return plain === 'too_large' ? TOO_LARGE : broken(`the lz4 data is not sound (${plain.fault})`);
    }
  }
}

export function compress(plain: Uint8Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'identity':
      return plain;
    case 'gzip':
      return gzipSync(plain, { level: FAST });
    case 'zstd':
      if (zstdCompressSync === undefined) throw new Error('a body in zstd was read without zstd');
      return zstdCompressSync(plain);
    case 'lz4':
      return lz4Store(plain);
  }
}

const FAST = 1;

export const TOO_LARGE: Broken = {
  kind: 'broken',
  code: 'too_large',
  message: 'the body is too large when uncompressed',
  offset: 0,
};

function inflate(
  read: Inflate,
  name: 'gzip' | 'zstd',
  body: Uint8Array,
  maxBytes: number,
): Uint8Array | Broken {
  try {
    const { buffer, engine } = read(body, {
      maxOutputLength: maxBytes,
      chunkSize: CHUNK_BYTES,
      info: true,
    });
    return engine.bytesWritten === body.length ? buffer : broken(`there are bytes behind the ${name} data`);
  } catch (error) {
    if (isTooLarge(error)) return TOO_LARGE;
    return broken(`the ${name} data is not sound (${error instanceof Error ? error.message : error})`);
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function broken(message: string): Broken {
  return { kind: 'broken', code: 'compression', message, offset: 0 };
}
