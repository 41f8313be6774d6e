/** Few, small, named entries that replicas share for a time, beside the calls of the data plane. */

export interface Entry {
  readonly name: string;
  /** Of two versions of one entry the later wins, and of two of one moment that with the larger id. */
  readonly atMs: number;
  /** A UUID, of this version alone. */
  readonly id: string;
  /** Then it is gone. Both times are of the clock that replicas share, Date.now(). */
  readonly untilMs: number;
  /** It says that something is over: when there is no room for another entry, the oldest of these goes. */
  readonly over: boolean;
  readonly text: string;
}

/** The store answers, and does not take this entry. Others it may. */
export class EntryRefused extends Error {
  override readonly name = 'EntryRefused';
}

/** Rejects when the store does not answer, a write with EntryRefused when it answers that it does not take it. */
export interface Entries {
  /** Waits for the store, though not long; goes on in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** Changes with every write. Null: there are no entries. */
  version(): Promise<string | null>;
  /** The text of each. */
  read(): Promise<string[]>;
  /** Nothing is written when there is a newer version. */
  write(entry: Entry, nowMs: number): Promise<void>;
  /** This reader is alive, and all that there was at this version is in force there. Null: there were no entries. */
  acknowledge(id: string, name: string, version: string | null): Promise<void>;
  /** Names of the readers but this one that were alive lately, and have not acknowledged what there is now. */
  behind(id: string): Promise<string[]>;
  /** Nobody is to wait for this reader any more. */
  leave(id: string): Promise<void>;
  close(): void;
}
