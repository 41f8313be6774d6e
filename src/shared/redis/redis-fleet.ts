/**
 * Replicas ask each other through Redis: questions are in a stream that expires seconds after the last one, answers are
 * strings that are deleted when they are read. All keys have one hash tag, `{#fleet}`, after the prefix.
 */
import {
  type FleetMember,
  type FleetStore,
  MEMBER_TTL_MS,
  MOST_ANSWER_BYTES,
  MOST_ANSWERS_BYTES,
  MOST_MEMBERS,
  MOST_NAME_BYTES,
  MOST_QUESTION_BYTES,
  MOST_QUESTIONS,
  MOST_START_BYTES,
  MOST_STARTS,
  QUESTION_TTL_MS,
  type StoredQuestion,
} from '../fleet-store.js';
import { FIRST_ID } from '../usage-store.js';
import { connectRedis, connectWithin, type RedisConnection } from './connection.js';
import type { RedisOptions } from './options.js';
import { readLua } from './script.js';

type Argument = string | number;

interface Scripts {
  mimirEdgeFleetAnnounce(key: string, ...args: Argument[]): Promise<string[]>;
  mimirEdgeFleetEntries(key: string, ...args: Argument[]): Promise<string[] | null>;
  mimirEdgeFleetAnswersBuffer(keys: number, ...args: Argument[]): Promise<(Buffer | null)[]>;
}

/** People wait for it, but no push does. */
const TIMEOUT_MS = 1000;

export class RedisFleet implements FleetStore {
  readonly #connection: RedisConnection & Scripts;
  readonly #prefix: string;

  constructor(options: RedisOptions) {
    this.#prefix = `${options.keyPrefix}{#fleet}:`;
    const connection = connectRedis({ ...options, commandTimeoutMs: TIMEOUT_MS });
    connection.defineCommand('mimirEdgeFleetAnnounce', {
      lua: readLua('fleet-announce.lua'),
      numberOfKeys: 1,
    });
    connection.defineCommand('mimirEdgeFleetEntries', {
      lua: readLua('fleet-entries.lua'),
      numberOfKeys: 1,
    });
    connection.defineCommand('mimirEdgeFleetAnswers', { lua: readLua('fleet-answers.lua') });
    // Errors are reported by the calls that fail.
    connection.on('error', () => {});
    this.#connection = connection as RedisConnection & Scripts;
  }

  connect(timeoutMs: number): Promise<void> {
    return connectWithin(this.#connection, timeoutMs);
  }

  async announce({ id, name }: FleetMember): Promise<readonly FleetMember[]> {
    const key = this.#key('members');
    const limits = [MEMBER_TTL_MS, MOST_MEMBERS, MOST_NAME_BYTES];
    const pairs = pairsOf(await this.#connection.mimirEdgeFleetAnnounce(key, id, name, ...limits));
    return pairs.map(([id, name]) => ({ id, name }));
  }

  async leave(id: string): Promise<void> {
    await this.#connection.hdel(this.#key('members'), id);
  }

  async ask(text: string): Promise<void> {
    const key = this.#key('questions');
    const asked = this.#connection.xadd(key, 'MAXLEN', MOST_QUESTIONS, '*', 'question', text);
    await Promise.all([asked, this.#connection.pexpire(key, QUESTION_TTL_MS)]);
  }

  async questions(after: string): Promise<readonly StoredQuestion[] | undefined> {
    const limits = [after, MOST_QUESTIONS, MOST_QUESTION_BYTES];
    const found = await this.#connection.mimirEdgeFleetEntries(this.#key('questions'), ...limits);
    return found === null ? undefined : pairsOf(found).map(([id, text]) => ({ id, text }));
  }

  async answer(question: string, member: string, bytes: Buffer): Promise<void> {
    await this.#connection.set(this.#answerKey(question, member), bytes, 'PX', QUESTION_TTL_MS);
  }

  async answers(question: string, members: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    if (members.length === 0) return [];
    const keys = members.map((member) => this.#answerKey(question, member));
    const limits = [MOST_ANSWER_BYTES, MOST_ANSWERS_BYTES];
    const found = await this.#connection.mimirEdgeFleetAnswersBuffer(keys.length, ...keys, ...limits);
    return found.map((bytes) => bytes ?? undefined);
  }

  async addStart(text: string): Promise<void> {
    await this.#connection.xadd(this.#key('starts'), 'MAXLEN', MOST_STARTS, '*', 'start', text);
  }

  async starts(): Promise<readonly string[]> {
    const limits = [FIRST_ID, MOST_STARTS, MOST_START_BYTES];
    const pairs = await this.#connection.mimirEdgeFleetEntries(this.#key('starts'), ...limits);
    return pairsOf(pairs ?? []).map(([, text]) => text);
  }

  close(): void {
    this.#connection.disconnect();
  }

  #key(name: string): string {
    return this.#prefix + name;
  }

  #answerKey(question: string, member: string): string {
    return this.#key(`answer:${question}:${member}`);
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: Math.floor(flat.length / 2) }, (_, i) => [
    flat[2 * i] ?? '',
    flat[2 * i + 1] ?? '',
  ]);
}
