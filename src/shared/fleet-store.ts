/**
 * Where replicas ask each other, and where it stays known when each of them started. What is asked and answered is no
 * matter here; whoever reads gets nothing that is longer than it may be.
 */

export interface FleetMember {
  /** Of this life of the replica. */
  readonly id: string;
  /** As people know it. */
  readonly name: string;
}

export interface StoredQuestion {
  /** Grows from one to the next. */
  readonly id: string;
  readonly text: string;
}

/** A replica that was not heard of for so long is gone. */
export const MEMBER_TTL_MS = 8000;
export const MOST_MEMBERS = 256;
export const MOST_NAME_BYTES = 200;
export const MOST_QUESTION_BYTES = 4096;
export const MOST_QUESTIONS = 64;
/** Longer than anybody waits for an answer. */
export const QUESTION_TTL_MS = 2500;
/** As it travels, deflated. */
export const MOST_ANSWER_BYTES = 1 << 20;
/** Read at once. */
export const MOST_ANSWERS_BYTES = 8 << 20;
export const MOST_STARTS = 200;
export const MOST_START_BYTES = 1024;

/** Rejects when the store does not answer. */
export interface FleetStore {
  /** Waits for the store, though not long; goes on in the background. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** This replica is alive; answers who else is, with it. */
  announce(self: FleetMember): Promise<readonly FleetMember[]>;
  leave(id: string): Promise<void>;
  ask(text: string): Promise<void>;
  /** The oldest first. Undefined: nothing was asked lately, and what is asked next may have any id. */
  questions(after: string): Promise<readonly StoredQuestion[] | undefined>;
  answer(question: string, member: string, bytes: Buffer): Promise<void>;
  /** Of those that have answered by now, in their order; each is told once. What is too long is empty. */
  answers(question: string, members: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** A replica has started. The oldest are forgotten. */
  addStart(text: string): Promise<void>;
  /** The oldest first. */
  starts(): Promise<readonly string[]>;
  close(): void;
}
