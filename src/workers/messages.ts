/** The messages between the primary and its workers, as structured clones: numbers arrive unchanged. */
import type { AddressInfo } from 'node:net';
import type { TopMetrics } from '../admin/edge.js';
import type { Machine } from '../app/counting-part.js';
import type { Orders, PlaneStatus, Report } from '../app/planes.js';
import type { Config } from '../config/config.js';
import type { SenderList } from '../doors/senders.js';
import type { SnapshotChange } from '../limits/snapshot-change.js';
import type { NumberedReply, NumberedRequest } from '../shared/ipc/ipc-store.js';
import type { MetricValues } from '../telemetry/summed-metrics.js';

export type ToWorker =
  | {
      readonly kind: 'start';
      readonly worker: number;
      readonly config: Config;
      readonly admin: AddressInfo;
      readonly machine: Machine;
      readonly orders: SentOrders;
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'orders'; readonly orders: SentOrders }
  | { readonly kind: 'store'; readonly replies: readonly NumberedReply[] }
  | { readonly kind: 'ask'; readonly question: Question };

export type ToPrimary =
  /** It listens to messages from now on; earlier ones are lost. */
  | { readonly kind: 'here' }
  | { readonly kind: 'serving'; readonly proxy: AddressInfo | undefined }
  | { readonly kind: 'obeyed' }
  | { readonly kind: 'store'; readonly requests: readonly NumberedRequest[] }
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** What it counted in ten seconds. */
  | { readonly kind: 'frame'; readonly frame: Uint8Array }
  /** It is about to end: the answers to questions that nobody can ask any more. */
  | { readonly kind: 'last'; readonly answers: readonly Answer[] };

/** Orders with the changes since the last ones; the first have everything. */
export interface SentOrders extends Omit<Orders, 'snapshot'> {
  readonly change: SnapshotChange;
}

export type Question =
  | { readonly about: 'report' }
  | { readonly about: 'status' }
  | { readonly about: 'metrics' }
  | { readonly about: 'top'; readonly tenant: string }
  | { readonly about: 'senders'; readonly tenant: string | undefined };

export type Answer =
  | { readonly about: 'report'; readonly report: Report }
  | { readonly about: 'status'; readonly status: PlaneStatus }
  | { readonly about: 'metrics'; readonly metrics: readonly MetricValues[] }
  | { readonly about: 'top'; readonly tenant: string; readonly top: TopMetrics }
  | {
      readonly about: 'senders';
      readonly tenant: string | undefined;
      readonly senders: SenderList;
    };

export type AnswerTo<Q extends Question> = Extract<Answer, { readonly about: Q['about'] }>;

/** The same for a question and its answer. */
export function keyOf(one: Question | Answer): string {
  switch (one.about) {
    case 'top':
    case 'senders':
      return `${one.about} ${one.tenant ?? ''}`;
    default:
      return one.about;
  }
}
