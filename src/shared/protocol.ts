/** The calls that a store answers, and their replies. Each is about one tenant, except the last two. */
import type { LeaseCall, LeaseReply } from '../buckets/lease-protocol.js';
import type { ElectCall, ElectReply, ResignCall } from '../elections/shared-elections.js';
import type { HashKey } from '../payload/hash-key.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceCall,
  AnnounceReply,
  ReserveCall,
  ReserveReply,
} from '../series/series-protocol.js';
import type { LimitsCall, LimitsReply } from './limits-version.js';

interface Calls {
  lease: LeaseCall;
  elect: ElectCall;
  resign: ResignCall;
  admit: AdmitCall;
  reserve: ReserveCall;
  announce: AnnounceCall;
  hashKey: { readonly own: HashKey };
  limits: LimitsCall;
}

interface Replies {
  lease: LeaseReply;
  elect: ElectReply;
  resign: undefined;
  admit: AdmitReply;
  reserve: ReserveReply;
  announce: AnnounceReply;
  hashKey: HashKey;
  limits: LimitsReply;
}

export type CallKind = keyof Calls;
export type Call<K extends CallKind> = Calls[K];
export type Reply<K extends CallKind> = Replies[K];

/** A call in transit. */
export type StoreRequest = {
  [K in CallKind]: { readonly kind: K; readonly tenant: string; readonly call: Call<K> };
}[CallKind];
export type StoreReply = Reply<CallKind>;
