/**
 * The messages between replicas: reads of the API, and their answers, deflated. Whatever the store contains, what is read
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
  readonly paths: readonly string[];
}

/** What is around an answer in its message. */
const FRAME_BYTES = 20;

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** Lists in it were shortened for lack of room. */
  readonly isCut: boolean;
}

const deflated = promisify(deflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;
const inflated = promisify(inflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>;

/** In one question. */
export const MOST_PATHS = 4;
/** Leaves room for text that deflating makes longer. */
const MOST_TEXT_BYTES = MOST_ANSWER_BYTES - 1024;

/** Undefined: it is not a question. */
export function readQuestion(text: string): Question | undefined {
  if (text.length > MOST_QUESTION_BYTES) return undefined;
  const { id, from, to, paths } = objectIn(text) ?? {};
  if (typeof id !== 'string' || typeof from !== 'string' || !Array.isArray(paths)) return undefined;
  if (paths.length > MOST_PATHS || !paths.every((path) => typeof path === 'string')) return undefined;
  if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
  return { id, from, to: typeof to === 'string' ? to : undefined, paths };
}

/** Keeps halving the lists until the answer fits, with so many answers in one message. */
export function fittedAnswer({ status, body }: Answer, answers = 1): Answer {
  let fitting = { status, body, isCut: false };
  while (Buffer.byteLength(JSON.stringify(fitting)) > MOST_TEXT_BYTES / answers - FRAME_BYTES) {
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

/** One for each path of the question. */
export function packAnswers(answers: readonly Answer[]): Promise<Buffer> {
  return deflated(Buffer.from(JSON.stringify({ answers })), { level: constants.Z_BEST_SPEED });
}

/** Undefined: the message, or one of its answers, can not be read. */
export async function unpackAnswers(bytes: Buffer): Promise<(Answer | undefined)[] | undefined> {
  if (bytes.length > MOST_ANSWER_BYTES) return undefined;
  let text: string;
  try {
    text = (await inflated(bytes, { maxOutputLength: MOST_TEXT_BYTES })).toString('utf8');
  } catch {
    return undefined;
  }
  const { answers } = objectIn(text) ?? {};
  return Array.isArray(answers) ? answers.slice(0, MOST_PATHS).map(readAnswer) : undefined;
}

function readAnswer(answer: unknown): Answer | undefined {
  if (!isObject(answer)) return undefined;
  const { status, body, isCut } = answer;
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
