/**
 * Where the fleet's usage is kept: frames on their way to whoever keeps the book, and the book. What is in them is no matter
 * here. One at a time keeps the book, elected; what another writes is not taken.
 */

export interface StoredFrame {
  /** Grows from one to the next. */
  readonly id: string;
  readonly bytes: Buffer;
}

export type StepKind = 'seconds' | 'sums';
export type RecordKind = 'hours' | 'days';

/** What is written at once or not at all. */
export interface UsageCommit {
  readonly state: string;
  readonly pages: readonly (readonly [name: string, bytes: Buffer])[];
  readonly gonePages: readonly string[];
  readonly steps: readonly { readonly step: number; readonly kind: StepKind; readonly bytes: Buffer }[];
  /** Of one tenant all of a kind; undefined: none is kept any more. */
  readonly records: readonly {
    readonly kind: RecordKind;
    readonly tenant: string;
    readonly bytes: Buffer | undefined;
  }[];
  /** Frames before this one are in the book, and may go. */
  readonly appliedId: string;
}

/** Before any frame. */
export const FIRST_ID = '0-0';
/** How long steps are kept: as long as a curve's windows need them. */
export const STEP_SECONDS_KEPT: Readonly<Record<StepKind, number>> = { seconds: 330, sums: 3700 };
/** Some minutes of frames of a large fleet: then the oldest go. */
export const MOST_FRAMES = 8192;

/** Rejects when the store does not answer. */
export interface UsageStore {
  /** Waits for the store, though not long; goes on in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  send(frame: Buffer): Promise<void>;
  /** The fencing number of whoever asks; undefined: another one keeps the book. To be asked again within the lease. */
  elect(keeper: string, leaseMs: number): Promise<number | undefined>;
  resign(keeper: string): Promise<void>;
  /** The oldest first. */
  frames(after: string, most: number): Promise<readonly StoredFrame[]>;
  state(): Promise<string | undefined>;
  pages(): Promise<ReadonlyMap<string, Buffer>>;
  steps(kind: StepKind, steps: readonly number[]): Promise<readonly (Buffer | undefined)[]>;
  records(kind: RecordKind, tenants: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** Tenants that there are records of. */
  tenants(kind: RecordKind): Promise<readonly string[]>;
  /** False: another one keeps the book by now, and nothing was written. */
  commit(keeper: string, fence: number, commit: UsageCommit): Promise<boolean>;
  close(): void;
}
