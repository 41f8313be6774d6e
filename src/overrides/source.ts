/**
 * Where overrides documents come from. A source follows its documents in its own way, and tells its listener each time what
 * they contain. It neither parses nor remembers; `Overrides` does both for all sources.
 */
import type { DocumentKind } from '../limits/overrides-document.js';
import type { LastChange } from './last-change.js';

export interface Source {
  /** For messages, metrics and status. */
  readonly name: string;
  /** At most one of each kind. */
  readonly documents: readonly DocumentRef[];
  /** Resolves after the first attempt, whatever its result, and continues until it is stopped. */
  start(listener: SourceListener): Promise<void>;
  /** Reads now, ahead of the schedule. An open watch needs no reading. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/** A document that has not been read yet. */
export interface DocumentRef {
  readonly name: string;
  readonly kind: DocumentKind;
}

export interface SourceListener {
  /** What the source contains now, even if unchanged. Ends a failure. */
  read(read: SourceRead): void;
  /** The source's content is unknown. */
  failed(message: string): void;
  /** The source is followed, but not as it should be: it is polled rather than watched. Undefined: as it should be. */
  degraded(message: string | undefined): void;
}

export interface SourceRead {
  /** In the order of the source's documents. */
  readonly documents: readonly DocumentRead[];
  /** The source's own version of its content: a resourceVersion, an ETag. */
  readonly version: string;
  /** When it changed, as far as is known, by Date.now(). */
  readonly changedAtMs: number;
  /** Undefined: the source does not say. */
  readonly lastChange?: LastChange;
}

/** `name`: for messages, where the source knows a better one than the reference. */
export type DocumentRead = { readonly text: string; readonly name?: string } | { readonly problem: string };
