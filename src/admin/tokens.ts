/**
 * Who may use the API: a file with a token a line, `NAME read|write TOKEN`, read again when it changes. Tokens are
 * compared by their hashes, all of them every time, so that an answer takes as long whichever was almost right.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { messageOf } from '../base/message-of.js';

export interface Identity {
  readonly name: string;
  readonly mayWrite: boolean;
}

interface Token extends Identity {
  readonly digest: Buffer;
}

const LINE = /^([A-Za-z0-9._@-]{1,64})\s+(read|write)\s+(\S+)$/;
const MIN_LENGTH = 16;
/** The file's times are looked at no more often. */
const RECHECK_MS = 1000;

export class Tokens {
  readonly #path: string;
  readonly #failed: (message: string) => void;
  #tokens: readonly Token[] = [];
  #stamp = '';
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  /** Throws when the file can not be used; later, one that can not be used leaves the tokens that were. */
  constructor(path: string, failed: (message: string) => void) {
    this.#path = path;
    this.#failed = failed;
    if (path === '') return;
    this.#stamp = stampOf(path);
    this.#tokens = parseTokens(readFileSync(path, 'utf8'));
  }

  get configured(): boolean {
    return this.#path !== '';
  }

  /** Undefined: there is no such token. */
  find(text: string, nowMs: number): Identity | undefined {
    this.#refresh(nowMs);
    const digest = digestOf(text);
    let found: Token | undefined;
    for (const token of this.#tokens) if (timingSafeEqual(token.digest, digest)) found = token;
    return found && { name: found.name, mayWrite: found.mayWrite };
  }

  /** Reads the file now, whatever its times say. Answers why it can not be used. */
  reload(): string | undefined {
    this.#stamp = '';
    const fault = this.#refresh(Number.POSITIVE_INFINITY);
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
    return fault;
  }

  #refresh(nowMs: number): string | undefined {
    if (!this.configured || nowMs - this.#checkedAtMs < RECHECK_MS) return undefined;
    this.#checkedAtMs = nowMs;
    try {
      const stamp = stampOf(this.#path);
      if (stamp === this.#stamp) return undefined;
      this.#stamp = stamp;
      this.#tokens = parseTokens(readFileSync(this.#path, 'utf8'));
      return undefined;
    } catch (error) {
      this.#failed(messageOf(error));
      return messageOf(error);
    }
  }
}

/** A line is named by its number: what is in it may be a secret. */
function parseTokens(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    const [, name, role, token = ''] = LINE.exec(content) ?? [];
    if (name === undefined) throw new Error(`line ${index + 1}: expected NAME read|write TOKEN`);
    if (token.length < MIN_LENGTH) {
      throw new Error(`line ${index + 1}: a token has at least ${MIN_LENGTH} characters`);
    }
    if (tokens.some((other) => other.name === name)) {
      throw new Error(`line ${index + 1}: there is a ${name} already`);
    }
    tokens.push({ name, mayWrite: role === 'write', digest: digestOf(token) });
  }
  return tokens;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function stampOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${mtimeMs} ${size} ${ino}`;
}
