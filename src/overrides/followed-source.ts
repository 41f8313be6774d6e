/** A source that is followed: what it last reported, and the state of each of its documents. */
import type { Finding } from '../limits/overrides-document.js';
import { type DocumentState, errorOf, NEW_DOCUMENT } from './document-state.js';
import type { LastChange } from './last-change.js';
import type { DocumentRef, Source } from './source.js';

export interface SourceStatus {
  readonly name: string;
  /** Of the last text read, which is in force unless there is an error. */
  readonly version: string;
  /** The source is followed as it should be: its watch is open, or its file can be read. */
  readonly up: boolean;
  readonly error: string | undefined;
  /** Of the last text read. */
  readonly lastChange: LastChange;
}

export class FollowedDocument {
  readonly ref: DocumentRef;
  /** For messages. */
  name: string;
  state: DocumentState = NEW_DOCUMENT;
  #warnings: readonly Finding[] = [];

  constructor(ref: DocumentRef) {
    this.ref = ref;
    this.name = ref.name;
  }

  get inForce(): string | undefined {
    return this.state.inForce?.text;
  }

  /** Ignored keys in the text in force. */
  get unknownKeys(): number {
    return this.#warnings.length;
  }

  /** Replaces the warnings with those of the new text, and returns those that the old text did not have. */
  replaceWarnings(warnings: readonly Finding[]): Finding[] {
    const known = new Set(this.#warnings.map(keyOf));
    this.#warnings = warnings;
    return warnings.filter((warning) => !known.has(keyOf(warning)));
  }
}

export class FollowedSource {
  readonly source: Source;
  readonly documents: readonly FollowedDocument[];
  version = '';
  lastChange: LastChange = {};
  /** When all its documents were last found valid, by Date.now(). */
  goodAtMs = Date.now();
  /** Why its content is unknown. */
  failure: string | undefined;
  /** Why it is not followed as it should be. */
  degradation: string | undefined;

  constructor(source: Source) {
    this.source = source;
    this.documents = source.documents.map((ref) => new FollowedDocument(ref));
  }

  /** Why some of its content can not be used. */
  get error(): string | undefined {
    if (this.failure !== undefined) return this.failure;
    for (const { state } of this.documents) {
      const error = errorOf(state);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  status(): SourceStatus {
    const { source, version, error, degradation, lastChange } = this;
    return {
      name: source.name,
      version,
      up: error === undefined && degradation === undefined,
      error: error ?? degradation,
      lastChange,
    };
  }

  /** Call when a document was found valid: the whole source may be now. */
  noteGood(): void {
    if (this.failure === undefined && this.documents.every(({ state }) => state.held.is === 'good')) {
      this.goodAtMs = Date.now();
    }
  }
}

function keyOf({ path, message }: Finding): string {
  return `${path} ${message}`;
}
