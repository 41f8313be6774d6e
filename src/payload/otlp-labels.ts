/**
 * The labels of series of an OTLP push. Such a push only has its request: the series of single data points are computed
 * again by the translation that judged them.
 */
import { OWN_HASH_KEY } from './hash-key.js';
import { KernelInstance } from './kernel-instance.js';
import { type Push, RECORD_OFFSET, RECORD_WORDS } from './push.js';

/** For more rows it is cheaper to translate the whole request. */
const FEW_ROWS = 16;
/** A kernel that has grown beyond this is dropped. */
const MOST_RETAINED_BYTES = 4 << 20;

let kernel: KernelInstance | undefined;

/** The series of these rows, as messages of a prometheus.WriteRequest. */
export function writtenSeries(push: Push, rows: readonly number[]): Uint8Array[] {
  kernel ??= new KernelInstance(OWN_HASH_KEY);
  const written = rows.length > FEW_ROWS ? amongAll(kernel, push, rows) : oneByOne(kernel, push, rows);
  if (kernel.memoryBytes > MOST_RETAINED_BYTES) kernel = undefined;
  return written;
}

function amongAll(by: KernelInstance, push: Push, rows: readonly number[]): Uint8Array[] {
  by.loadOtlp(push.body, push.translation);
  const all = by.writeOtlp(push.body.length, push.translation);
  return rows.map((row) => all(row));
}

/** Translates one data point at a time. */
function oneByOne(by: KernelInstance, push: Push, rows: readonly number[]): Uint8Array[] {
  by.loadOtlp(push.body, push.translation);
  return rows.map((row) => {
    const first = firstOfPoint(push, row);
    const at = push.records[row * RECORD_WORDS + RECORD_OFFSET];
    return by.writeOtlp(push.body.length, push.translation, at)(row - first);
  });
}

/** The first row of the same data point. */
function firstOfPoint({ records }: Push, row: number): number {
  const originOf = (one: number): number | undefined => records[one * RECORD_WORDS + RECORD_OFFSET];
  let first = row;
  while (first > 0 && originOf(first - 1) === originOf(row)) first--;
  return first;
}
