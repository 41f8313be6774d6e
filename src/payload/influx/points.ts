/**
 * Parses line protocol by the rules of InfluxDB's own parser, which Mimir uses: it refuses the same input, and reads the
 * rest in the same way, odd escapes included. Text is bytes, one character each (latin1).
 */

/** The valid values of the `precision` parameter. */
export type Precision = 'ns' | 'us' | 'ms' | 's';

export interface Tag {
  /** Unescaped, as is the value. */
  readonly key: string;
  readonly value: string;
}

export interface Field {
  /** Unescaped. */
  readonly key: string;
  /** Of a number or a boolean; undefined for a text, which Mimir ignores. */
  readonly value: number | undefined;
  /** A later field of the line has the same key, and counts instead. */
  superseded: boolean;
  /** From the key to the end of the value. */
  readonly start: number;
  readonly end: number;
}

export interface Point {
  readonly measurement: string;
  readonly tags: readonly Tag[];
  readonly fields: readonly Field[];
  readonly timestampMs: number;
  /** From the measurement to the last character before the newline. */
  readonly start: number;
  readonly end: number;
  readonly fieldsStart: number;
  readonly fieldsEnd: number;
}

export interface LineFault {
  readonly message: string;
  readonly offset: number;
}

/** Measurement and tags, with one field's key. */
const MAX_KEY_LENGTH = 65_535;

export function isPrecision(text: string): text is Precision {
  return text === 'ns' || text === 'us' || text === 'ms' || text === 's';
}

/**
 * Passes each point to `take` until that returns false. A fault in one line is a fault of the whole body, as Mimir accepts
 * none of it. Lines without a time get the current time.
 */
export function readPoints(
  text: string,
  precision: Precision,
  nowMs: number,
  take: (point: Point) => boolean,
): LineFault | undefined {
  for (let at = 0; at < text.length; ) {
    const end = endOfLine(text, at);
    const start = skipSpace(text, at, end);
    at = end + 1;
    if (start >= end || text.charCodeAt(start) === HASH) continue;
    const read = new LineReader(text, start, end).point(precision, nowMs);
    if ('message' in read) return read;
    if (!take(read)) return undefined;
  }
  return undefined;
}

const TAB = 9;
const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const EQUALS = 61;
const BACKSLASH = 92;

/** The newline that ends the line; it is not one after a backslash or within a quoted value. */
function endOfLine(text: string, from: number): number {
  let quoted = false;
  let inFields = false;
  let equals = 0;
  let commas = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === NEWLINE && !quoted) return i;
    else if (c === SPACE) inFields = true;
    else if (!inFields) continue;
    else if (c === QUOTE && equals > commas) quoted = !quoted;
    else if (c === EQUALS && !quoted) equals++;
    else if (c === COMMA && !quoted) commas++;
  }
  return text.length;
}

function skipSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const c = text.charCodeAt(at);
    if (c !== SPACE && c !== TAB && c !== 0) break;
    at++;
  }
  return at;
}

/** Parses one line, from left to right. */
class LineReader {
  readonly #text: string;
  readonly #start: number;
  readonly #end: number;
  #at: number;
  #fault = '';

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#start = start;
    this.#end = end;
    this.#at = start;
  }

  point(precision: Precision, nowMs: number): Point | LineFault {
    const measurement = this.#measurement();
    const tags = this.#fault === '' ? this.#tags() : undefined;
    if (tags === undefined) return this.#faulty();
    const keyLength = this.#at - this.#start;
    if (keyLength > MAX_KEY_LENGTH) return this.#faulty('measurement and tags are too long');
    const fieldsStart = skipSpace(this.#text, this.#at, this.#end);
    if (!this.#checkFields(fieldsStart)) return this.#faulty();
    const fieldsEnd = this.#at;
    const fields = this.#fields(fieldsStart, fieldsEnd, MAX_KEY_LENGTH - 4 - keyLength);
    if (fields === undefined) return this.#faulty();
    const timestampMs = this.#time(fieldsEnd, precision, nowMs);
    if (timestampMs === undefined) return this.#faulty('the time is no whole number in range');
    return {
      measurement,
      tags,
      fields,
      timestampMs,
      start: this.#start,
      end: this.#end,
      fieldsStart,
      fieldsEnd,
    };
  }

  #faulty(message = this.#fault): LineFault {
    return { message, offset: Math.min(this.#at, this.#end) };
  }

  #isEscaped(at: number): boolean {
    return this.#text.charCodeAt(at - 1) === BACKSLASH;
  }

  /** Ends at the comma before the first tag, or at the space before the fields. */
  #measurement(): string {
    const text = this.#text;
    if (text.charCodeAt(this.#start) === COMMA) {
      this.#fault = 'the measurement is missing';
      return '';
    }
    let at = this.#start + 1;
    for (; at < this.#end; at++) {
      const c = text.charCodeAt(at);
      if ((c === COMMA || c === SPACE) && !this.#isEscaped(at)) break;
    }
    if (at >= this.#end) this.#fault = 'the fields are missing';
    this.#at = at;
    return unescaped(text.slice(this.#start, at), IN_NAME);
  }

  /** Undefined: a fault. Ends at the space before the fields. */
  #tags(): Tag[] | undefined {
    const text = this.#text;
    const tags: Tag[] = [];
    const seen = new Set<string>();
    while (text.charCodeAt(this.#at) === COMMA) {
      const keyStart = this.#at + 1;
      const keyEnd = this.#endOfTagKey(keyStart);
      const valueEnd = keyEnd < 0 ? -1 : this.#endOfTagValue(keyEnd + 1);
      if (valueEnd < 0) return undefined;
      const key = text.slice(keyStart, keyEnd);
      if (seen.has(key)) return this.#fail('a tag comes twice');
      seen.add(key);
      tags.push({
        key: unescaped(key, IN_TAG),
        value: unescaped(text.slice(keyEnd + 1, valueEnd), IN_TAG),
      });
      this.#at = valueEnd;
    }
    return tags;
  }

  #fail(fault: string): undefined {
    this.#fault = fault;
    return undefined;
  }

  /** -1: a fault. */
  #endOfTagKey(start: number): number {
    const text = this.#text;
    const first = text.charCodeAt(start);
    if (start >= this.#end || first === SPACE || first === COMMA || first === EQUALS) {
      this.#fault = 'the key of a tag is missing';
      return -1;
    }
    for (let at = start + 1; at < this.#end; at++) {
      const c = text.charCodeAt(at);
      if ((c !== SPACE && c !== COMMA && c !== EQUALS) || this.#isEscaped(at)) continue;
      if (c === EQUALS) return at;
      break;
    }
    this.#fault = 'the value of a tag is missing';
    return -1;
  }

  /** -1: a fault. */
  #endOfTagValue(start: number): number {
    const text = this.#text;
    const first = text.charCodeAt(start);
    if (start >= this.#end || first === SPACE || first === COMMA) {
      this.#fault = 'the value of a tag is missing';
      return -1;
    }
    for (let at = start + 1; at < this.#end; at++) {
      const c = text.charCodeAt(at);
      if ((c !== SPACE && c !== COMMA && c !== EQUALS) || this.#isEscaped(at)) continue;
      if (c !== EQUALS) return at;
      this.#fault = 'the value of a tag has an equals sign that is not escaped';
      return -1;
    }
    this.#fault = 'the fields are missing';
    return -1;
  }

  /** Finds the end of the fields and checks each value. */
  #checkFields(start: number): boolean {
    const text = this.#text;
    const end = this.#end;
    let quoted = false;
    let equals = 0;
    let commas = 0;
    let at = start;
    while (at < end) {
      this.#at = at;
      const c = text.charCodeAt(at);
      if (c === BACKSLASH && at + 1 < end) {
        at += 2;
        continue;
      }
      if (c === QUOTE && equals > commas) quoted = !quoted;
      else if (c === EQUALS && !quoted) {
        equals++;
        const past = this.#checkValue(at);
        if (past < 0) return false;
        if (past > at) {
          at = past;
          continue;
        }
      } else if (c === COMMA && !quoted) commas++;
      else if (c === SPACE && !quoted) break;
      at++;
    }
    this.#at = at;
    if (quoted) this.#fault = 'a quoted value does not end';
    else if (equals === 0 || commas !== equals - 1) this.#fault = 'a field is not key=value';
    return this.#fault === '';
  }

  /** The value after an equals sign: the end of a number or boolean; `at` for a quoted text; -1: a fault. */
  #checkValue(at: number): number {
    const text = this.#text;
    const before = text.charCodeAt(at - 1);
    if ((before === SPACE || before === COMMA) && !this.#isEscaped(at - 1)) {
      this.#fault = 'the key of a field is missing';
      return -1;
    }
    const first = text.charCodeAt(at + 1);
    if (at + 1 >= this.#end || first === COMMA || first === SPACE) {
      this.#fault = 'the value of a field is missing';
      return -1;
    }
    if (first === QUOTE) return at;
    const past = endOfValue(text, at + 1, this.#end);
    if (numberOf(text.slice(at + 1, past)) !== undefined) return past;
    this.#fault = 'the value of a field is no number in range, boolean or quoted text';
    return -1;
  }

  /** Parses the checked fields. Undefined: they are ambiguous, or a key is too long. */
  #fields(start: number, end: number, maxKeyLength: number): Field[] | undefined {
    const text = this.#text;
    const fields: Field[] = [];
    let last: Map<string, Field> | undefined;
    for (let at = start; at < end; ) {
      const keyEnd = this.#endOfFieldKey(at, end);
      if (keyEnd >= end) return this.#fail('a field is not key=value');
      if (keyEnd - at > maxKeyLength) return this.#fail('measurement, tags and field are too long');
      const key = unescaped(text.slice(at, keyEnd), IN_NAME);
      const past = this.#endOfFieldValue(keyEnd + 1, end);
      const quoted = text.charCodeAt(keyEnd + 1) === QUOTE;
      const value = quoted ? undefined : numberOf(text.slice(keyEnd + 1, past));
      if (!quoted && value === undefined) return this.#fail('the value of a field reads in two ways');
      // A field without a key does not count.
      const field = { key, value, superseded: key === '', start: at, end: past };
      fields.push(field);
      if (fields.length > 1) {
        last ??= new Map([[fields[0]?.key ?? '', fields[0] as Field]]);
        const same = last.get(key);
        if (same !== undefined) same.superseded = true;
        last.set(key, field);
      }
      at = past + 1;
    }
    return fields;
  }

  #endOfFieldKey(start: number, end: number): number {
    let at = start;
    while (at < end && (this.#text.charCodeAt(at) !== EQUALS || (at > start && this.#isEscaped(at)))) at++;
    return at;
  }

  #endOfFieldValue(start: number, end: number): number {
    const text = this.#text;
    let quoted = false;
    for (let at = start; at < end; at++) {
      const c = text.charCodeAt(at);
      if (c === BACKSLASH && at + 1 < end) {
        const next = text.charCodeAt(at + 1);
        if (next === QUOTE || next === BACKSLASH) at++;
      } else if (c === QUOTE) quoted = !quoted;
      else if (c === COMMA && !quoted) return at;
    }
    return end;
  }

  /** Undefined: the time is invalid. */
  #time(from: number, precision: Precision, nowMs: number): number | undefined {
    const text = this.#text;
    const start = skipSpace(text, from, this.#end);
    let at = start;
    if (text.charCodeAt(at) === MINUS && at < this.#end) at++;
    while (at < this.#end && isDigit(text.charCodeAt(at))) at++;
    this.#at = at;
    const next = at < this.#end ? text.charCodeAt(at) : SPACE;
    if (next !== SPACE && next !== NEWLINE) return undefined;
    if (at === start) return precision === 's' ? nowMs - (nowMs % 1000) : nowMs;
    for (let rest = at; rest < this.#end; rest++) if (text.charCodeAt(rest) !== SPACE) return undefined;
    return milliseconds(text.slice(start, at), precision);
  }
}

/** The end of a number or boolean. */
function endOfValue(text: string, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const c = text.charCodeAt(at);
    if (c === COMMA || c === SPACE) break;
    at++;
  }
  return at;
}

/** Undefined: neither a number nor a boolean. */
function numberOf(text: string): number | undefined {
  const first = text.charCodeAt(0);
  if (!isDigit(first) && first !== MINUS && first !== DOT) return BOOLEANS.get(text);
  if (text.endsWith('i')) return integerOf(text.slice(0, -1));
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

const BOOLEANS: ReadonlyMap<string, number> = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text) => [text, 1] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, 0] as const),
]);
/** Each character can match in one place only, so that long texts take linear time. */
const FLOAT = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^-?\d+$/;
const SAFE_DIGITS = 15;
/** An int64 with its sign; more digits are out of range, and expensive to parse. */
const MOST_DIGITS = 20;

function integerOf(text: string): number | undefined {
  if (!INTEGER.test(text)) return undefined;
  if (text.length <= SAFE_DIGITS) return Number(text);
  const whole = wholeOf(text);
  return whole !== undefined && BigInt.asIntN(64, whole) === whole ? Number(whole) : undefined;
}

/** Undefined: far out of range. */
function wholeOf(text: string): bigint | undefined {
  const digits = text.replace(ZEROS_IN_FRONT, '$1');
  return digits.length > MOST_DIGITS ? undefined : BigInt(digits);
}

const ZEROS_IN_FRONT = /^(-?)0+(?=\d)/;

const NANOSECONDS: Record<Precision, bigint> = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n };
const LATEST = 2n ** 63n - 2n;

function milliseconds(text: string, precision: Precision): number | undefined {
  const whole = INTEGER.test(text) ? wholeOf(text) : undefined;
  if (whole === undefined) return undefined;
  const nanoseconds = whole * NANOSECONDS[precision];
  if (nanoseconds > LATEST || nanoseconds < -LATEST) return undefined;
  return Number(nanoseconds / 1_000_000n);
}

function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE;
}

/** Characters that a backslash escapes, in measurements and field keys, and in tags. */
const IN_NAME = /\\([, ="])/g;
const IN_TAG = /\\([, =])/g;

function unescaped(text: string, escapes: RegExp): string {
  return text.includes('\\') ? text.replace(escapes, '$1') : text;
}
