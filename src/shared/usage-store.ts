/**
 * Where the fleet's usage is stored: frames on their way to the bookkeeper, and the book; their contents are opaque here.
 * There is one elected bookkeeper, and writes by anybody else are rejected.
 */

export interface StoredFrame {
  /** Increases from one frame to the next. */
  readonly id: string;
  readonly bytes: Buffer;
}

export type StepKind = 'seconds' | 'sums';
export type RecordKind = 'hours' | 'days';

/** Written atomically. */
export interface UsageCommit {
  readonly state: string;
  readonly pages: readonly (readonly [name: string, bytes: Buffer])[];
  readonly gonePages: readonly string[];
  readonly steps: readonly { readonly step: number; readonly kind: StepKind; readonly bytes: Buffer }[];
  /** Replaces all records of one kind and tenant; undefined: deletes them. */
  readonly records: readonly {
    readonly kind: RecordKind;
    readonly tenant: string;
    readonly bytes: Buffer | undefined;
  }[];
  /** Frames before this one are in the book, and may be deleted. */
  readonly appliedId: string;
}

/** Before any frame. */
export const FIRST_ID = '0-0';
/** How long steps are kept: as long as the windows of arrival curves need them. */
export const STEP_SECONDS_KEPT: Readonly<Record<StepKind, number>> = { seconds: 330, sums: 3700 };
/** Some minutes of frames of a large fleet; beyond it the oldest are dropped. */
export const MOST_FRAMES = 8192;

/** Calls reject when the store does not answer. */
export interface UsageStore {
  /** Waits briefly for the store and continues in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  send(frame: Buffer): Promise<void>;
  /** The caller's fencing number; undefined: another one is the bookkeeper. Call again within the lease. */
  elect(keeper: string, leaseMs: number): Promise<number | undefined>;
  resign(keeper: string): Promise<void>;
  /** Oldest first. */
  frames(after: string, most: number): Promise<readonly StoredFrame[]>;
  state(): Promise<string | undefined>;
  pages(): Promise<ReadonlyMap<string, Buffer>>;
  steps(kind: StepKind, steps: readonly number[]): Promise<readonly (Buffer | undefined)[]>;
  records(kind: RecordKind, tenants: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** Tenants with records of this kind. */
  tenants(kind: RecordKind): Promise<readonly string[]>;
  /** False: another one is the bookkeeper now, and nothing was written. */
  commit(keeper: string, fence: number, commit: UsageCommit): Promise<boolean>;
  close(): void;
}
