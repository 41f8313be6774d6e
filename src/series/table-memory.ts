/** An instance of the WASM module in src/series/kernel, with views of its memory that are renewed when it grows. */
import { readFileSync } from 'node:fs';

interface TableExports {
  readonly memory: WebAssembly.Memory;
  init(tenants: number, mostSeries: number): number;
  lookup(
    rows: number,
    hasExcluded: number,
    tenant: number,
    minute: number,
    idleMinutes: number,
    mark: number,
    maySee: number,
  ): number;
  see(rows: number, tenant: number, minute: number): void;
  admit(
    rows: number,
    tenant: number,
    minute: number,
    mark: number,
    mostOfTenant: number,
    mostOfMetric: number,
    window: number,
    most: number,
  ): number;
  takeBack(rows: number, tenant: number, window: number): void;
  remember(rows: number, tenant: number, minute: number, mark: number, window: number): number;
  sweep(mostSegments: number, minute: number, idleMinutes: number, leaving: number): number;
  findWanted(rows: number, tenant: number): number;
  newOfMetric(metric: number, window: number): number;
}

const tableModule = new WebAssembly.Module(readFileSync(new URL('./series-table.wasm', import.meta.url)));

const RESULT_WORD = 1024 / 4;

/** Words of the results, as kernel/series.ts has them. */
export const RESULT = {
  input: 0,
  excluded: 1,
  unknown: 2,
  unannounced: 3,
  outcomes: 4,
  unannouncedRows: 5,
  series: 6,
  segments: 7,
  bytes: 8,
  metrics: 9,
  chunks: 10,
  refused: 11,
  observed: 12,
  unseen: 13,
  unseenRows: 14,
} as const;

export class TableMemory {
  readonly exports: TableExports;
  bytes: Uint8Array;
  words: Uint32Array;

  constructor(maxTenants: number, maxSeries: number) {
    this.exports = new WebAssembly.Instance(tableModule).exports as unknown as TableExports;
    const started = this.exports.init(maxTenants, maxSeries);
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.words = new Uint32Array(this.exports.memory.buffer);
    if (started === 0) throw new RangeError('there is no memory for the table of series');
  }

  result(word: number): number {
    return this.words[RESULT_WORD + word] ?? 0;
  }

  /** Growing detaches all views: call it after anything that may have grown the memory. */
  refresh(): void {
    const { buffer } = this.exports.memory;
    if (this.bytes.buffer === buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }
}
