/**
 * The messages of an OTLP metrics export: their fields by number and by name in JSON, from the published .proto files. Fields that
 * are not here are not read: they make no series.
 */

export type ScalarKind =
  | 'string'
  /** Base64 in JSON. */
  | 'bytes'
  /** Hexadecimal in JSON, of exactly this many bytes or empty. */
  | 'hex8'
  | 'hex16'
  | 'double'
  | 'fixed64'
  | 'sfixed64'
  | 'int64'
  | 'uint64'
  | 'uint32'
  | 'sint32'
  | 'bool'
  | 'enum';

export interface Field {
  readonly number: number;
  readonly kind: ScalarKind | 'message';
  readonly repeated: boolean;
  /** By name, since messages refer to themselves. */
  readonly message: MessageName | undefined;
}

type Declared = readonly [number: number, kind: ScalarKind | MessageName, repeated?: 'repeated'];

const DECLARED = {
  Request: { resource_metrics: [1, 'ResourceMetrics', 'repeated'] },
  ResourceMetrics: {
    resource: [1, 'Resource'],
    scope_metrics: [2, 'ScopeMetrics', 'repeated'],
    schema_url: [3, 'string'],
  },
  Resource: { attributes: [1, 'KeyValue', 'repeated'], dropped_attributes_count: [2, 'uint32'] },
  ScopeMetrics: { scope: [1, 'Scope'], metrics: [2, 'Metric', 'repeated'], schema_url: [3, 'string'] },
  Scope: {
    name: [1, 'string'],
    version: [2, 'string'],
    attributes: [3, 'KeyValue', 'repeated'],
    dropped_attributes_count: [4, 'uint32'],
  },
  Metric: {
    name: [1, 'string'],
    description: [2, 'string'],
    unit: [3, 'string'],
    gauge: [5, 'Gauge'],
    sum: [7, 'Sum'],
    histogram: [9, 'Histogram'],
    exponential_histogram: [10, 'ExponentialHistogram'],
    summary: [11, 'Summary'],
    metadata: [12, 'KeyValue', 'repeated'],
  },
  Gauge: { data_points: [1, 'NumberPoint', 'repeated'] },
  Sum: {
    data_points: [1, 'NumberPoint', 'repeated'],
    aggregation_temporality: [2, 'enum'],
    is_monotonic: [3, 'bool'],
  },
  Histogram: { data_points: [1, 'HistogramPoint', 'repeated'], aggregation_temporality: [2, 'enum'] },
  ExponentialHistogram: {
    data_points: [1, 'ExponentialPoint', 'repeated'],
    aggregation_temporality: [2, 'enum'],
  },
  Summary: { data_points: [1, 'SummaryPoint', 'repeated'] },
  NumberPoint: {
    start_time_unix_nano: [2, 'fixed64'],
    time_unix_nano: [3, 'fixed64'],
    as_double: [4, 'double'],
    exemplars: [5, 'Exemplar', 'repeated'],
    as_int: [6, 'sfixed64'],
    attributes: [7, 'KeyValue', 'repeated'],
    flags: [8, 'uint32'],
  },
  HistogramPoint: {
    start_time_unix_nano: [2, 'fixed64'],
    time_unix_nano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    bucket_counts: [6, 'fixed64', 'repeated'],
    explicit_bounds: [7, 'double', 'repeated'],
    exemplars: [8, 'Exemplar', 'repeated'],
    attributes: [9, 'KeyValue', 'repeated'],
    flags: [10, 'uint32'],
    min: [11, 'double'],
    max: [12, 'double'],
  },
  ExponentialPoint: {
    attributes: [1, 'KeyValue', 'repeated'],
    start_time_unix_nano: [2, 'fixed64'],
    time_unix_nano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    scale: [6, 'sint32'],
    zero_count: [7, 'fixed64'],
    positive: [8, 'Buckets'],
    negative: [9, 'Buckets'],
    flags: [10, 'uint32'],
    exemplars: [11, 'Exemplar', 'repeated'],
    min: [12, 'double'],
    max: [13, 'double'],
    zero_threshold: [14, 'double'],
  },
  Buckets: { offset: [1, 'sint32'], bucket_counts: [2, 'uint64', 'repeated'] },
  SummaryPoint: {
    start_time_unix_nano: [2, 'fixed64'],
    time_unix_nano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    quantile_values: [6, 'Quantile', 'repeated'],
    attributes: [7, 'KeyValue', 'repeated'],
    flags: [8, 'uint32'],
  },
  Quantile: { quantile: [1, 'double'], value: [2, 'double'] },
  Exemplar: {
    time_unix_nano: [2, 'fixed64'],
    as_double: [3, 'double'],
    span_id: [4, 'hex8'],
    trace_id: [5, 'hex16'],
    as_int: [6, 'sfixed64'],
    filtered_attributes: [7, 'KeyValue', 'repeated'],
  },
  KeyValue: { key: [1, 'string'], value: [2, 'AnyValue'] },
  AnyValue: {
    string_value: [1, 'string'],
    bool_value: [2, 'bool'],
    int_value: [3, 'int64'],
    double_value: [4, 'double'],
    array_value: [5, 'ArrayValue'],
    kvlist_value: [6, 'KeyValueList'],
    bytes_value: [7, 'bytes'],
  },
  ArrayValue: { values: [1, 'AnyValue', 'repeated'] },
  KeyValueList: { values: [1, 'KeyValue', 'repeated'] },
} as const satisfies Record<string, Readonly<Record<string, readonly [number, string, 'repeated'?]>>>;

export type MessageName = keyof typeof DECLARED;

const isMessage = (kind: string): kind is MessageName => Object.hasOwn(DECLARED, kind);

function fieldOf([number, kind, repeated]: Declared): Field {
  return isMessage(kind)
    ? { number, kind: 'message', repeated: repeated !== undefined, message: kind }
    : { number, kind, repeated: repeated !== undefined, message: undefined };
}

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());

function declarations(): [MessageName, [name: string, field: Field][]][] {
  return (Object.keys(DECLARED) as MessageName[]).map((message) => [
    message,
    Object.entries<Declared>(DECLARED[message]).map(([name, declared]) => [name, fieldOf(declared)]),
  ]);
}

/** The fields of a message by their names in JSON: in camel case, and as in the .proto file. */
export class FieldNames {
  readonly #names: ReadonlyMap<string, Field>;
  /** By length and last letter: few names of a message share both. */
  readonly #places: (readonly NamedField[] | undefined)[] = [];

  constructor(names: ReadonlyMap<string, Field>) {
    this.#names = names;
    for (const [name, field] of names) {
      const bytes = Buffer.from(name, 'latin1');
      const place = placeOf(bytes, 0, bytes.length);
      this.#places[place] = [...(this.#places[place] ?? []), { bytes, field }];
    }
  }

  get(name: string): Field | undefined {
    return this.#names.get(name);
  }

  /** By a name without escapes at this position of the JSON. */
  at(json: Uint8Array, start: number, end: number): Field | undefined {
    const named = this.#places[placeOf(json, start, end)];
    if (named === undefined) return undefined;
    for (const { bytes, field } of named) if (isSame(bytes, json, start, end)) return field;
    return undefined;
  }
}

interface NamedField {
  readonly bytes: Uint8Array;
  readonly field: Field;
}

const LONGEST_NAME = 31;

function placeOf(bytes: Uint8Array, start: number, end: number): number {
  return (Math.min(end - start, LONGEST_NAME) << 8) | (bytes[end - 1] ?? 0);
}

function isSame(name: Uint8Array, json: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== json[start + i]) return false;
  return true;
}

/** For reading JSON. */
export const MESSAGES: Readonly<Record<MessageName, FieldNames>> = Object.fromEntries(
  declarations().map(([message, fields]) => [
    message,
    new FieldNames(
      new Map(fields.flatMap(([name, field]) => [[name, field] as const, [camelCase(name), field] as const])),
    ),
  ]),
) as unknown as Record<MessageName, FieldNames>;

/** For writing it: by field number, with the name. */
export const FIELDS: Readonly<Record<MessageName, ReadonlyMap<number, Field & { readonly name: string }>>> =
  Object.fromEntries(
    declarations().map(([message, fields]) => [
      message,
      new Map(fields.map(([name, field]) => [field.number, { ...field, name: camelCase(name) }])),
    ]),
  ) as unknown as Record<MessageName, ReadonlyMap<number, Field & { readonly name: string }>>;

/** The names of enum values in JSON. */
export const TEMPORALITIES: ReadonlyMap<string, number> = new Map([
  ['AGGREGATION_TEMPORALITY_UNSPECIFIED', 0],
  ['AGGREGATION_TEMPORALITY_DELTA', 1],
  ['AGGREGATION_TEMPORALITY_CUMULATIVE', 2],
]);
