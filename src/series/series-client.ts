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

/** Lost: there was no answer in time, and nobody knows whether it was done. Nothing here ever rejects. */
export interface SeriesClient {
  readonly onLoss: OnLoss;
  replicas(): number;
  /** Undefined: the store can not be asked. */
  admit(tenant: string, call: AdmitCall): Promise<AdmitReply | 'lost'> | undefined;
  /** Undefined: there is no such way, the store can not be asked, or enough is to be announced already. */
  reserve(tenant: string, call: ReserveCall): Promise<ReserveReply | 'lost'> | undefined;
  /**
   * Tells the store on the side, in parts. Answers how many series it could not be told of: all, when enough is to be
   * announced already. What headroom is reserved for is always taken.
   */
  announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number>;
}
