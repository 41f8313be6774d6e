/** What the primary and its workers say to each other. Structured clones: every number arrives as it was. */
import type { AddressInfo } from 'node:net';
import type { Readiness } from '../admin/admin-server.js';
import type { Config } from '../config/config.js';
import type { NumberedReply, NumberedRequest } from '../shared/ipc/ipc-store.js';
import type { MetricValues } from '../telemetry/summed-metrics.js';

export type ToWorker =
  | { readonly kind: 'start'; readonly worker: number; readonly config: Config; readonly admin: AddressInfo }
  | { readonly kind: 'stop' }
  | { readonly kind: 'store'; readonly replies: readonly NumberedReply[] }
  | { readonly kind: 'ask'; readonly about: keyof Answers };

export type ToPrimary =
  /** It listens to messages now; what was sent before is lost. */
  | { readonly kind: 'here' }
  | { readonly kind: 'serving'; readonly proxy: AddressInfo | undefined }
  | { readonly kind: 'store'; readonly requests: readonly NumberedRequest[] }
  | { readonly kind: 'answer'; readonly answers: Partial<Answers> };

/** What the primary asks its workers for. A worker that ends in good order sends its last metrics unasked. */
export interface Answers {
  readonly metrics: readonly MetricValues[];
  readonly readiness: Readiness;
}
