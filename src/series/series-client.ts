/** The way to the store that replicas share their series through, as one tenant's series see it. */
import type { OnLoss } from '../enforce/ledger.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceCall,
  AnnounceReply,
  ReserveCall,
  ReserveReply,
} from './series-protocol.js';

/** Hears what the store says to each part of what is announced, and when that was sent. */
export type Announced = (rows: Uint32Array, reply: AnnounceReply, sentMs: number) => void;

/**
 * Why the store said nothing of a push. Lost: it is down, or gave no answer in time, and nobody knows whether it was done.
 * Busy: too much waits for it, here or there; that is no outage, and the push may come again.
 */
export type Unheard = 'lost' | 'busy';

/** What the store said of each row. Those that it was not heard about are PENDING. */
export interface Admitted extends AdmitReply {
  readonly unheard?: Unheard;
}

/** Nothing here ever rejects. */
export interface SeriesClient {
  readonly onLoss: OnLoss;
  /** Headroom for series can be reserved. Where a call costs next to nothing there is no need. */
  readonly reservesHeadroom: boolean;
  replicas(): number;
  /** Undefined: the store can not be asked. */
  admit(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> | undefined;
  /**
   * Undefined: there is no such way, the store can not be asked, or enough is to be announced already. `alone`: one
   * push may be larger than all that may be announced; then it goes when nothing else is to be.
   */
  reserve(tenant: string, call: ReserveCall, alone?: boolean): Promise<ReserveReply | 'lost'> | undefined;
  /**
   * Tells the store on the side, in parts. Answers how many series it could not be told of: all, when enough is to be
   * announced already. What headroom is reserved for is always taken.
   */
  announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number>;
}
