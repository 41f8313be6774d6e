/**
 * The labels of series of an OTLP push. A push has its request alone: what single data points become is found out once more, by
 * the translation that judged them.
 */
import { OWN_HASH_KEY } from './hash-key.js';
import { KernelInstance } from './kernel-instance.js';
import { type Push, RECORD_OFFSET, RECORD_WORDS } from './push.js';

/** For more rows than these it is cheaper to translate the whole request than to look for each. */
const FEW_ROWS = 16;
/** A kernel that has grown past this is given up. */
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

/** Of each data point its series alone are written. */
function oneByOne(by: KernelInstance, push: Push, rows: readonly number[]): Uint8Array[] {
  by.loadOtlp(push.body, push.translation);
  return rows.map((row) => {
    const first = firstOfPoint(push, row);
    const at = push.records[row * RECORD_WORDS + RECORD_OFFSET];
    return by.writeOtlp(push.body.length, push.translation, at)(row - first);
  });
}

/** The first row that is of the same data point. */
function firstOfPoint({ records }: Push, row: number): number {
  const originOf = (one: number): number | undefined => records[one * RECORD_WORDS + RECORD_OFFSET];
  let first = row;
  while (first > 0 && originOf(first - 1) === originOf(row)) first--;
  return first;
}
