/**
 * Where this replica's limits stand among those of all that share a store. What a replica asks of a bucket carries the
 * version that the store has given its limits, so that a replica whose documents are old never overrules the others.
 *
 * The store knows contents by their hashes, each with its place in the order in which the fleet came to have them. A
 * content that nobody had is the newest; one that others had before is what it was then, unless this replica had a newer
 * one itself: whoever goes back means it. No clock of a replica is asked, only who still has what.
 */
import type { LimitsStanding } from '../buckets/lease-protocol.js';

/** One content as a replica has it. */
export interface LimitsContent {
  readonly hash: string;
  /** In the order of contents, as last told; 0: not yet. */
  readonly place: number;
  /** Of what this replica had before it; 0: nothing. */
  readonly before: number;
}

export interface LimitsCall {
  /** What the documents say, and what it comes to with that which is set for a time. */
  readonly documents: LimitsContent;
  readonly all: LimitsContent;
  /** The highest that this replica knows of. */
  readonly version: number;
}

export interface LimitsReply {
  /** Places; 0 for `all` where others have newer documents. */
  readonly documents: number;
  readonly all: number;
  /** False: some replica that is alive has newer ones. */
  readonly areNewest: boolean;
  /** Of the newest. */
  readonly version: number;
}

export interface LimitsHashes {
  /** Empty: they are not read yet, which is older than whatever they say. */
  readonly documents: string;
  readonly all: string;
}

/** The call is about no tenant. */
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

  /** From now on these are in force here. */
  are({ documents, all }: LimitsHashes): void {
    if (documents === this.#documents?.hash && all === this.#all?.hash) return;
    this.#documents = following(this.#documents, documents);
    this.#all = following(this.#all, all);
    this.version = 0;
    this.isUnknown = true;
  }

  /** Asks the store. One call at a time, until what is in force is what was asked about. Never rejects. */
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
