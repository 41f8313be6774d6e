/** OTLP requests of all kinds, made of a seed: mostly what SDKs send, with what nobody should send in between. */
import type { OtlpTranslation } from '#src/payload/push.js';
import { encode, type Field } from './otlp-wire.js';

/** Numbers that look random and repeat with their seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 up to, and not, `limit`. */
  next(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  is(oneIn: number): boolean {
    return this.next(oneIn) === 0;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.next(all.length)]!;
  }

  many<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.next(most + 1) }, make);
  }
}

const KEYS = [
  ...[
    'http.method',
    'http_method',
    'http.route',
    'code',
    'le',
    'quantile',
    'job',
    'instance',
    '__name__',
    '_a',
    '_b.c',
  ],
  ...[
    '__x__',
    '__x.y__',
    '1st',
    'a..b',
    'a__b',
    'a_b',
    'A',
    'Z.é',
    'é',
    '名',
    '.',
    '..',
    '',
    'otel_scope_name',
    '__',
    '____',
  ],
  ...[
    'service.name',
    'service.namespace',
    'service.instance.id',
    'k8s.pod',
    'k8s_pod',
    'host.name',
    'otel_scope_version',
  ],
];
const VALUES = ['GET', 'POST', '', 'a;b', '/x/y', 'ünï', '<&>"\\', 'x'.repeat(130), '200'];
const UNITS = [
  '',
  '1',
  's',
  'By',
  'ms',
  'By/s',
  '{req}',
  'm/s',
  ' s ',
  '%',
  'foo/ s',
  '1/m',
  'x y',
  'total',
  '/s',
  'a/',
  'é',
  'é/é',
  'By_',
];
const NAMES = [
  ...[
    'http.server.duration',
    'requests',
    'requests_total',
    'a.total.b',
    'mem_bytes',
    'ratio',
    'x.ratio',
    '1up',
    '_',
    '.',
    '',
  ],
  ...[
    'Süß',
    'jvm.memory.used',
    'seconds',
    'a:b',
    'up_info',
    'build.info',
    'per_second',
    'x_per_second',
    '__a__b',
    'target_info',
  ],
];
const BOUNDS = [
  0,
  0.005,
  0.1,
  1,
  5,
  10,
  1e21,
  1e-7,
  123456789.25,
  -1,
  -0,
  5e-324,
  1.7976931348623157e308,
  Number.POSITIVE_INFINITY,
  Number.NaN,
];
const NOW = 1_700_000_000_000_000_000n;

export function randomRequest(dice: Dice): Uint8Array {
  return encode(dice.many(3, () => ({ n: 1, m: resourceMetrics(dice) })));
}

function resourceMetrics(dice: Dice): Field[] {
  const resource: Field = { n: 1, m: [...attributes(dice, 1, 6), ...dice.many(1, () => ({ n: 2, v: 3 }))] };
  const fields: Field[] = [
    ...(dice.is(5) ? [] : [resource]),
    ...dice.many(3, () => ({ n: dice.is(30) ? 1000 : 2, m: scopeMetrics(dice) })),
    ...(dice.is(4) ? [{ n: 3, b: 'schema' }] : []),
    ...(dice.is(20) ? [{ n: 77, b: 'unknown' }] : []),
  ];
  return dice.is(6) ? fields.reverse() : fields;
}

function scopeMetrics(dice: Dice): Field[] {
  const scope: Field = {
    n: 1,
    m: [
      ...(dice.is(4) ? [] : [{ n: 1, b: 'io.scope' }]),
      ...(dice.is(2) ? [] : [{ n: 2, b: '1.2' }]),
      ...attributes(dice, 3, 3),
    ],
  };
  const before: Before = { attributes: undefined, order: dice.next(4) };
  return [
    ...(dice.is(4) ? [] : [scope]),
    ...dice.many(4, () => ({ n: 2, m: metric(dice, before) })),
    ...(dice.is(3) ? [{ n: 3, b: 'https://schema' }] : []),
  ];
}

/** Of the data point before. */
interface Before {
  attributes: readonly (readonly Field[])[] | undefined;
  /** Where they stand among the other fields. */
  readonly order: number;
}

/** The data point with the attributes of the one before it, a few of them with other values. */
function alike(point: Field[], n: number, before: Before, dice: Dice): Field[] {
  const own = point.flatMap((field) => (field.n === n && 'm' in field ? [field.m] : []));
  const attributes =
    before.attributes?.map(([key = { n: 1, b: 'a' }, ...value]) => [
      key,
      ...(dice.is(3) ? [{ n: 2, m: anyValue(dice, 0) }] : value),
    ]) ?? own;
  before.attributes = attributes;
  const rest = point.filter((field) => field.n !== n);
  const fields = attributes.map((m) => ({ n, m }));
  if (dice.is(12))
    fields.splice(
      dice.next(fields.length + 1),
      dice.next(2),
      ...dice.many(1, () => ({ n, m: own[0] ?? [] })),
    );
  if (before.order === 0) return [...fields.slice(1), ...rest, ...fields.slice(0, 1)];
  return before.order === 1 ? [...rest, ...fields] : [...fields, ...rest];
}

function metric(dice: Dice, before: Before): Field[] {
  const number = dice.pick([5, 7, 7, 9, 9, 10, 11]);
  const kinds = {
    5: numberPoint,
    7: numberPoint,
    9: histogramPoint,
    10: exponentialPoint,
    11: summaryPoint,
  } as const;
  const isAlike = dice.is(2);
  const data: Field[] = dice.many(5, () => {
    const point = kinds[number as 5](dice);
    return {
      n: 1,
      m: isAlike ? alike(point, number === 9 ? 9 : number === 10 ? 1 : 7, before, dice) : point,
    };
  });
  if (number !== 5 && number !== 11 && !dice.is(15)) data.push({ n: 2, v: dice.is(8) ? dice.next(4) : 2 });
  if (number === 7 && !dice.is(3)) data.push({ n: 3, v: 1 });
  const fields: Field[] = [
    { n: 1, b: dice.pick(NAMES) },
    ...(dice.is(3) ? [] : [{ n: 2, b: dice.pick(['help', 'other help']) }]),
    ...(dice.is(3) ? [] : [{ n: 3, b: dice.pick(UNITS) }]),
    ...(dice.is(40) ? [] : [{ n: number, m: dice.is(5) ? data.reverse() : data }]),
    ...(dice.is(20) ? attributes(dice, 12, 2) : []),
  ];
  return dice.is(6) ? fields.reverse() : fields;
}

function time(dice: Dice): Field[] {
  if (dice.is(200)) return [{ n: 3, f: 2n ** 64n - 5n }];
  return [{ n: 3, f: NOW + BigInt(dice.next(400)) * 1_234_567_891n }];
}

function numberPoint(dice: Dice): Field[] {
  return [
    ...attributes(dice, 7, 6),
    { n: 2, f: NOW - 10n ** 12n },
    ...time(dice),
    ...(dice.is(3) ? [{ n: 6, f: dice.next(100) }] : dice.is(10) ? [] : [{ n: 4, d: 1.5 }]),
    ...dice.many(dice.is(4) ? 3 : 0, () => ({ n: 5, m: exemplar(dice) })),
    ...(dice.is(8) ? [{ n: 8, v: 1 }] : []),
  ];
}

function exemplar(dice: Dice): Field[] {
  return [
    ...attributes(dice, 7, 2),
    ...(dice.is(5) ? [] : [{ n: 2, f: NOW + BigInt(dice.next(1000)) }]),
    ...(dice.is(12) ? [] : dice.is(2) ? [{ n: 3, d: dice.pick(BOUNDS) }] : [{ n: 6, f: dice.next(20) }]),
    ...(dice.is(3) ? [] : [{ n: 5, b: Uint8Array.from({ length: 16 }, () => dice.next(256)) }]),
    ...(dice.is(3) ? [] : [{ n: 4, b: Uint8Array.from({ length: 8 }, () => dice.next(2)) }]),
  ];
}

function histogramPoint(dice: Dice): Field[] {
  const bounds = dice.many(6, () => dice.pick(BOUNDS));
  const counts = Array.from(
    { length: Math.max(0, bounds.length + 1 - (dice.is(6) ? dice.next(4) : 0)) },
    () => dice.next(3),
  );
  const packed: Field[] = [
    { n: 6, b: bytesOf(counts, (view, at, value) => view.setBigUint64(at, BigInt(value), true)) },
    { n: 7, b: bytesOf(bounds, (view, at, value) => view.setFloat64(at, value, true)) },
  ];
  const single: Field[] = [
    ...counts.map((count) => ({ n: 6, f: count })),
    ...bounds.map((bound) => ({ n: 7, d: bound })),
  ];
  return [
    ...time(dice),
    { n: 4, f: 3 },
    ...(dice.is(4) ? [] : [{ n: 5, d: 2.5 }]),
    ...(dice.is(6) ? single : packed),
    ...dice.many(dice.is(3) ? 4 : 0, () => ({ n: 8, m: exemplar(dice) })),
    ...attributes(dice, 9, 5),
    ...(dice.is(8) ? [{ n: 10, v: 1 }] : []),
    { n: 11, d: 0 },
  ];
}

function bytesOf<T>(values: readonly T[], write: (view: DataView, at: number, value: T) => void): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) write(view, index * 8, value);
  return bytes;
}

function exponentialPoint(dice: Dice): Field[] {
  const side = (n: number): Field => ({
    n,
    m: [
      { n: 1, v: zigzag(dice.is(30) ? 2 ** 31 - 3 : dice.next(40) - 20) },
      ...(dice.is(3)
        ? dice.many(20, () => ({ n: 2, v: dice.next(3) }))
        : [{ n: 2, b: Uint8Array.from(dice.many(60, () => (dice.is(2) ? 0 : dice.next(100)))) }]),
    ],
  });
  return [
    ...attributes(dice, 1, 4),
    ...time(dice),
    { n: 4, f: 5 },
    ...(dice.is(3) ? [] : [{ n: 5, d: 1 }]),
    { n: 6, v: zigzag(dice.is(10) ? dice.pick([-5, 9, 20, 50, -4]) : dice.next(12) - 2) },
    ...(dice.is(3) ? [] : [side(8)]),
    ...(dice.is(2) ? [] : [side(9)]),
    ...dice.many(dice.is(4) ? 2 : 0, () => ({ n: 11, m: exemplar(dice) })),
    { n: 14, d: 0 },
  ];
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function summaryPoint(dice: Dice): Field[] {
  return [
    ...attributes(dice, 7, 5),
    ...time(dice),
    { n: 4, f: 5 },
    { n: 5, d: 7 },
    ...dice.many(4, () => ({
      n: 6,
      m: [
        { n: 1, d: dice.pick(BOUNDS) },
        { n: 2, d: 3 },
      ],
    })),
  ];
}

function attributes(dice: Dice, n: number, most: number): Field[] {
  const count = dice.is(60) ? 40 : most;
  return dice.many(count, () => ({
    n,
    m: [
      {
        n: 1,
        b: dice.is(12) ? dice.pick(KEYS) : dice.pick(KEYS.slice(0, 20).filter((key) => /[a-z]/.test(key))),
      },
      ...(dice.is(25) ? [] : [{ n: 2, m: anyValue(dice, 0) }]),
    ],
  }));
}

function anyValue(dice: Dice, depth: number): Field[] {
  const kind = dice.is(3) ? dice.next(9) : 1;
  switch (kind) {
    case 2:
      return [{ n: 2, v: dice.next(2) }];
    case 3:
      return [{ n: 3, v: dice.pick([0, 1, -1, 42, 9007199254740993n, -(2n ** 63n)]) }];
    case 4:
      return [{ n: 4, d: dice.pick([...BOUNDS, 1.25e-9, 3e25, 100]) }];
    case 5:
      return [{ n: 5, m: dice.many(depth > 3 ? 0 : 3, () => ({ n: 1, m: anyValue(dice, depth + 1) })) }];
    case 6:
      return [
        {
          n: 6,
          m: dice.many(depth > 3 ? 0 : 3, () => ({
            n: 1,
            m: [
              { n: 1, b: dice.pick(KEYS) },
              { n: 2, m: anyValue(dice, depth + 1) },
            ],
          })),
        },
      ];
    case 7:
      return [{ n: 7, b: Uint8Array.from(dice.many(5, () => dice.next(256))) }];
    case 8:
      return [];
    default:
      return [
        { n: 1, b: dice.is(30) ? Uint8Array.from(dice.many(6, () => dice.next(256))) : dice.pick(VALUES) },
      ];
  }
}

export function randomTranslation(dice: Dice): OtlpTranslation {
  return {
    escapeNames: !dice.is(3),
    addSuffixes: dice.is(2),
    promoteResourceAttributes: dice.many(3, () => dice.pick(KEYS)),
    keepIdentifyingResourceAttributes: dice.is(3),
    convertHistogramsToNhcb: dice.is(3),
    promoteScopeMetadata: dice.is(2),
    nativeDeltaIngestion: dice.is(3),
    labelNameUnderscoreSanitization: !dice.is(3),
    labelNamePreserveMultipleUnderscores: !dice.is(3),
  };
}

/** Some bytes changed, cut off, or put twice. */
export function damaged(body: Uint8Array, dice: Dice): Uint8Array {
  const bytes = Buffer.from(body);
  if (bytes.length === 0) return bytes;
  for (let i = dice.next(4); i >= 0; i--)
    bytes[dice.next(bytes.length)] = dice.is(2) ? dice.next(256) : dice.next(16);
  if (dice.is(4)) return bytes.subarray(0, dice.next(bytes.length + 1));
  const at = dice.next(bytes.length);
  return dice.is(4) ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(dice.next(at + 1))]) : bytes;
}
