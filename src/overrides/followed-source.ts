/** A source as it is followed: what it said last, and what became of each of its documents. */
import type { Finding } from '../limits/overrides-document.js';
import { type DocumentState, errorOf, NEW_DOCUMENT } from './document-state.js';
import type { LastChange } from './last-change.js';
import type { DocumentRef, Source } from './source.js';

export interface SourceStatus {
  readonly name: string;
  /** Of what was read last: in force, unless there is an error. */
  readonly version: string;
  /** It is followed as it should be: a watch stands, a file can be read. */
  readonly up: boolean;
  readonly error: string | undefined;
  /** Of what was read last. */
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

  /** Keys that are passed over in the text that is in force. */
  get unknownKeys(): number {
    return this.#warnings.length;
  }

  /** Of a text that comes into force. Answers those that the text before it had not. */
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
  /** When all that it holds was last found good; on the clock of Date.now(). */
  goodAtMs = Date.now();
  /** Why what it holds can not be known. */
  failure: string | undefined;
  /** Why it is not followed as it should be. */
  degradation: string | undefined;

  constructor(source: Source) {
    this.source = source;
    this.documents = source.documents.map((ref) => new FollowedDocument(ref));
  }

  /** Why something of what it holds can not be used. */
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

  /** To be called when something was found good: the whole may be now. */
  noteGood(): void {
    if (this.failure === undefined && this.documents.every(({ state }) => state.held.is === 'good')) {
      this.goodAtMs = Date.now();
    }
  }
}

function keyOf({ path, message }: Finding): string {
  return `${path} ${message}`;
}
