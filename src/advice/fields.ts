/** Parses lists of records from plain data, as YAML gives it. Errors name the position in the list. */
import { nearestName } from '../limits/values.js';

export interface FieldProblem {
  readonly expected: string;
  readonly at: readonly (string | number)[];
  /** The last name of `at` itself is wrong, not its value. */
  readonly isName?: true;
}

type Reader<T> = (raw: unknown) => Partial<T> | FieldProblem;
export type Fields<T> = Readonly<Record<string, Reader<T>>>;

export interface RecordKind<T> {
  readonly fields: Fields<T>;
  /** The value of a field that is not given. */
  readonly fallback: (index: number) => T;
  /** Checks what no single field can. */
  readonly check: (raw: Readonly<Record<string, unknown>>, read: T) => T | FieldProblem;
}

export function problem(expected: string, ...at: (string | number)[]): FieldProblem {
  return { expected, at };
}

export function unknownName(name: string, names: readonly string[]): FieldProblem {
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
  return { expected: `one of ${names.join(', ')}${hint}`, at: [name], isName: true };
}

export function isProblem(read: object): read is FieldProblem {
  return 'expected' in read && 'at' in read;
}

export function readRecords<T extends object>(
  raw: unknown,
  kind: RecordKind<T>,
): readonly T[] | FieldProblem {
  if (!Array.isArray(raw)) return problem('a list');
  const records: T[] = [];
  for (const [index, one] of raw.entries()) {
    const read = readRecord(one, index, kind);
    if (isProblem(read)) return { ...read, at: [index, ...read.at] };
    records.push(read);
  }
  return records;
}

function readRecord<T extends object>(raw: unknown, index: number, kind: RecordKind<T>): T | FieldProblem {
  const { fields, fallback, check } = kind;
  const names = Object.keys(fields);
  if (!isMap(raw)) return problem(`a map with ${names.join(', ')}`);
  let record = fallback(index);
  for (const [name, value] of Object.entries(raw)) {
    const read = Object.hasOwn(fields, name) ? fields[name]?.(value) : undefined;
    if (read === undefined) return unknownName(name, names);
    if (isProblem(read)) return { ...read, at: [name, ...read.at] };
    record = { ...record, ...read };
  }
  return check(raw, record);
}

export function readText<T>(raw: unknown, put: (text: string) => Partial<T>): Partial<T> | FieldProblem {
  return isText(raw) ? put(raw) : problem('a text');
}

/** A text or a list of texts. */
export function readTexts<T>(
  raw: unknown,
  expected: string,
  put: (texts: readonly string[]) => Partial<T>,
): Partial<T> | FieldProblem {
  const texts = typeof raw === 'string' ? [raw] : raw;
  return Array.isArray(texts) && texts.length > 0 && texts.every(isText) ? put(texts) : problem(expected);
}

export function readNumber<T>(
  raw: unknown,
  [min, max]: readonly [min: number, max: number],
  expected: string,
  put: (value: number) => Partial<T>,
): Partial<T> | FieldProblem {
  const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw;
  return typeof value === 'number' && value >= min && value <= max ? put(value) : problem(expected);
}

/** `20%` or 0.2. */
export function readPart<T>(
  raw: unknown,
  max: number,
  put: (value: number) => Partial<T>,
): Partial<T> | FieldProblem {
  const text = String(raw).trim();
  const value = /^[\d.]+ ?%$/.test(text) ? Number.parseFloat(text) / 100 : Number(text);
  return text !== '' && value >= 0 && value <= max
    ? put(value)
    : problem(`a part such as 20% or 0.2, at most ${max * 100}%`);
}

export function readSwitch<T>(raw: unknown, put: (value: boolean) => Partial<T>): Partial<T> | FieldProblem {
  const text = String(raw);
  return text === 'true' || text === 'false' ? put(text === 'true') : problem('true or false');
}

export function readChoice<T, W extends string>(
  raw: unknown,
  words: readonly W[],
  put: (word: W) => Partial<T>,
): Partial<T> | FieldProblem {
  const word = words.find((one) => one === raw);
  return word === undefined ? problem(`one of ${words.join(', ')}`) : put(word);
}

export function isMap(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function isText(raw: unknown): raw is string {
  return typeof raw === 'string' && raw !== '';
}
