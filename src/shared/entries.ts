/** A few small, named, temporary entries that replicas share, apart from the calls of the data plane. */

export interface Entry {
  readonly name: string;
  /** Of two versions of an entry the later wins; at the same time, the one with the larger id. */
  readonly atMs: number;
  /** A UUID of this version. */
  readonly id: string;
  /** When the entry ends. Both times are Date.now(), which replicas share. */
  readonly untilMs: number;
  /** The entry says that something is over: the oldest of these are dropped first to make room. */
  readonly over: boolean;
  readonly text: string;
}

/** The store answers but does not accept this entry. It may accept others. */
export class EntryRefused extends Error {
  override readonly name = 'EntryRefused';
}

/** Calls reject when the store does not answer; writes reject with EntryRefused when it does not accept the entry. */
export interface Entries {
  /** Waits briefly for the store and continues in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** Changes with every write. Null: there are no entries. */
  version(): Promise<string | null>;
  /** The texts of all entries. */
  read(): Promise<string[]>;
  /** Nothing is written when there is a newer version. */
  write(entry: Entry, nowMs: number): Promise<void>;
  /** Reports that this reader is alive and has applied everything up to this version. Null: there were no entries. */
  acknowledge(id: string, name: string, version: string | null): Promise<void>;
  /** Names of other readers that were alive lately and have not acknowledged the current version. */
  behind(id: string): Promise<string[]>;
  /** From now on nobody waits for this reader. */
  leave(id: string): Promise<void>;
  close(): void;
}
