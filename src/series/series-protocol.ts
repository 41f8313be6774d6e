/** What replicas ask of the store that knows all their series, and what it answers. Rows are those of series-rows.ts. */

/** What the store says with each answer. */
export interface FleetState {
  /** The tenant's series over all replicas, by now. */
  readonly total: number;
  /** Changes when the store has lost what it knew of the tenant. */
  readonly epoch: string;
  /** Series are forgotten that were announced neither in this generation nor in the one before. */
  readonly generation: number;
  /** Until the next one. */
  readonly leftMs: number;
}

/** May these be new series of the tenant? */
export interface AdmitCall {
  readonly rows: Uint32Array;
  /** So many of them, the first, are known here: they are announced with this call, whatever the limits. */
  readonly announced: number;
  /** NO_LIMIT: none. */
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  readonly allOrNothing: boolean;
  /** Nothing is refused for good while headroom is reserved: two replicas may have reserved it for the same series. */
  readonly noFinalRefusals: boolean;
  /**
   * Nothing is admitted or remembered: which of them are known? The others are REFUSED_TENANT. Only for stores in which
   * headroom can be reserved.
   */
  readonly lookOnly?: true;
  /** What is announced is remembered for so long, at least. The same for all that share a store. */
  readonly generationMs: number;
}

export interface AdmitReply extends FleetState {
  /** What became of each row. */
  readonly outcomes: Uint8Array;
  /** How many series there were when the first was refused. */
  readonly observed: number;
}

/** Headroom for so many series more, to be admitted now and announced later. */
export interface ReserveCall {
  readonly series: number;
  /** All that the tenant may have with them. */
  readonly mostOfTenant: number;
  readonly generationMs: number;
}

export interface ReserveReply extends FleetState {
  /** Where it is reserved; empty when there is not so much. */
  readonly reservation: string;
}

/** These are series of the tenant: they are known here, or admitted with headroom that is reserved. */
export interface AnnounceCall {
  readonly rows: Uint32Array;
  /** As much headroom as they take goes back there; empty when none was reserved. */
  readonly reservation: string;
  /** The tenant has a limit for metrics: the store counts its series by metric. */
  readonly countMetrics: boolean;
  readonly generationMs: number;
}

export interface AnnounceReply extends FleetState {
  /** Which of them were new to the store. */
  readonly outcomes: Uint8Array;
}
