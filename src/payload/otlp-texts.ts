/** The constant texts for OTLP's translation, in the order of kernel/otlp-texts.ts, and the units in names. */

const TEXTS = [
  '__name__',
  'service.name',
  'service.namespace',
  'service.instance.id',
  'job',
  'instance',
  'otel_scope_name',
  'otel_scope_version',
  'otel_scope_schema_url',
  'target_info',
  '_sum',
  '_count',
  '_bucket',
  'le',
  'quantile',
  '+Inf',
  'true',
  'false',
  'total',
  'ratio',
  'trace_id',
  'span_id',
  'key_',
  'per_',
  'Target metadata',
].join('');

const UNITS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '1': '',
  '%': 'percent',
};

/** After "per". */
const PER_UNITS: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

/** Texts, then both tables. */
export function otlpTexts(): Uint8Array {
  return Buffer.concat([Buffer.from(TEXTS), table(UNITS), table(PER_UNITS)]);
}

/** Each unit and its name, preceded by their lengths; a length of 0 ends the table. */
function table(units: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(units)
    .flat()
    .map((text) => Buffer.from([text.length, ...Buffer.from(text)]));
  return Buffer.concat([...parts, Buffer.from([0])]);
}
