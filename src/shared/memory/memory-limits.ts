/**
 * Ranks the limits of replicas: the same steps as redis/limits.lua, so that a process can be the store of others and tests
 * can compare the two. Time is passed in.
 */
import type { LimitsCall, LimitsContent, LimitsReply } from '../limits-version.js';

interface Seen {
  place: number;
  /** When a replica last reported it. */
  atMs: number;
}

/** A content that no replica has reported for two heartbeat lifetimes is ignored. */
export const LIVE_MS = 16_000;
/** How many contents are remembered for documents, and for documents with controls: the newest. */
export const MOST_CONTENTS = 64;

/** The place of documents that are not read yet. */
const UNREAD_PLACE = 1;

export class MemoryLimits {
  readonly #documents = new Map<string, Seen>();
  readonly #all = new Map<string, Seen>();
  #highest = UNREAD_PLACE;
  #version = 0;
  #newest = '';

  stand({ documents, all, version }: LimitsCall, nowMs: number): LimitsReply {
    const ofDocuments = this.#place(this.#documents, documents, nowMs);
    // If the clock stepped back, the report counts as made just now.
    for (const seen of [this.#documents, this.#all]) {
      for (const one of seen.values()) one.atMs = Math.min(one.atMs, nowMs);
    }
    // Controls say nothing about the age of documents: without the newest documents they do not count.
    const ofAll = ofDocuments.isNewest ? this.#place(this.#all, all, nowMs) : NOWHERE;
    this.#version = Math.max(this.#version, version);
    const id = `${documents.hash} ${all.hash}`;
    if (ofAll.isNewest && id !== this.#newest) {
      this.#newest = id;
      this.#version++;
    }
    return {
      documents: ofDocuments.place,
      all: ofAll.place,
      areNewest: ofAll.isNewest,
      version: this.#version,
    };
  }

  #place(seen: Map<string, Seen>, { hash, place: known, before }: LimitsContent, nowMs: number) {
    let newest = 0;
    for (const [other, one] of seen) {
      if (other !== hash && nowMs - one.atMs < LIVE_MS) newest = Math.max(newest, one.place);
    }
    this.#highest = Math.max(this.#highest, known, before);
    let place = Math.max(known, seen.get(hash)?.place ?? 0);
    if (hash === '') place = UNREAD_PLACE;
    else if (place === 0 || place < before) {
      this.#highest++;
      place = this.#highest;
    }
    seen.set(hash, { place, atMs: nowMs });
    if (seen.size > MOST_CONTENTS) forgetOldest(seen);
    return { place, isNewest: place > newest };
  }
}

const NOWHERE = { place: 0, isNewest: false };

function forgetOldest(seen: Map<string, Seen>): void {
  let oldest: [string, Seen] | undefined;
  for (const one of seen) if (oldest === undefined || one[1].place < oldest[1].place) oldest = one;
  if (oldest !== undefined) seen.delete(oldest[0]);
}
