/** Numbers and nested values as text, byte for byte as Go and OpenTelemetry's pdata write them. */

/** For a bucket's bound or a quantile: strconv's 'f' with the fewest digits that identify it. */
export function boundText(value: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  return withoutExponent(signed(value));
}

/** For an attribute, or a number in JSON. */
export function doubleText(value: number): string {
  return Number.isFinite(value) ? signed(value) : `json: unsupported value: ${notFinite(value)}`;
}

function signed(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function notFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function withoutExponent(text: string): string {
  const parts = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', first = '', rest = '', exponent = ''] = parts;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}

const STRING = 1;
const BOOL = 2;
const INT = 3;
const DOUBLE = 4;
const ARRAY = 5;
const LIST = 6;
const BYTES = 7;

/** The text of a valid AnyValue message: bytes in base64, lists and maps as JSON. */
export function anyValueText(message: Uint8Array): Uint8Array {
  const value = readAnyValue(message);
  switch (value.kind) {
    case STRING:
      return value.bytes;
    case BYTES:
      return Buffer.from(Buffer.from(value.bytes).toString('base64'));
    case ARRAY:
    case LIST:
      try {
        return Buffer.from(json(value), 'latin1');
      } catch (error) {
        // As in Go, what can not be JSON becomes empty.
        if (error instanceof NotJson) return new Uint8Array();
        throw error;
      }
    case DOUBLE:
      return Buffer.from(doubleText(value.double));
    case BOOL:
      return Buffer.from(String(value.int !== 0n));
    case INT:
      return Buffer.from(String(value.int));
    default:
      return new Uint8Array();
  }
}

class NotJson extends Error {}

interface AnyValue {
  readonly kind: number;
  readonly bytes: Uint8Array;
  readonly int: bigint;
  readonly double: number;
}

const NOTHING: AnyValue = { kind: 0, bytes: new Uint8Array(), int: 0n, double: 0 };

/** The last of its kinds counts; an empty message results in `before`. */
function readAnyValue(message: Uint8Array, before = NOTHING): AnyValue {
  let value = before;
  for (const { number, bytes, int, double } of fields(message)) {
    if (number >= STRING && number <= BYTES) value = { kind: number, bytes, int, double };
  }
  return value;
}

/** JSON as Go's encoder writes it, one character for each byte. */
function json({ kind, bytes, int, double }: AnyValue): string {
  switch (kind) {
    case STRING:
      return quoted(bytes);
    case BOOL:
      return String(int !== 0n);
    case INT:
      return String(int);
    case DOUBLE:
      if (!Number.isFinite(double)) throw new NotJson();
      return signed(double);
    case ARRAY: {
      const values = [...fields(bytes)].filter(({ number }) => number === 1);
      return `[${values.map((value) => json(readAnyValue(value.bytes))).join(',')}]`;
    }
    case LIST:
      return mapJson(bytes);
    case BYTES:
      return bytes.length === 0 ? 'null' : `"${Buffer.from(bytes).toString('base64')}"`;
    default:
      return 'null';
  }
}

/** Keys are sorted by bytes; of a repeated key the last value counts. */
function mapJson(message: Uint8Array): string {
  const entries = new Map<string, string>();
  const values = new Map<string, AnyValue>();
  for (const { number, bytes } of fields(message)) {
    if (number !== 1) continue;
    let key = '';
    let value = NOTHING;
    for (const part of fields(bytes)) {
      if (part.number === 1) key = Buffer.from(part.bytes).toString('latin1');
      if (part.number === 2) value = readAnyValue(part.bytes, value);
    }
    values.set(key, value);
  }
  for (const [key, value] of values) entries.set(key, json(value));
  const keys = [...entries.keys()].sort();
  return `{${keys.map((key) => `${quoted(Buffer.from(key, 'latin1'))}:${entries.get(key)}`).join(',')}}`;
}

const SHORT = new Map([
  [0x22, '\\"'],
  [0x5c, '\\\\'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
]);
/** `<`, `>` and `&`. */
const HTML = new Set([0x3c, 0x3e, 0x26]);

function quoted(text: Uint8Array): string {
  let out = '"';
  for (let at = 0; at < text.length; ) {
    const byte = text[at] ?? 0;
    const length = characterLength(text, at);
    if (byte < 0x80) {
      const isEscaped = byte < 0x20 || HTML.has(byte);
      out +=
        SHORT.get(byte) ??
        (isEscaped ? `\\u00${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte));
    } else if (length === 1) {
      out += '\\ufffd';
    } else if (byte === 0xe2 && text[at + 1] === 0x80 && ((text[at + 2] ?? 0) & 0xfe) === 0xa8) {
      out += (text[at + 2] ?? 0) === 0xa8 ? '\\u2028' : '\\u2029';
    } else {
      out += Buffer.from(text.subarray(at, at + length)).toString('latin1');
    }
    at += length;
  }
  return `${out}"`;
}

/** The length of the UTF-8 character at `at`; 1 for an invalid byte. */
function characterLength(text: Uint8Array, at: number): number {
  const byte = text[at] ?? 0;
  if (byte < 0xc2 || byte > 0xf4) return 1;
  const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  const second = text[at + 1] ?? 0;
  const least = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
  const most = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 1;
  for (let i = 2; i < length; i++) {
    if (((text[at + i] ?? 0) & 0xc0) !== 0x80) return 1;
  }
  return length;
}

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly int: bigint;
  readonly double: number;
}

const NO_BYTES = new Uint8Array();

/** The fields of a valid message. Groups are skipped. */
function* fields(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let groups = 0;
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = varint(message, at);
    const number = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    at = afterTag;
    let field: Field = { number, bytes: NO_BYTES, int: 0n, double: 0 };
    if (wire === 0) {
      const [value, next] = varint(message, at);
      field = { ...field, int: BigInt.asIntN(64, value) };
      at = next;
    } else if (wire === 1) {
      field = { ...field, double: view.getFloat64(at, true) };
      at += 8;
    } else if (wire === 2) {
      const [length, next] = varint(message, at);
      at = next + Number(length);
      field = { ...field, bytes: message.subarray(next, at) };
    } else if (wire === 5) at += 4;
    else {
      groups += wire === 3 ? 1 : -1;
      continue;
    }
    if (groups === 0) yield field;
  }
}

function varint(message: Uint8Array, at: number): [value: bigint, next: number] {
  let value = 0n;
  for (let shift = 0n; at < message.length; shift += 7n) {
    const byte = message[at++] ?? 0;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) break;
  }
  return [value, at];
}
