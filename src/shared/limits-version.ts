/**
 * How this replica's limits rank among those of all replicas of a store. A replica's calls about buckets carry the version
 * that the store gave its limits, so that one with old documents never overrules the others.
 *
 * The store knows contents by their hashes, in the order in which they reached the fleet. A content that is new to the
 * fleet is the newest; one that others had before keeps its place, unless this replica had a newer one itself, because then
 * it was rolled back on purpose. This uses no replica's clock, only which of them still have which content.
 */
import type { LimitsStanding } from '../buckets/lease-protocol.js';

/** One content as a replica has it. */
export interface LimitsContent {
  readonly hash: string;
  /** Its place in the order, as last reported; 0: unknown. */
  readonly place: number;
  /** The place of this replica's previous content; 0: none. */
  readonly before: number;
}

export interface LimitsCall {
  /** The content of the documents, and of the documents with all controls. */
  readonly documents: LimitsContent;
  readonly all: LimitsContent;
  /** The highest version that this replica knows. */
  readonly version: number;
}

export interface LimitsReply {
  /** Places; `all` is 0 if others have newer documents. */
  readonly documents: number;
  readonly all: number;
  /** False: a live replica has newer ones. */
  readonly areNewest: boolean;
  /** The version of the newest. */
  readonly version: number;
}

export interface LimitsHashes {
  /** Empty: the documents are not read yet, which counts as older than any. */
  readonly documents: string;
  readonly all: string;
}

/** The call is not about a tenant. */
const NO_TENANT = '';

interface Followed {
  readonly hash: string;
  place: number;
  before: number;
}

export class LimitsVersion implements LimitsStanding {
  version = 0;
  isUnknown = true;
  readonly #ask: (tenant: string, call: LimitsCall) => Promise<LimitsReply | 'lost'>;
  #documents: Followed | undefined;
  #all: Followed | undefined;
  #highest = 0;
  #agreeing: Promise<void> | undefined;

  constructor(ask: (tenant: string, call: LimitsCall) => Promise<LimitsReply | 'lost'>) {
    this.#ask = ask;
  }

  saw(version: number): void {
    if (version > this.#highest) this.#highest = version;
  }

  /** These limits are in force here from now on. */
  are({ documents, all }: LimitsHashes): void {
    if (documents === this.#documents?.hash && all === this.#all?.hash) return;
    this.#documents = following(this.#documents, documents);
    this.#all = following(this.#all, all);
    this.version = 0;
    this.isUnknown = true;
  }

  /** Asks the store, one call at a time, until it was asked about the limits in force. Never rejects. */
  agree(): Promise<void> {
    this.#agreeing ??= this.#agree().finally(() => {
      this.#agreeing = undefined;
    });
    return this.#agreeing;
  }

  async #agree(): Promise<void> {
    const [documents, all] = [this.#documents, this.#all];
    if (documents === undefined || all === undefined) return;
    const call = { documents: { ...documents }, all: { ...all }, version: this.#highest };
    const reply = await this.#ask(NO_TENANT, call);
    if (reply === 'lost') return;
    this.saw(reply.version);
    place(documents, this.#documents, reply.documents);
    place(all, this.#all, reply.all);
    if (documents !== this.#documents || all !== this.#all) return this.#agree();
    this.version = reply.areNewest ? reply.version : 0;
    this.isUnknown = false;
  }
}

function following(before: Followed | undefined, hash: string): Followed {
  if (before?.hash === hash) return before;
  return { hash, place: 0, before: before?.place || (before?.before ?? 0) };
}

/** `asked` may have been replaced while the store was asked about it. */
function place(asked: Followed, now: Followed | undefined, place: number): void {
  if (place === 0) return;
  asked.place = place;
  if (asked === now) asked.before = 0;
  else if (now !== undefined) now.before = Math.max(now.before, place);
}
