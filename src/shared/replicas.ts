/**
 * Replicas that ask each other when somebody reads the API: each reports that it is alive, and answers questions within
 * bounds. No read waits past a deadline, and replicas that did not answer are named. When nobody reads, it costs a few
 * small calls a second.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../base/message-of.js';
import {
  type Answer,
  fittedAnswer,
  MOST_PATHS,
  packAnswers,
  type Question,
  readQuestion,
  unpackAnswers,
} from './fleet-messages.js';
import type { FleetMember, FleetStore } from './fleet-store.js';
import { FIRST_ID } from './usage-store.js';

interface ReplicasOptions {
  readonly store: FleetStore;
  readonly self: FleetMember;
  /** What is recorded about this start. */
  readonly start: string;
  /** Date.now(). */
  readonly now: () => number;
  /** For tests. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface Told {
  readonly replica: FleetMember;
  readonly answer: Answer;
}

export interface Heard {
  readonly told: readonly Told[];
  /** Alive, but did not answer in time. */
  readonly silent: readonly FleetMember[];
  /** When the question was asked; answers are no older. */
  readonly atMs: number;
}

interface Batch {
  readonly paths: string[];
  readonly heard: Promise<HeardTogether>;
}

/** One answer for each path; undefined: it can not be read. */
interface ToldTogether {
  readonly replica: FleetMember;
  readonly answers: readonly (Answer | undefined)[];
}

interface HeardTogether {
  readonly told: readonly ToldTogether[];
  readonly silent: readonly FleetMember[];
  readonly atMs: number;
}

interface ReplicasStatus {
  /** How many replicas are alive, including this one, as far as is known. */
  readonly known: number;
  /** Undefined: the store answers. */
  readonly lastError: string | undefined;
  /** When the store last answered; undefined: never. */
  readonly heardMs: number | undefined;
  readonly asked: number;
  /** Answers that were late or could not be read. */
  readonly missed: number;
  readonly answered: number;
  readonly answeredBytes: number;
  /** Questions that were not answered, because there were too many or the answer could not be sent. */
  readonly unanswered: number;
}

const LOOK_MS = 500;
const FAILED_MS = 1000;
const ANNOUNCE_MS = 2000;
/** Two polls, and the round trip. */
const DEADLINE_MS = 1500;
const COLLECT_MS = 100;
/** However many readers there are, an answer is reused for this long, unless a read says otherwise. */
const KEPT_MS = 1000;
const MOST_UNDER_WAY = 16;
/** Of the paths in one question. */
const MOST_PATHS_BYTES = 2000;
/** Limits the answers to other replicas' questions. */
const MOST_ANSWERS_A_SECOND = 30;
const STARTS_KEPT_MS = 5000;

export class Replicas {
  readonly self: FleetMember;
  readonly #options: ReplicasOptions;
  readonly #wait: (ms: number) => Promise<unknown>;
  #read: ((path: string) => Promise<Answer>) | undefined;
  #members: readonly FleetMember[] = [];
  #announcedMs = Number.NEGATIVE_INFINITY;
  #after = FIRST_ID;
  #startAdded = false;
  #lastError: string | undefined;
  #heardMs: number | undefined;
  /** What is asked in the next turn of the event loop, by the replica that it is for. */
  readonly #batches = new Map<string, Batch>();
  readonly #underWay = new Map<string, { readonly heard: Promise<Heard>; readonly untilMs: number }>();
  #starts: { readonly found: Promise<readonly string[]>; readonly untilMs: number } | undefined;
  #answering: { second: number; count: number } = { second: 0, count: 0 };
  #counts = { asked: 0, missed: 0, answered: 0, answeredBytes: 0, unanswered: 0 };
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.self = options.self;
    this.#wait = options.wait ?? delay;
  }

  /** Sets how this replica answers. */
  answerWith(read: (path: string) => Promise<Answer>): void {
    this.#read = read;
  }

  async start(connectTimeoutMs: number): Promise<void> {
    await this.#options.store.connect(connectTimeoutMs);
    await this.look();
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    if (this.#lastError === undefined) await this.#options.store.leave(this.self.id).catch(() => {});
    this.#options.store.close();
  }

  status(): ReplicasStatus {
    const known = this.others().length + 1;
    return { known, lastError: this.#lastError, heardMs: this.#heardMs, ...this.#counts };
  }

  others(): FleetMember[] {
    return this.#members.filter(({ id }) => id !== this.self.id);
  }

  /** Undefined: no live replica has this name. */
  named(name: string): FleetMember | undefined {
    return [this.self, ...this.others()].find((one) => one.name === name || one.id === name);
  }

  /**
   * `path`: a read of the API. Reads asked for in one turn of the event loop go as one question; an answer is reused for
   * `keptMs`. Rejects when the store does not answer.
   */
  ask(path: string, to?: FleetMember, keptMs = KEPT_MS): Promise<Heard> {
    // A store that is known not to answer is not waited for.
    if (this.#lastError !== undefined) return Promise.reject(new Error(this.#lastError));
    const key = `${to?.id ?? ''} ${path}`;
    const nowMs = this.#options.now();
    const before = this.#underWay.get(key);
    if (before !== undefined && nowMs < before.untilMs) return before.heard;
    for (const [old, { untilMs }] of this.#underWay) if (nowMs >= untilMs) this.#underWay.delete(old);
    if (this.#underWay.size >= MOST_UNDER_WAY)
      return Promise.reject(new Error(`${MOST_UNDER_WAY} questions to other replicas are under way`));
    const heard = this.#askTogether(path, to);
    this.#underWay.set(key, { heard, untilMs: nowMs + DEADLINE_MS + keptMs });
    void heard.then(
      () => this.#underWay.set(key, { heard, untilMs: this.#options.now() + keptMs }),
      () => this.#underWay.delete(key),
    );
    return heard;
  }

  /** The recorded starts, oldest first. Rejects when the store does not answer. */
  starts(): Promise<readonly string[]> {
    const nowMs = this.#options.now();
    if (this.#starts === undefined || nowMs >= this.#starts.untilMs) {
      const found = this.#options.store.starts();
      this.#starts = { found, untilMs: nowMs + STARTS_KEPT_MS };
      found.catch(() => {
        this.#starts = undefined;
      });
    }
    return this.#starts.found;
  }

  /** Reports that it is alive, and answers questions. One run at a time; never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .then(
        () => {
          this.#lastError = undefined;
          this.#heardMs = this.#options.now();
        },
        (error: unknown) => {
          this.#lastError = messageOf(error);
        },
      )
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  #next(): void {
    if (this.#stopped) return;
    const again = (): void => void this.look().then(() => this.#next());
    const pauseMs = this.#lastError === undefined ? LOOK_MS : FAILED_MS;
    this.#timer = setTimeout(again, pauseMs).unref();
  }

  async #look(): Promise<void> {
    const { store, now, start } = this.#options;
    if (Math.abs(now() - this.#announcedMs) >= ANNOUNCE_MS) {
      this.#members = await store.announce(this.self);
      this.#announcedMs = now();
    }
    if (!this.#startAdded) {
      await store.addStart(start);
      this.#startAdded = true;
    }
    const questions = await store.questions(this.#after);
    // In a store that was emptied, ids may start again.
    if (questions === undefined) this.#after = FIRST_ID;
    for (const { id, text } of questions ?? []) {
      this.#after = id;
      void this.#answer(text);
    }
  }

  async #answer(text: string): Promise<void> {
    const question = readQuestion(text);
    if (question === undefined || question.from === this.self.id || this.#read === undefined) return;
    if (question.to !== undefined && question.to !== this.self.id) return;
    try {
      if (!this.#mayAnswer(question)) throw new Error('there are too many questions');
      const bytes = await packAnswers(await answersTo(question, this.#read));
      await this.#options.store.answer(question.id, this.self.id, bytes);
      this.#counts.answered++;
      this.#counts.answeredBytes += bytes.length;
    } catch {
      this.#counts.unanswered++;
    }
  }

  #mayAnswer({ paths }: Question): boolean {
    const second = Math.floor(this.#options.now() / 1000);
    if (this.#answering.second !== second) this.#answering = { second, count: 0 };
    this.#answering.count += paths.length;
    return this.#answering.count <= MOST_ANSWERS_A_SECOND;
  }

  async #askTogether(path: string, to: FleetMember | undefined): Promise<Heard> {
    const key = to?.id ?? '';
    let batch = this.#batches.get(key);
    if (batch === undefined || !hasRoom(batch.paths, path)) {
      const paths: string[] = [];
      batch = { paths, heard: nextTurn().then(() => this.#askBatch(key, paths, to)) };
      this.#batches.set(key, batch);
    }
    const at = batch.paths.push(path) - 1;
    const { told, silent, atMs } = await batch.heard;
    const found: Told[] = [];
    const unreadable: FleetMember[] = [];
    for (const { replica, answers } of told) {
      const answer = answers[at];
      if (answer === undefined) unreadable.push(replica);
      else found.push({ replica, answer });
    }
    this.#counts.missed += unreadable.length;
    return { told: found, silent: [...silent, ...unreadable], atMs };
  }

  #askBatch(key: string, paths: readonly string[], to: FleetMember | undefined): Promise<HeardTogether> {
    if (this.#batches.get(key)?.paths === paths) this.#batches.delete(key);
    return this.#ask(paths, to === undefined ? this.others() : [to], to);
  }

  async #ask(
    paths: readonly string[],
    members: readonly FleetMember[],
    to: FleetMember | undefined,
  ): Promise<HeardTogether> {
    const { store, now } = this.#options;
    const atMs = now();
    if (members.length === 0) return { told: [], silent: [], atMs };
    const id = randomUUID();
    this.#counts.asked++;
    await store.ask(JSON.stringify({ id, from: this.self.id, to: to?.id, paths }));
    const told: ToldTogether[] = [];
    const unreadable: FleetMember[] = [];
    let waiting = members;
    for (let waited = 0; waiting.length > 0 && waited < DEADLINE_MS; waited += COLLECT_MS) {
      await this.#wait(COLLECT_MS);
      const ids = waiting.map((member) => member.id);
      const found = await store.answers(id, ids);
      for (const [i, bytes] of found.entries()) {
        const replica = waiting[i];
        if (bytes === undefined || replica === undefined) continue;
        const answers = await unpackAnswers(bytes);
        if (answers === undefined) unreadable.push(replica);
        else told.push({ replica, answers });
      }
      waiting = waiting.filter((_, i) => found[i] === undefined);
    }
    const silent = [...waiting, ...unreadable];
    this.#counts.missed += silent.length;
    return { told, silent, atMs };
  }
}

function hasRoom(paths: readonly string[], path: string): boolean {
  const bytes = paths.reduce((sum, { length }) => sum + length, path.length);
  return paths.length < MOST_PATHS && bytes <= MOST_PATHS_BYTES;
}

function answersTo({ paths }: Question, read: (path: string) => Promise<Answer>): Promise<Answer[]> {
  return Promise.all(paths.map(async (path) => fittedAnswer(await read(path), paths.length)));
}
