/**
 * The messages between replicas: a read of the API, and its answer, deflated. Whatever the store contains, what is read
 * from it is well-formed, and its size is bounded before memory is taken.
 */
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { MOST_ANSWER_BYTES, MOST_QUESTION_BYTES } from './fleet-store.js';

export interface Question {
  readonly id: string;
  readonly from: string;
  /** Undefined: to all. */
  readonly to: string | undefined;
  readonly path: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** Lists in it were shortened for lack of room. */
  readonly isCut: boolean;
}

const deflated = promisify(deflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;
const inflated = promisify(inflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;

/** Leaves room for text that deflating makes longer. */
const MOST_TEXT_BYTES = MOST_ANSWER_BYTES - 1024;

/** Undefined: it is not a question. */
export function readQuestion(text: string): Question | undefined {
  if (text.length > MOST_QUESTION_BYTES) return undefined;
  const { id, from, to, path } = objectIn(text) ?? {};
  if (typeof id !== 'string' || typeof from !== 'string' || typeof path !== 'string') return undefined;
  if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
  return { id, from, to: typeof to === 'string' ? to : undefined, path };
}

/** Keeps halving the lists until the answer fits. */
export function fittedAnswer({ status, body }: Answer): Answer {
  let fitting = { status, body, isCut: false };
  while (Buffer.byteLength(JSON.stringify(fitting)) > MOST_TEXT_BYTES) {
    const entries = Object.entries(fitting.body);
    if (!entries.some(([, value]) => Array.isArray(value) && value.length > 0)) {
      return { status: 507, body: { detail: 'the answer is too long' }, isCut: false };
    }
    const halves = entries.map(([name, value]) => [
      name,
      Array.isArray(value) ? value.slice(0, value.length >> 1) : value,
    ]);
    fitting = { status, body: Object.fromEntries(halves), isCut: true };
  }
  return fitting;
}

export function packAnswer(answer: Answer): Promise<Buffer> {
  return deflated(Buffer.from(JSON.stringify(answer)), { level: constants.Z_BEST_SPEED });
}

/** Undefined: it can not be read. */
export async function unpackAnswer(bytes: Buffer): Promise<Answer | undefined> {
  if (bytes.length > MOST_ANSWER_BYTES) return undefined;
  let text: string;
  try {
    text = (await inflated(bytes, { maxOutputLength: MOST_TEXT_BYTES })).toString('utf8');
  } catch {
    return undefined;
  }
  const { status, body, isCut } = objectIn(text) ?? {};
  if (typeof status !== 'number' || !isObject(body)) return undefined;
  return { status, body, isCut: isCut === true };
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
