/**
 * Where overrides documents come from. A source follows what it names by its own means, and tells its listener each
 * time what is there; it neither parses nor remembers. `Overrides` does both, for all sources.
 */
import type { DocumentKind } from '../limits/overrides-document.js';
import type { LastChange } from './last-change.js';

export interface Source {
  /** For messages, metrics and status. */
  readonly name: string;
  /** At most one of each kind. */
  readonly documents: readonly DocumentRef[];
  /** Resolves after the first attempt, whatever came of it, and goes on until it is stopped. */
  start(listener: SourceListener): Promise<void>;
  /** Looks now, without waiting for its turn. A watch that stands needs nobody to ask. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/** A document, before anybody has read it. */
export interface DocumentRef {
  readonly name: string;
  readonly kind: DocumentKind;
}

export interface SourceListener {
  /** What the source holds now, also when that is what it held before. Ends a failure. */
  read(read: SourceRead): void;
  /** What the source holds can not be known. */
  failed(message: string): void;
  /** The source is followed, but not as it should be: it is polled in place of watched. Undefined: it is as it should be. */
  degraded(message: string | undefined): void;
}

export interface SourceRead {
  /** In the order of the source's documents. */
  readonly documents: readonly DocumentRead[];
  /** The source's own word for what it holds now: a resourceVersion, an ETag. */
  readonly version: string;
  /** When it changed, as far as is known; on the clock of Date.now(). */
  readonly changedAtMs: number;
  /** Undefined: the source says nothing of it. */
  readonly lastChange?: LastChange;
}

/** `name`: what messages call it, where the source knows better than the reference does. */
export type DocumentRead = { readonly text: string; readonly name?: string } | { readonly problem: string };
