/**
 * Where replicas ask each other questions, and where each records its starts. The store does not know what is asked;
 * readers never get more than the allowed size.
 */

export interface FleetMember {
  /** A new one for each start of the replica. */
  readonly id: string;
  /** Its name for people. */
  readonly name: string;
}

export interface StoredQuestion {
  /** Increases from one question to the next. */
  readonly id: string;
  readonly text: string;
}

/** A replica that was not heard from for this long is gone. */
export const MEMBER_TTL_MS = 8000;
export const MOST_MEMBERS = 256;
export const MOST_NAME_BYTES = 200;
export const MOST_QUESTION_BYTES = 4096;
export const MOST_QUESTIONS = 64;
/** Longer than anybody waits for an answer. */
export const QUESTION_TTL_MS = 2500;
/** Deflated, as it is sent. */
export const MOST_ANSWER_BYTES = 1 << 20;
/** In one read. */
export const MOST_ANSWERS_BYTES = 8 << 20;
export const MOST_STARTS = 200;
export const MOST_START_BYTES = 1024;

/** Calls reject when the store does not answer. */
export interface FleetStore {
  /** Waits briefly for the store and continues in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** Reports that this replica is alive; resolves to all that are, including itself. */
  announce(self: FleetMember): Promise<readonly FleetMember[]>;
  leave(id: string): Promise<void>;
  ask(text: string): Promise<void>;
  /** Oldest first. Undefined: nothing was asked lately, and the next question may have any id. */
  questions(after: string): Promise<readonly StoredQuestion[] | undefined>;
  answer(question: string, member: string, bytes: Buffer): Promise<void>;
  /** The answers so far, in the order of `members`; each is returned once. One that is too long is empty. */
  answers(question: string, members: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** Records a start. The oldest records are dropped. */
  addStart(text: string): Promise<void>;
  /** Oldest first. */
  starts(): Promise<readonly string[]>;
  close(): void;
}
