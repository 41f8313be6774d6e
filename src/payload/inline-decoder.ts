/** Decodes where it is called, at once. The Push it gives holds until its next decode. */
import { KernelInstance } from './kernel-instance.js';
import type { Decoded, DecodeOptions } from './push.js';

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
    return this.#freshKernel().decode(chunks, byteLength, options, true);
  }

  /** A message that is not compressed: no sender's, but what somebody may want to look into. */
  decodePlain(message: Uint8Array, options: DecodeOptions): Decoded {
    return this.#freshKernel().decode([message], message.length, options, false);
  }

  #freshKernel(): KernelInstance {
    if (this.#kernel.memoryBytes > this.#maxRetainedBytes) this.#kernel = new KernelInstance();
    return this.#kernel;
  }
}
