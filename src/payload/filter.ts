/**
 * Writes the body of a push without some of its series. What is kept is copied as it is, as the byte ranges between the
 * series that are left out: labels, samples, metadata, symbols, and unknown fields.
 */
import { filterInflux } from './decode-source.js';
import { compress } from './encodings.js';
import { OWN_HASH_KEY } from './hash-key.js';
import { KernelInstance } from './kernel-instance.js';
import { toJson } from './otlp-json/to-json.js';
import { withoutPoints } from './otlp-points.js';
import { type FilteredBody, type Push, RECORD_LENGTH, RECORD_OFFSET, RECORD_WORDS } from './push.js';
import { hasRow, type Rows } from './rows.js';
import type { Source } from './source.js';

export class InlineFilter {
  readonly #maxRetainedBytes: number;
  #kernel: KernelInstance | undefined;

  /** A kernel that has grown beyond `maxRetainedBytes` is dropped after its push. */
  constructor(maxRetainedBytes: number) {
    this.#maxRetainedBytes = maxRetainedBytes;
  }

  get memoryBytes(): number {
    return this.#kernel?.memoryBytes ?? 0;
  }

  filter(push: Push, leftOut: Rows): FilteredBody {
    if (push.source?.form === 'influx') return filterInflux(push, push.source, leftOut);
    if (push.protocol === 'otlp') return asItCame(withoutPoints(push, leftOut), push.source);
    const length = keptLength(push, leftOut);
    this.#kernel ??= new KernelInstance(OWN_HASH_KEY);
    const block = this.#kernel.compress(length, (input) => copyKept(push, leftOut, input));
    if (this.#kernel.memoryBytes > this.#maxRetainedBytes) this.#kernel = undefined;
    return block ?? { kind: 'lost', message: 'there is no memory to write the push in' };
  }
}

/** In the original encoding, and as JSON if it was JSON; JSON loses unknown fields. */
function asItCame(request: Uint8Array, source: Source | undefined): Uint8Array {
  if (source?.form !== 'otlp') return request;
  return compress(source.json ? Buffer.from(toJson(request)) : request, source.encoding);
}

function keptLength(push: Push, leftOut: Rows): number {
  let length = push.body.length;
  for (let row = 0; row < push.series; row++) {
    if (hasRow(leftOut, row)) length -= push.records[row * RECORD_WORDS + RECORD_LENGTH] ?? 0;
  }
  return length;
}

/** Rows are in the order of the body. */
function copyKept(push: Push, leftOut: Rows, target: Uint8Array): void {
  const { body, records } = push;
  let from = 0;
  let to = 0;
  for (let row = 0; row < push.series; row++) {
    if (!hasRow(leftOut, row)) continue;
    const at = records[row * RECORD_WORDS + RECORD_OFFSET] ?? 0;
    target.set(body.subarray(from, at), to);
    to += at - from;
    from = at + (records[row * RECORD_WORDS + RECORD_LENGTH] ?? 0);
  }
  target.set(body.subarray(from), to);
}
