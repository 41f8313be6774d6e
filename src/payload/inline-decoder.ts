/** Decodes synchronously. The resulting Push is valid until the next decode. */
import { decodeSource } from './decode-source.js';
import { type HashKey, OWN_HASH_KEY } from './hash-key.js';
import { KernelInstance } from './kernel-instance.js';
import { ANY_REWRITING, LabelRewriter, type RewritingAllowance } from './label-rewriter.js';
import type { Decoded, DecodeOptions } from './push.js';

export class InlineDecoder {
  readonly #maxRetainedBytes: number;
  readonly #mayRewrite: RewritingAllowance;
  #hashKey: HashKey;
  #kernel: KernelInstance;
  #rewriter: LabelRewriter | undefined;

  /** A kernel that has grown beyond `maxRetainedBytes` is dropped before the next push. */
  constructor(maxRetainedBytes: number, hashKey = OWN_HASH_KEY, mayRewrite = ANY_REWRITING) {
    this.#maxRetainedBytes = maxRetainedBytes;
    this.#mayRewrite = mayRewrite;
    this.#hashKey = hashKey;
    this.#kernel = new KernelInstance(hashKey);
  }

  get memoryBytes(): number {
    return this.#kernel.memoryBytes + (this.#rewriter?.memoryBytes ?? 0);
  }

  /** From the next push on. */
  setHashKey(hashKey: HashKey): void {
    if (Buffer.compare(hashKey, this.#hashKey) !== 0) this.#rewriter?.forget();
    this.#hashKey = hashKey;
    this.#kernel.setHashKey(hashKey);
  }

  /** Snappy, or uncompressed OTLP. */
  decode(chunks: readonly Uint8Array[], byteLength: number, options: DecodeOptions): Decoded {
    const { source } = options;
    if (source !== undefined) {
      return decodeSource(source, whole(chunks, byteLength), options, (message, how) =>
        this.decodePlain(message, how),
      );
    }
    if (options.protocol === 'otlp') return this.decodePlain(whole(chunks, byteLength), options);
    const kernel = this.#freshKernel();
    return this.#rewritten(kernel, kernel.decode(chunks, byteLength, options, true), options);
  }

  /** Decodes an uncompressed message, which no sender sends but people may want to inspect. */
  decodePlain(message: Uint8Array, options: DecodeOptions): Decoded {
    const kernel = this.#freshKernel();
    if (options.protocol === 'otlp') return this.#decodeOtlp(kernel, message, options);
    return this.#rewritten(kernel, kernel.decode([message], message.length, options, false), options);
  }

  /** Series are written only if their labels have to be read: for relabelling, and to look for HA pairs. */
  #decodeOtlp(kernel: KernelInstance, message: Uint8Array, options: DecodeOptions): Decoded {
    const written = options.rewriting !== undefined || options.excludeLabel !== '';
    const decoded = kernel.decodeOtlp(message, options, written);
    if (!written || decoded.kind !== 'push') return decoded;
    const rewritten = this.#rewritten(kernel, decoded, options);
    if (rewritten.kind === 'push') kernel.pointAtPoints();
    return rewritten;
  }

  #rewritten(kernel: KernelInstance, decoded: Decoded, { rewriting }: DecodeOptions): Decoded {
    if (rewriting === undefined || decoded.kind !== 'push') return decoded;
    this.#rewriter ??= new LabelRewriter();
    return this.#rewriter.rewrite(kernel, decoded, rewriting, this.#mayRewrite);
  }

  #freshKernel(): KernelInstance {
    if (this.#kernel.memoryBytes > this.#maxRetainedBytes) this.#kernel = new KernelInstance(this.#hashKey);
    return this.#kernel;
  }
}

function whole(chunks: readonly Uint8Array[], byteLength: number): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, byteLength);
}
