/** Few, small, named entries that replicas share for a time, beside the calls of the data plane. */

export interface Entry {
  readonly name: string;
  /** Of two versions of one entry the later wins, and of two of one moment that with the larger id. */
  readonly atMs: number;
  /** A UUID, of this version alone. */
  readonly id: string;
  /** Then it is gone. Both times are of the clock that replicas share, Date.now(). */
  readonly untilMs: number;
  readonly text: string;
}

/** Rejects when the store does not answer, or takes no more. */
export interface Entries {
  /** Waits for the store, though not long; goes on in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** Changes with every write. Null: there are no entries. */
  version(): Promise<string | null>;
  /** The text of each. */
  read(): Promise<string[]>;
  /** Nothing is written when there is a newer version. */
  write(entry: Entry, nowMs: number): Promise<void>;
  close(): void;
}
