/** The connection to the store that replicas share, as the series of one tenant use it. */
import type { OnLoss } from '../enforce/ledger.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceCall,
  AnnounceReply,
  ReserveCall,
  ReserveReply,
} from './series-protocol.js';

/** Receives the store's reply to each announced part, and when it was sent. */
export type Announced = (rows: Uint32Array, reply: AnnounceReply, sentMs: number) => void;

/**
 * Why the store did not answer. `lost`: it is down or late, and it is unknown whether the call was executed. `busy`: too
 * much is queued here or there; this is no outage, and the push may be retried.
 */
export type Unheard = 'lost' | 'busy';

/** The store's outcome for each row; PENDING where there was no answer. */
export interface Admitted extends AdmitReply {
  readonly unheard?: Unheard;
}

/** Nothing here ever rejects. */
export interface SeriesClient {
  readonly onLoss: OnLoss;
  /** Whether headroom can be reserved. Where calls cost next to nothing there is no need. */
  readonly reservesHeadroom: boolean;
  replicas(): number;
  /** Undefined: the store can not be asked. */
  admit(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> | undefined;
  /**
   * Undefined: not supported, the store can not be asked, or too much is waiting to be announced. `alone`: a push may be
   * larger than that limit; then it goes when nothing else is waiting.
   */
  reserve(tenant: string, call: ReserveCall, alone?: boolean): Promise<ReserveReply | 'lost'> | undefined;
  /**
   * Announces to the store in the background, in parts. Resolves to the number of series that it could not be told of: all
   * of them, if too much is waiting already. Series with reserved headroom are always accepted.
   */
  announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number>;
}
