/** The calls with which replicas ask the store that knows all series, and its replies. Rows are those of series-rows.ts. */

/** What the store says with each answer. */
export interface FleetState {
  /** The tenant's current series over all replicas. */
  readonly total: number;
  /** Changes when the store has lost its data about the tenant. */
  readonly epoch: string;
  /** Series that were announced neither in this generation nor in the one before are forgotten. */
  readonly generation: number;
  /** Time until the next generation. */
  readonly leftMs: number;
}

/** Admits series as new, within the limits. */
export interface AdmitCall {
  readonly rows: Uint32Array;
  /** The first rows, this many, are known here and are announced with this call regardless of limits. */
  readonly announced: number;
  /** NO_LIMIT: none. */
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  readonly allOrNothing: boolean;
  /** Nothing is refused for good while headroom is reserved: two replicas may have reserved it for the same series. */
  readonly noFinalRefusals: boolean;
  /**
   * Only asks which rows are known; the others become REFUSED_TENANT. Only for stores in which headroom can be reserved.
   */
  readonly lookOnly?: true;
  /** The minimal time for which announcements are remembered. The same for all replicas of a store. */
  readonly generationMs: number;
}

export interface AdmitReply extends FleetState {
  /** What became of each row. */
  readonly outcomes: Uint8Array;
  /** How many series there were when the first was refused. */
  readonly observed: number;
}

/** Reserves headroom for series that are admitted now and announced later. */
export interface ReserveCall {
  readonly series: number;
  /** The tenant's limit, which the reserved series count towards. */
  readonly mostOfTenant: number;
  readonly generationMs: number;
}

export interface ReserveReply extends FleetState {
  /** Identifies the reservation; empty when there is not enough headroom. */
  readonly reservation: string;
}

/** Announces series that are known here, or were admitted with reserved headroom. */
export interface AnnounceCall {
  readonly rows: Uint32Array;
  /** The reservation that these series use up; empty when there is none. */
  readonly reservation: string;
  /** The tenant has a limit on metrics, so the store counts its series by metric. */
  readonly countMetrics: boolean;
  readonly generationMs: number;
}

export interface AnnounceReply extends FleetState {
  /** Which of them were new to the store. */
  readonly outcomes: Uint8Array;
}
