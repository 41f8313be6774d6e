/** The table's records of metrics: one for each metric name of each tenant that has series. Laid out by kernel/metrics.ts. */
import { RESULT, type TableMemory } from './table-memory.js';

const RECORDS_IN_CHUNK = 255;
const RECORD_WORDS = 8;
const TENANT_WORD = 2;
const SERIES_WORD = 3;
const WANTED = 0x80000000;

export class MetricRecords {
  readonly #memory: TableMemory;
  readonly #chunks: number[] = [];

  constructor(memory: TableMemory) {
    this.#memory = memory;
  }

  /** Metrics that have series. */
  get size(): number {
    return this.#memory.result(RESULT.metrics);
  }

  /** Records that there are, some of them free; they are numbered from 0. */
  get records(): number {
    this.#findChunks();
    return this.#chunks.length * RECORDS_IN_CHUNK;
  }

  /** The address of a record. The first of a chunk is none: it says where the chunk before is. */
  at(index: number): number {
    const chunk = this.#chunks[Math.floor(index / RECORDS_IN_CHUNK)] ?? 0;
    return chunk + ((index % RECORDS_IN_CHUNK) + 1) * RECORD_WORDS * 4;
  }

  tenantOf(metric: number): number {
    return this.#word(metric, TENANT_WORD) & ~WANTED;
  }

  /** 0: the record is free. */
  seriesOf(metric: number): number {
    return this.#word(metric, SERIES_WORD);
  }

  newSeriesOf(metric: number, window: number): number {
    return this.#memory.exports.newOfMetric(metric, window);
  }

  /** Tells one metric of one tenant from all others, also from those that had the same record before. */
  idOf(metric: number): number {
    // As many bits of the key as a number holds: no two of a tenant's few largest metrics share them.
    return this.#word(metric, 1) * 2 ** 21 + (this.#word(metric, 0) >>> 11);
  }

  wantName(metric: number, wanted: boolean): void {
    const tenant = this.tenantOf(metric);
    this.#memory.words[metric / 4 + TENANT_WORD] = wanted ? tenant | WANTED : tenant;
  }

  /** Chunks that were made since this was called last: each knows the one before it. */
  #findChunks(): void {
    const known = this.#chunks.at(-1) ?? 0;
    const found: number[] = [];
    let chunk = this.#memory.result(RESULT.chunks);
    for (; chunk !== known; chunk = this.#word(chunk, 0)) found.push(chunk);
    this.#chunks.push(...found.reverse());
  }

  #word(address: number, word: number): number {
    return this.#memory.words[address / 4 + word] ?? 0;
  }
}
