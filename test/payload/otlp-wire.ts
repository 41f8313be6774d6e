/** OTLP messages on the wire, field by field: written as somebody wants them, and read strictly, with protobufjs' writer and nothing of the kernel. */
import protobuf from 'protobufjs';

/** A field to write: a varint, eight bytes, bytes, or a message. */
export type Field =
  | { readonly n: number; readonly v: number | bigint }
  | { readonly n: number; readonly f: number | bigint }
  | { readonly n: number; readonly d: number }
  | { readonly n: number; readonly b: Uint8Array | string }
  | { readonly n: number; readonly m: readonly Field[] };

export function encode(fields: readonly Field[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const field of fields) {
    if ('v' in field) writer.uint32(field.n * 8).int64(long(field.v));
    else if ('f' in field) writer.uint32(field.n * 8 + 1).fixed64(long(BigInt(field.f)));
    else if ('d' in field) writer.uint32(field.n * 8 + 1).double(field.d);
    else if ('b' in field) writer.uint32(field.n * 8 + 2).bytes(bytesOf(field.b));
    else writer.uint32(field.n * 8 + 2).bytes(encode(field.m));
  }
  return writer.finish();
}

function long(value: number | bigint): protobuf.Long {
  const bits = BigInt.asUintN(64, BigInt(value));
  return new protobuf.util.Long(
    Number(BigInt.asIntN(32, bits)),
    Number(BigInt.asIntN(32, bits >> 32n)),
    true,
  );
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

/** What a field has to be: varint, eight bytes, bytes, many of the first two, an id, or a message. */
type Kind = 'varint' | 'fixed' | 'bytes' | 'fixeds' | 'varints' | 'trace' | 'span' | (() => Schema);
type Schema = Readonly<Record<number, Kind>>;

export interface Read {
  readonly n: number;
  readonly varint: bigint;
  readonly bytes: Buffer;
  readonly fields: readonly Read[];
  /** Where the field is, from its tag on. */
  readonly at: number;
  readonly end: number;
}

const ANY: Schema = {
  1: 'bytes',
  2: 'varint',
  3: 'varint',
  4: 'fixed',
  5: () => ({ 1: () => ANY }),
  6: () => ({ 1: () => KEY_VALUE }),
  7: 'bytes',
};
const KEY_VALUE: Schema = { 1: 'bytes', 2: () => ANY };
const attribute = () => KEY_VALUE;
const EXEMPLAR: Schema = { 2: 'fixed', 3: 'fixed', 4: 'span', 5: 'trace', 6: 'fixed', 7: attribute };
const exemplar = () => EXEMPLAR;
const BUCKETS: Schema = { 1: 'varint', 2: 'varints' };
const NUMBER: Schema = {
  2: 'fixed',
  3: 'fixed',
  4: 'fixed',
  5: exemplar,
  6: 'fixed',
  7: attribute,
  8: 'varint',
};
const HISTOGRAM: Schema = {
  2: 'fixed',
  3: 'fixed',
  4: 'fixed',
  5: 'fixed',
  6: 'fixeds',
  7: 'fixeds',
  8: exemplar,
  9: attribute,
  10: 'varint',
  11: 'fixed',
  12: 'fixed',
};
const EXPONENTIAL: Schema = {
  1: attribute,
  2: 'fixed',
  3: 'fixed',
  4: 'fixed',
  5: 'fixed',
  6: 'varint',
  7: 'fixed',
  8: () => BUCKETS,
  9: () => BUCKETS,
  10: 'varint',
  11: exemplar,
  12: 'fixed',
  13: 'fixed',
  14: 'fixed',
};
const SUMMARY: Schema = {
  2: 'fixed',
  3: 'fixed',
  4: 'fixed',
  5: 'fixed',
  6: () => ({ 1: 'fixed', 2: 'fixed' }),
  7: attribute,
  8: 'varint',
};
const METRIC: Schema = {
  1: 'bytes',
  2: 'bytes',
  3: 'bytes',
  5: () => ({ 1: () => NUMBER }),
  7: () => ({ 1: () => NUMBER, 2: 'varint', 3: 'varint' }),
  9: () => ({ 1: () => HISTOGRAM, 2: 'varint' }),
  10: () => ({ 1: () => EXPONENTIAL, 2: 'varint' }),
  11: () => ({ 1: () => SUMMARY }),
  12: attribute,
};
const SCOPE: Schema = { 1: 'bytes', 2: 'bytes', 3: attribute, 4: 'varint' };
const SCOPE_METRICS: Schema = { 1: () => SCOPE, 2: () => METRIC, 3: 'bytes' };
const RESOURCE: Schema = {
  1: attribute,
  2: 'varint',
  3: () => ({ 1: 'bytes', 2: 'bytes', 3: 'bytes', 4: 'bytes' }),
};
const RESOURCE_METRICS: Schema = {
  1: () => RESOURCE,
  2: () => SCOPE_METRICS,
  3: 'bytes',
  1000: () => SCOPE_METRICS,
};
const REQUEST: Schema = { 1: () => RESOURCE_METRICS };

const DEPTH_MOST = 64;

/** Throws where it is not sound. */
export function readRequest(body: Uint8Array): readonly Read[] {
  return read(Buffer.from(body), 0, body.length, REQUEST, 0);
}

function read(body: Buffer, from: number, end: number, schema: Schema, depth: number): Read[] {
  const inValues = depth + Number(schema === ANY);
  if (inValues > DEPTH_MOST) throw new Error('too deep');
  const fields: Read[] = [];
  let at = from;
  const varint = (limit = 64n): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= end || shift > 63n) throw new Error('varint');
      const byte = body[at++]!;
      if (limit === 32n && shift === 63n && byte > 1) throw new Error('varint');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    if (limit === 32n && value > 0xffffffffn) throw new Error('varint');
    return BigInt.asUintN(64, value);
  };
  const skipped = (bytes: number): Buffer => {
    if (bytes > end - at) throw new Error('short');
    at += bytes;
    return body.subarray(at - bytes, at);
  };
  const tagged = (): [number, number] => {
    const tag = Number(varint(32n));
    if (tag >>> 3 === 0) throw new Error('field 0');
    return [tag >>> 3, tag & 7];
  };
  const skipUnknown = (number: number, wire: number, groups: number): void => {
    if (wire === 0) varint();
    else if (wire === 1) skipped(8);
    else if (wire === 2) skipped(Number(varint(32n)));
    else if (wire === 5) skipped(4);
    else if (wire === 3 && groups < 32) {
      for (;;) {
        const [inner, innerWire] = tagged();
        if (innerWire === 4) {
          if (inner !== number) throw new Error('group');
          return;
        }
        skipUnknown(inner, innerWire, groups + 1);
      }
    } else throw new Error('wire');
  };
  while (at < end) {
    const start = at;
    const [n, wire] = tagged();
    const kind = schema[n];
    const push = (value: Partial<Read>): void => {
      fields.push({ n, varint: 0n, bytes: Buffer.alloc(0), fields: [], at: start, end: at, ...value });
    };
    const must = (expected: number): void => {
      if (wire !== expected) throw new Error('wire');
    };
    if (kind === undefined) skipUnknown(n, wire, 0);
    else if (kind === 'varint') {
      must(0);
      push({ varint: varint() });
    } else if (kind === 'fixed') {
      must(1);
      push({ bytes: skipped(8) });
    } else if (kind === 'fixeds' && wire === 1) push({ bytes: skipped(8) });
    else if (kind === 'varints' && wire === 0) push({ varint: varint() });
    else {
      must(2);
      const length = Number(varint(32n));
      const bytes = skipped(length);
      if (kind === 'trace' && length !== 0 && length !== 16) throw new Error('trace');
      if (kind === 'span' && length !== 0 && length !== 8) throw new Error('span');
      if (kind === 'fixeds') {
        if (length % 8 !== 0) throw new Error('short');
        for (let i = 0; i < length; i += 8) push({ bytes: bytes.subarray(i, i + 8) });
      } else if (kind === 'varints') {
        for (const value of varintsOf(bytes)) push({ varint: value });
      } else if (typeof kind === 'function') {
        push({ bytes, fields: read(body, at - length, at, kind(), inValues) });
      } else push({ bytes });
    }
  }
  return fields;
}

function varintsOf(bytes: Buffer): bigint[] {
  const values: bigint[] = [];
  for (let at = 0; at < bytes.length; ) {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error('varint');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    values.push(BigInt.asUintN(64, value));
  }
  return values;
}
