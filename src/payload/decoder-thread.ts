/**
 * What a thread of the pool does, with the same code as inline: decodes, and transfers records and body without a copy, or
 * rewrites a body.
 */
import { Piscina } from 'piscina';
import { InlineFilter } from './filter.js';
import type { HashKey } from './hash-key.js';
import { InlineDecoder } from './inline-decoder.js';
import { type Decoded, type DecodeOptions, ownedPush, type Push } from './push.js';
import type { Rows } from './rows.js';

type Transferable = Parameters<typeof Piscina.move>[0];

export interface DecodeTask {
  readonly body: Uint8Array;
  readonly options: DecodeOptions;
  readonly hashKey: HashKey;
  readonly maxRetainedBytes: number;
}

export interface FilterTask {
  readonly push: Push;
  readonly leftOut: Rows;
  readonly maxRetainedBytes: number;
}

/** After this time the sender has given up. */
const MAY_REWRITE = { work: 1 << 22, ms: 30_000 };

let decoder: InlineDecoder | undefined;
let filters: InlineFilter | undefined;

export function decode({ body, options, hashKey, maxRetainedBytes }: DecodeTask): unknown {
  decoder ??= new InlineDecoder(maxRetainedBytes, hashKey, MAY_REWRITE);
  decoder.setHashKey(hashKey);
  const decoded: Decoded = decoder.decode([body], body.length, options);
  if (decoded.kind !== 'push') return decoded;
  // Views on the kernel's memory can not leave the thread.
  const push = ownedPush(decoded);
  return Piscina.move({
    [Piscina.transferableSymbol]: [push.records.buffer, push.body.buffer],
    [Piscina.valueSymbol]: push,
  } as unknown as Transferable);
}

export function filter({ push, leftOut, maxRetainedBytes }: FilterTask): unknown {
  filters ??= new InlineFilter(maxRetainedBytes);
  return filters.filter(push, leftOut);
}
