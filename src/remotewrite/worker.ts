/** Decodes in a thread of the pool, with the same code as inline, and hands records and body over without a copy. */
import { Piscina } from 'piscina';
import { InlineDecoder } from './inline-decoder.js';
import type { Decoded, DecodeOptions, Push } from './push.js';

type Transferable = Parameters<typeof Piscina.move>[0];

export interface DecodeTask {
  readonly body: Uint8Array;
  readonly options: DecodeOptions;
  readonly maxRetainedBytes: number;
}

let decoder: InlineDecoder | undefined;

export function decode({ body, options, maxRetainedBytes }: DecodeTask): unknown {
  decoder ??= new InlineDecoder(maxRetainedBytes);
  const decoded: Decoded = decoder.decode([body], body.length, options);
  if (decoded.kind !== 'push') return decoded;
  // Views on the kernel's memory can not leave the thread: these two are copied, then moved.
  const push: Push = { ...decoded, records: decoded.records.slice(), body: decoded.body.slice() };
  return Piscina.move({
    [Piscina.transferableSymbol]: [push.records.buffer, push.body.buffer],
    [Piscina.valueSymbol]: push,
  } as unknown as Transferable);
}
