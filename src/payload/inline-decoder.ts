/** Decodes where it is called, at once. The Push it gives holds until its next decode. */
import { gunzipSync } from 'node:zlib';
import { KernelInstance } from './kernel-instance.js';
import type { Broken, Decoded, DecodeOptions } from './push.js';

export class InlineDecoder {
  readonly #maxRetainedBytes: number;
  #kernel = new KernelInstance();

  /** A kernel that has grown past `maxRetainedBytes` is given up before the next push. */
  constructor(maxRetainedBytes: number) {
    this.#maxRetainedBytes = maxRetainedBytes;
  }

  get memoryBytes(): number {
    return this.#kernel.memoryBytes;
  }

  decode(chunks: readonly Uint8Array[], byteLength: number, options: DecodeOptions): Decoded {
    if (this.#kernel.memoryBytes > this.#maxRetainedBytes) this.#kernel = new KernelInstance();
    if (options.encoding !== 'gzip')
      return this.#decode(chunks, byteLength, options, options.encoding === 'snappy');
    const plain = gunzip(chunks, options.maxUncompressedBytes);
    if (!(plain instanceof Uint8Array)) return plain;
    const decoded = this.#decode([plain], plain.length, options, false);
    return decoded.kind === 'push' ? { ...decoded, compressedBytes: byteLength } : decoded;
  }

  #decode(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    snappy: boolean,
  ): Decoded {
    return this.#kernel.decode(chunks, byteLength, {
      snappy,
      version: options.version,
      maxUncompressedBytes: options.maxUncompressedBytes,
      maxSeries: options.maxSeries,
      excludeLabel: options.excludeLabel,
      clusterLabel: options.clusterLabel ?? '',
    });
  }
}

function gunzip(chunks: readonly Uint8Array[], maxBytes: number): Uint8Array | Broken {
  try {
    return gunzipSync(Buffer.concat(chunks), { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ERR_BUFFER_TOO_LARGE'
      ? { kind: 'broken', code: 'too_large', message: 'the body is too large when uncompressed', offset: 0 }
      : { kind: 'broken', code: 'gzip', message: 'the body is not valid gzip', offset: 0 };
  }
}
