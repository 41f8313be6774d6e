/** What replicas ask of the store that knows all their series, and what it answers. */
import type { OnLoss } from '../buckets/leased-bucket.js';

export interface SeriesCall {
  /** Two words of a series' hash and two of its metric's, for each. */
  readonly words: Uint32Array;
  /** So many of them, the first, are known here: the store is told of them, and takes them whatever the limits. */
  readonly announced: number;
  /** NO_LIMIT: none. */
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  /** All that is new or nothing. */
  readonly whole: boolean;
  /** Nothing is refused for good while room is reserved: two replicas may have reserved it for the same series. */
  readonly patient: boolean;
  /** Room is reserved for so many more series, if there is. */
  readonly reserve: number;
  /** Where room was reserved for these, which comes back with this call; empty when none was. */
  readonly slot: string;
  /** What is announced is remembered for so long, at least. The same for all that share a store. */
  readonly generationMs: number;
}

export interface SeriesReply {
  /** What became of each series, in the words of series-table.ts. */
  readonly became: Uint8Array;
  /** The tenant's series over all replicas, by now. */
  readonly total: number;
  /** How many there were when the first was refused. */
  readonly observed: number;
  /** Changes when the store has lost what it knew of the tenant. */
  readonly epoch: string;
  /** Series are forgotten that were announced neither in this generation nor in the one before. */
  readonly generation: number;
  /** Until the next one. */
  readonly leftMs: number;
  /** Where room is reserved now, as the call asked; empty when there was none. */
  readonly slot: string;
}

/** Hears what the store says to each part of what is announced. */
export type Learn = (words: Uint32Array, reply: SeriesReply, askedMs: number) => void;

export interface SeriesStore {
  readonly onLoss: OnLoss;
  replicas(): number;
  /** Undefined: the store can not be asked. Lost: nobody knows whether it was done. Never rejects. */
  admit(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined;
  /** Room alone. Undefined: there is no such way, the store can not be asked, or enough is to be announced already. */
  reserve(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined;
  /**
   * Tells the store on the side, in parts, of series that are known here. Answers how many it was not told of: all,
   * when enough is to be announced already. What room is reserved for is always taken. Never rejects.
   */
  announce(tenant: string, call: SeriesCall, learn: Learn): Promise<number>;
}
