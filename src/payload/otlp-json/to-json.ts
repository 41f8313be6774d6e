/** Converts an OTLP protobuf message to JSON: for the rest of a body that came as JSON. It was validated before. */
import { FIELDS, type Field, type MessageName } from './fields.js';

export function toJson(message: Uint8Array): string {
  return objectOf('Request', Buffer.from(message.buffer, message.byteOffset, message.byteLength));
}

function objectOf(name: MessageName, bytes: Buffer): string {
  const values = new Map<string, string[]>();
  const fields = FIELDS[name];
  for (const { number, wire, at, end } of fieldsOf(bytes)) {
    const field = fields.get(number);
    if (field === undefined) continue;
    const texts = elementsOf(field, wire, bytes, at, end);
    const before = values.get(field.name);
    if (before === undefined || !field.repeated) values.set(field.name, texts);
    else before.push(...texts);
  }
  const members = [...values].map(([key, texts]) =>
    isRepeated(fields, key) ? `"${key}":[${texts.join()}]` : `"${key}":${texts[0]}`,
  );
  return `{${members.join()}}`;
}

function isRepeated(fields: ReadonlyMap<number, Field & { readonly name: string }>, key: string): boolean {
  for (const { name, repeated } of fields.values()) if (name === key) return repeated;
  return false;
}

const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

interface WireField {
  readonly number: number;
  readonly wire: number;
  /** Of the value, without tag and length. */
  readonly at: number;
  readonly end: number;
}

function* fieldsOf(bytes: Buffer): Generator<WireField> {
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = varint(bytes, at);
    const wire = Number(tag & 7n);
    const number = Number(tag >> 3n);
    const [length, behind] = wire === BYTES ? varint(bytes, start) : [0n, start];
    const end = wire === BYTES ? behind + Number(length) : behind + widthOf(wire, bytes, behind);
    yield { number, wire, at: behind, end };
    at = end;
  }
}

function widthOf(wire: number, bytes: Buffer, at: number): number {
  if (wire === FIXED64) return 8;
  if (wire === FIXED32) return 4;
  return varint(bytes, at)[1] - at;
}

function varint(bytes: Buffer, at: number): [value: bigint, next: number] {
  let value = 0n;
  let next = at;
  for (let shift = 0n; next < bytes.length; shift += 7n) {
    const byte = bytes[next++] ?? 0;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) break;
  }
  return [BigInt.asUintN(64, value), next];
}

/** One value, or all of a packed field. */
function elementsOf(field: Field, wire: number, bytes: Buffer, at: number, end: number): string[] {
  const { kind, message } = field;
  switch (kind) {
    case 'message':
      return [objectOf(message as MessageName, bytes.subarray(at, end))];
    case 'string':
      return [JSON.stringify(bytes.toString('utf8', at, end))];
    case 'bytes':
      return [`"${bytes.toString('base64', at, end)}"`];
    case 'hex8':
    case 'hex16':
      return [`"${bytes.toString('hex', at, end)}"`];
    default:
  }
  if (wire !== BYTES) return [numberOf(kind, bytes, at)];
  const elements: string[] = [];
  const isFixed = kind === 'double' || kind === 'fixed64' || kind === 'sfixed64';
  for (let next = at; next < end; next = isFixed ? next + 8 : varint(bytes, next)[1]) {
    elements.push(numberOf(kind, bytes, next));
  }
  return elements;
}

function numberOf(kind: Field['kind'], bytes: Buffer, at: number): string {
  switch (kind) {
    case 'double': {
      const value = bytes.readDoubleLE(at);
      if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
      return `"${value}"`;
    }
    case 'fixed64':
      return `"${bytes.readBigUInt64LE(at)}"`;
    case 'sfixed64':
      return `"${bytes.readBigInt64LE(at)}"`;
    default:
      return ofVarint(kind, varint(bytes, at)[0]);
  }
}

function ofVarint(kind: Field['kind'], value: bigint): string {
  switch (kind) {
    case 'int64':
      return `"${BigInt.asIntN(64, value)}"`;
    case 'uint64':
      return `"${value}"`;
    case 'sint32': {
      const zigzag = Number(BigInt.asUintN(32, value));
      return String((zigzag >>> 1) ^ -(zigzag & 1));
    }
    case 'bool':
      return String(value !== 0n);
    case 'enum':
      return String(BigInt.asIntN(32, value));
    default:
      return String(BigInt.asUintN(32, value));
  }
}
