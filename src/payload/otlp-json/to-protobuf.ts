/**
 * Converts OTLP as JSON to the equivalent protobuf message, in one pass that creates no objects: the cost follows the size
 * of the result, which is capped. Names may be in camel case or as in the .proto files, 64-bit numbers may be strings, ids
 * are hexadecimal, enums are numbers or names; unknown names are skipped. Anything else that is not JSON or not OTLP is a
 * fault.
 */
import {
  type Field,
  type FieldNames,
  MESSAGES,
  type MessageName,
  type ScalarKind,
  TEMPORALITIES,
} from './fields.js';
import { ShortDecimal, ShortWhole } from './short-numbers.js';
import { ProtobufWriter, TooLarge } from './writer.js';

interface JsonFault {
  readonly message: string;
  readonly offset: number;
}

/** Nesting of values; Mimir's parser accepts more, and makes labels of them. */
const MOST_VALUE_DEPTH = 100;
/** Nesting of what is skipped, as in Mimir's parser. */
const MOST_SKIPPED_DEPTH = 10_000;

export function toProtobuf(json: Uint8Array, maxBytes: number): Uint8Array | JsonFault | 'too_large' {
  const walk = new JsonWalk(json, maxBytes);
  try {
    return walk.request();
  } catch (error) {
    if (error instanceof TooLarge) return 'too_large';
    if (error instanceof Fault) return { message: error.message, offset: walk.offset };
    throw error;
  }
}

class Fault extends Error {}

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const UPPER_E = 69;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const LOWER_E = 101;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

class JsonWalk {
  readonly #json: Buffer;
  readonly #writer: ProtobufWriter;
  readonly #short = new ShortWhole();
  readonly #decimal = new ShortDecimal();
  #at = 0;
  #valueDepth = 0;

  constructor(json: Uint8Array, maxBytes: number) {
    this.#json = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
    this.#writer = new ProtobufWriter(maxBytes);
  }

  /** The current position. */
  get offset(): number {
    return Math.min(this.#at, this.#json.length);
  }

  request(): Uint8Array {
    this.#message('Request');
    if (this.#next() !== undefined) throw new Fault('there is something behind the JSON');
    return this.#writer.bytes;
  }

  /** The fields of an object, or of null, which has none. */
  #message(name: MessageName): void {
    if (this.#skipNull()) return;
    const fields = MESSAGES[name];
    this.#expect(OPEN_BRACE, 'an object');
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const field = this.#field(fields);
      if (field === undefined) this.#skipValue();
      else if (field.repeated) this.#repeated(field);
      else this.#value(field);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACE, 'a comma, or the end of the object');
  }

  /** Reads past the name of a field and the colon. Undefined: an unknown name. */
  #field(fields: FieldNames | undefined): Field | undefined {
    if (this.#next() !== QUOTE) throw new Fault('the name of a field is missing');
    const start = this.#at;
    const hasEscapes = this.#skipText();
    const end = this.#at;
    if (end - start === 2) throw new Fault('the name of a field is empty');
    this.#expect(COLON, 'a colon');
    return hasEscapes
      ? fields?.get(unescaped(this.#json, start, end))
      : fields?.at(this.#json, start + 1, end - 1);
  }

  #repeated(field: Field): void {
    if (this.#skipNull()) return;
    this.#expect(OPEN_BRACKET, 'an array');
    if (this.#take(CLOSE_BRACKET)) return;
    const { kind } = field;
    const packed = kind === 'message' ? undefined : this.#writer.begin(field.number);
    do {
      if (kind === 'message') this.#value(field);
      else this.#scalar(kind, undefined);
    } while (this.#take(COMMA));
    if (packed !== undefined) this.#writer.end(packed);
    this.#expect(CLOSE_BRACKET, 'a comma, or the end of the array');
  }

  #value({ number, kind, message }: Field): void {
    if (kind !== 'message') {
      if (!this.#skipNull()) this.#scalar(kind, number);
      return;
    }
    const deeper = message === 'AnyValue' ? 1 : 0;
    this.#valueDepth += deeper;
    if (this.#valueDepth > MOST_VALUE_DEPTH) throw new Fault('values are nested too deeply');
    const start = this.#writer.begin(number);
    this.#message(message as MessageName);
    this.#writer.end(start);
    this.#valueDepth -= deeper;
  }

  #scalar(kind: ScalarKind, field: number | undefined): void {
    const writer = this.#writer;
    switch (kind) {
      case 'string':
        this.#writeText(field ?? 0);
        break;
      case 'double':
        writer.double(field, this.#double());
        break;
      case 'fixed64':
        if (this.#shortWhole()) writer.fixed32s(field, this.#short.low, this.#short.high);
        else writer.fixed64(field, this.#whole(0n, MOST_UNSIGNED));
        break;
      case 'sfixed64':
        writer.fixed64(field, this.#whole(LEAST_SIGNED, MOST_SIGNED));
        break;
      case 'uint64':
        writer.varint(field, this.#whole(0n, MOST_UNSIGNED));
        break;
      case 'int64':
        writer.varint(field, this.#whole(LEAST_SIGNED, MOST_SIGNED));
        break;
      case 'uint32':
        writer.varint(field, Number(this.#whole(0n, 2n ** 32n - 1n)));
        break;
      case 'sint32': {
        const value = Number(this.#whole(-(2n ** 31n), 2n ** 31n - 1n));
        writer.varint(field, ((value << 1) ^ (value >> 31)) >>> 0);
        break;
      }
      case 'bool':
        writer.varint(field, this.#boolean());
        break;
      case 'enum':
        writer.varint(field, this.#enum());
        break;
      case 'bytes':
        writer.data(field ?? 0, this.#encoded('base64', BASE64));
        break;
      case 'hex8':
        this.#id(field ?? 0, 8);
        break;
      case 'hex16':
        this.#id(field ?? 0, 16);
        break;
    }
  }

  #id(field: number, length: number): void {
    const bytes = this.#encoded('hex', HEX);
    if (bytes.length === 0) return;
    if (bytes.length !== length) throw new Fault(`an id has not ${2 * length} hexadecimal digits`);
    this.#writer.data(field, bytes);
  }

  #encoded(encoding: 'base64' | 'hex', form: RegExp): Buffer {
    if (this.#next() !== QUOTE) throw new Fault('a text was expected');
    const text = this.#text();
    if (!form.test(text)) throw new Fault(`a text is not ${encoding}`);
    return Buffer.from(text, encoding);
  }

  #boolean(): number {
    if (this.#word('true')) return 1;
    if (this.#word('false')) return 0;
    throw new Fault('true or false was expected');
  }

  #enum(): bigint | number {
    if (this.#next() !== QUOTE) return this.#whole(-(2n ** 31n), 2n ** 31n - 1n);
    const text = this.#text();
    // As in Mimir's parser, an unknown name is ignored.
    return TEMPORALITIES.get(text) ?? 0;
  }

  /** The usual case: up to 19 digits, as a string. */
  #shortWhole(): boolean {
    if (this.#next() !== QUOTE) return false;
    const end = this.#short.read(this.#json, this.#at + 1);
    if (end < 0 || this.#json[end] !== QUOTE) return false;
    this.#at = end + 1;
    return true;
  }

  #double(): number {
    if (this.#next() !== QUOTE) {
      const end = this.#decimal.read(this.#json, this.#at);
      if (end >= 0 && !isOfNumber(this.#json[end])) {
        this.#at = end;
        return this.#decimal.value;
      }
    }
    const text = this.#next() === QUOTE ? this.#text() : this.#number();
    const special = SPECIAL_DOUBLES.exec(text);
    if (special !== null) return special[2] === undefined ? specialDouble(special) : Number.NaN;
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw new Fault('a number is none, or out of range');
    return value;
  }

  /** A whole number, as a number or a string. */
  #whole(least: bigint, most: bigint): bigint {
    const text = this.#next() === QUOTE ? this.#text() : this.#number();
    if (!WHOLE.test(text) || text.length > MOST_DIGITS) throw new Fault('a whole number was expected');
    const value = BigInt(text);
    if (value < least || value > most) throw new Fault('a whole number is out of range');
    return value;
  }

  /** Reads the characters that a number may consist of; the caller checks that they are one. */
  #number(): string {
    const start = this.#at;
    while (isOfNumber(this.#json[this.#at])) this.#at++;
    if (this.#at === start) throw new Fault('a number was expected');
    return this.#json.toString('latin1', start, this.#at);
  }

  #text(): string {
    const start = this.#at;
    return this.#skipText()
      ? unescaped(this.#json, start, this.#at)
      : this.#json.toString('latin1', start + 1, this.#at - 1);
  }

  #writeText(field: number): void {
    if (this.#next() !== QUOTE) throw new Fault('a text was expected');
    const start = this.#at;
    if (this.#skipText()) this.#writer.data(field, Buffer.from(unescaped(this.#json, start, this.#at)));
    else this.#writer.part(field, this.#json, start + 1, this.#at - 1);
  }

  /** Reads past the closing quote. True: the text has escapes. */
  #skipText(): boolean {
    const json = this.#json;
    let escapes = false;
    for (let at = this.#at + 1; at < json.length; at++) {
      const c = json[at] as number;
      if (c === QUOTE) {
        this.#at = at + 1;
        return escapes;
      }
      if (c < SPACE) {
        this.#at = at;
        throw new Fault('a text has a control character');
      }
      if (c !== BACKSLASH) continue;
      const past = pastEscape(json, at);
      if (past < 0) {
        this.#at = at;
        throw new Fault('a text has an escape that is none');
      }
      escapes = true;
      at = past - 1;
    }
    this.#at = json.length;
    throw new Fault('a text does not end');
  }

  /** Skips any value, however deep: with a stack of its own, one bit per level. */
  #skipValue(): void {
    const inObject: boolean[] = [];
    for (;;) {
      const opened = this.#skipStart();
      if (opened !== undefined && !this.#take(opened ? CLOSE_BRACE : CLOSE_BRACKET)) {
        inObject.push(opened);
        if (inObject.length > MOST_SKIPPED_DEPTH) throw new Fault('values are nested too deeply');
        if (opened) this.#field(undefined);
        continue;
      }
      if (!this.#skipToNext(inObject)) return;
    }
  }

  /** Skips a scalar, or the beginning of an object (true) or an array (false). */
  #skipStart(): boolean | undefined {
    switch (this.#next()) {
      case OPEN_BRACE:
        this.#at++;
        return true;
      case OPEN_BRACKET:
        this.#at++;
        return false;
      case QUOTE:
        this.#skipText();
        return undefined;
      default:
        if (this.#word('true') || this.#word('false') || this.#word('null')) return undefined;
        if (!NUMBER.test(this.#number())) throw new Fault('a number is none');
        return undefined;
    }
  }

  /** After a value: skips everything that ends there. False: nothing is left. */
  #skipToNext(inObject: boolean[]): boolean {
    for (;;) {
      const top = inObject[inObject.length - 1];
      if (top === undefined) return false;
      if (this.#take(COMMA)) {
        if (top) this.#field(undefined);
        return true;
      }
      this.#expect(top ? CLOSE_BRACE : CLOSE_BRACKET, 'a comma, or the end of a value');
      inObject.pop();
    }
  }

  #skipNull(): boolean {
    return this.#word('null');
  }

  #word(word: 'true' | 'false' | 'null'): boolean {
    if (this.#next() !== word.charCodeAt(0)) return false;
    if (this.#json.toString('latin1', this.#at, this.#at + word.length) !== word)
      throw new Fault('a value is none');
    this.#at += word.length;
    return true;
  }

  /** The next character that is not white space. */
  #next(): number | undefined {
    for (;;) {
      const c = this.#json[this.#at];
      if (c !== SPACE && c !== NEWLINE && c !== TAB && c !== RETURN) return c;
      this.#at++;
    }
  }

  #take(character: number): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: number, what: string): void {
    if (!this.#take(character)) throw new Fault(`${what} was expected`);
  }
}

const MOST_UNSIGNED = 2n ** 64n - 1n;
const MOST_SIGNED = 2n ** 63n - 1n;
const LEAST_SIGNED = -(2n ** 63n);
/** An int64 with its sign. */
const MOST_DIGITS = 20;

const WHOLE = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const SPECIAL_DOUBLES = /^([+-]?)(?:inf|infinity|(nan))$/i;
const HEX = /^(?:[0-9a-f]{2})*$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function specialDouble([, sign]: RegExpExecArray): number {
  return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function isOfNumber(c: number | undefined): boolean {
  if (c === undefined) return false;
  return (c >= ZERO && c <= NINE) || c === DOT || c === MINUS || c === PLUS || c === LOWER_E || c === UPPER_E;
}

/** Past the escape at this position; -1: it is invalid. */
function pastEscape(json: Buffer, at: number): number {
  const kind = json.toString('latin1', at + 1, at + 2);
  if (kind !== 'u') return kind !== '' && '"\\/bfnrt'.includes(kind) ? at + 2 : -1;
  return UNICODE_ESCAPE.test(json.toString('latin1', at + 2, at + 6)) ? at + 6 : -1;
}

const UNICODE_ESCAPE = /^[0-9a-f]{4}$/i;

/** A valid text with its quotes. */
function unescaped(json: Buffer, start: number, end: number): string {
  return JSON.parse(json.toString('utf8', start, end)) as string;
}
