/**
 * Content encodings other than snappy: taken off up to a cap, before memory is taken for more, and put on again. What is left over
 * behind the data is a fault: whoever reads on after the edge might see another body in it.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Broken } from './push.js';
import type { Encoding } from './source.js';

/** Bytes that the inflater's output grows by. */
const CHUNK_BYTES = 64 * 1024;

export function uncompress(body: Uint8Array, encoding: Encoding, maxBytes: number): Uint8Array | Broken {
  switch (encoding) {
    case 'identity':
      return body.length > maxBytes ? TOO_LARGE : body;
    case 'gzip':
      return gunzip(body, maxBytes);
  }
}

export function compress(plain: Uint8Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'identity':
      return plain;
    case 'gzip':
      return gzipSync(plain, { level: FAST });
  }
}

const FAST = 1;

export const TOO_LARGE: Broken = {
  kind: 'broken',
  code: 'too_large',
  message: 'the body is too large when uncompressed',
  offset: 0,
};

/** Several members are one body, as for Mimir. */
function gunzip(body: Uint8Array, maxBytes: number): Uint8Array | Broken {
  try {
    const { buffer, engine } = gunzipSync(body, {
      maxOutputLength: maxBytes,
      chunkSize: CHUNK_BYTES,
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return engine.bytesWritten === body.length ? buffer : broken('there are bytes behind the gzip data');
  } catch (error) {
    if (isTooLarge(error)) return TOO_LARGE;
    return broken(`the gzip data is not sound (${error instanceof Error ? error.message : error})`);
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function broken(message: string): Broken {
  return { kind: 'broken', code: 'compression', message, offset: 0 };
}
