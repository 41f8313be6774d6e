/**
 * What Mimir makes of an OTLP request, written plainly: series, each with its samples, and metadata, as a prometheus.WriteRequest that
 * protobufjs encodes. Texts are kept a character for each byte.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import type { OtlpSkipReason, OtlpTranslation } from '#src/payload/push.js';
import { type Read, readRequest } from './otlp-wire.js';

export interface Translated {
  /** As remote write. */
  readonly body: Uint8Array;
  readonly series: number;
  readonly dataPoints: number;
  readonly skippedPoints: number;
  readonly firstSkipped: OtlpSkipReason | undefined;
}

interface Series {
  readonly labels: readonly (readonly [string, string])[];
  readonly samples: readonly bigint[];
  readonly histogram?: object;
  readonly exemplars: readonly Exemplar[];
}

interface Exemplar {
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number;
  readonly timestamp: bigint;
}

const REQUEST = protobuf
  .parse(
    readFileSync(new URL('../../../proto/remote-write-v1.proto', import.meta.url), 'utf8').replaceAll(
      'string ',
      'bytes ',
    ),
  )
  .root.lookupType('prometheus.WriteRequest');

/** Samples of target_info in a request that are written out. */
const TARGETS_MOST = 20_000n;
class TooMany extends Error {}

/** Undefined: it is not sound; `too_many`: target_info has more samples than are worth it. */
export function translate(body: Uint8Array, options: OtlpTranslation): Translated | 'too_many' | undefined {
  let request: readonly Read[];
  try {
    request = readRequest(body);
  } catch {
    return undefined;
  }
  const translation = new Translation(options);
  try {
    for (const one of request) translation.resourceMetrics(one.fields);
  } catch (error) {
    if (error instanceof TooMany) return 'too_many';
    throw error;
  }
  return translation.result();
}

class Skip extends Error {
  constructor(readonly reason: OtlpSkipReason) {
    super(reason);
  }
}

const STEP = 150_000_000_000n;
const KINDS = new Map([
  [5, 'gauge'],
  [7, 'sum'],
  [9, 'histogram'],
  [10, 'exponential'],
  [11, 'summary'],
] as const);
const FIELDS = {
  gauge: { attributes: 7, exemplars: 0 },
  sum: { attributes: 7, exemplars: 5 },
  histogram: { attributes: 9, exemplars: 8 },
  exponential: { attributes: 1, exemplars: 11 },
  summary: { attributes: 7, exemplars: 0 },
};
type Kind = keyof typeof FIELDS;

type Attributes = readonly (readonly [key: string, value: string])[];

class Translation {
  readonly #options: OtlpTranslation;
  readonly #series: Series[] = [];
  readonly #metadata: { metricFamilyName: Buffer; unit: Buffer }[] = [];
  readonly #families = new Map<string, string>();
  readonly #targets = new Set<string>();
  #dataPoints = 0;
  #skippedPoints = 0;
  #firstSkipped: OtlpSkipReason | undefined;
  // Of the resource.
  #earliest = 2n ** 64n - 1n;
  #latest = 0n;
  #job = '';
  #instance = '';
  #promoted = new Map<string, string>();
  #scope: ReadonlyMap<string, string> | undefined;

  constructor(options: OtlpTranslation) {
    this.#options = options;
  }

  result(): Translated {
    const body = REQUEST.encode({
      timeseries: this.#series.map(({ labels, samples, histogram, exemplars }) => ({
        labels: labels.map(([name, value]) => ({ name: binary(name), value: binary(value) })),
        samples: samples.map((timestamp) => ({ value: 1, timestamp: long(timestamp) })),
        histograms: histogram === undefined ? [] : [histogram],
        exemplars: exemplars.map((one) => ({
          labels: one.labels.map(([name, value]) => ({ name: binary(name), value: binary(value) })),
          value: one.value,
          timestamp: long(one.timestamp),
        })),
      })),
      metadata: this.#metadata,
    }).finish();
    return {
      body,
      series: this.#series.length,
      dataPoints: this.#dataPoints,
      skippedPoints: this.#skippedPoints,
      firstSkipped: this.#firstSkipped,
    };
  }

  #skip(reason: OtlpSkipReason): void {
    this.#firstSkipped ??= reason;
  }

  resourceMetrics(fields: readonly Read[]): void {
    const resource = attributesOf(
      fields.filter(({ n }) => n === 1).flatMap((one) => one.fields),
      1,
    );
    const own = fields.filter(({ n }) => n === 2);
    const scopes = own.length > 0 ? own : fields.filter(({ n }) => n === 1000);
    this.#earliest = 2n ** 64n - 1n;
    this.#latest = 0n;
    const get = (key: string) => resource.find(([one]) => one === key)?.[1];
    const namespace = get('service.namespace');
    const service = get('service.name');
    this.#job = service === undefined ? '' : namespace === undefined ? service : `${namespace}/${service}`;
    this.#instance = get('service.instance.id') ?? '';
    let isNamed = true;
    try {
      this.#promoted = new Map();
      for (const [key, value] of resource) {
        const isPromoted = this.#options.promoteResourceAttributes.some(
          (one) => Buffer.from(one).toString('latin1') === key,
        );
        if (isPromoted) set(this.#promoted, this.#labelName(key), value);
      }
    } catch (error) {
      this.#failed(error);
      isNamed = false;
    }
    for (const scope of scopes) this.#scopeMetrics(scope.fields, isNamed);
    if (isNamed && this.#earliest < 2n ** 64n - 1n) this.#targetInfo(resource);
  }

  #failed(error: unknown): void {
    if (!(error instanceof Skip)) throw error;
    this.#skip(error.reason);
  }

  #scopeMetrics(fields: readonly Read[], isNamed: boolean): void {
    const scope = fields.filter(({ n }) => n === 1).flatMap((one) => one.fields);
    const name = lastText(scope, 1);
    let isScopeNamed = true;
    this.#scope = undefined;
    if (isNamed && this.#options.promoteScopeMetadata && name !== '') {
      try {
        const labels = new Map<string, string>();
        for (const [key, value] of attributesOf(scope, 3))
          set(labels, this.#labelName(`otel_scope_${key}`), value);
        labels.set('otel_scope_name', name);
        labels.set('otel_scope_version', lastText(scope, 2));
        labels.set('otel_scope_schema_url', lastText(fields, 3));
        this.#scope = labels;
      } catch (error) {
        this.#failed(error);
        isScopeNamed = false;
      }
    }
    for (const metric of fields.filter(({ n }) => n === 2))
      this.#metric(metric.fields, isNamed, isScopeNamed);
  }

  #metric(fields: readonly Read[], isNamed: boolean, isScopeNamed: boolean): void {
    const data = fields.findLast(({ n }) => KINDS.has(n as 5));
    if (data === undefined) {
      if (isNamed && isScopeNamed) this.#skip('no_data');
      return;
    }
    const kind = KINDS.get(data.n as 5)!;
    const points = data.fields.filter(({ n }) => n === 1);
    this.#dataPoints += points.length;
    let left = points.length;
    if (isScopeNamed) {
      for (const { fields: point } of points) {
        const time = lastBits(point, 3);
        if (time < this.#earliest) this.#earliest = time;
        if (time > this.#latest) this.#latest = time;
      }
    }
    try {
      if (!isNamed || !isScopeNamed) return;
      const hasTemporality = kind !== 'gauge' && kind !== 'summary';
      const temporality = Number(BigInt.asIntN(32, lastVarint(data.fields, 2)));
      const isDelta = hasTemporality && temporality === 1;
      if (hasTemporality && temporality !== 2 && !(isDelta && this.#options.nativeDeltaIngestion))
        throw new Skip('temporality');
      const isMonotonic = kind === 'sum' && lastVarint(data.fields, 3) !== 0n;
      const unit = lastText(fields, 3);
      const name = this.#metricName(lastText(fields, 1), unit, kind, isMonotonic);
      if (points.length === 0) throw new Skip('no_points');
      const type = isDelta
        ? 'unknown'
        : kind === 'sum'
          ? isMonotonic
            ? 'counter'
            : 'gauge'
          : kind.replace('exponential', 'histogram');
      const family = { name, type, unit: unitName(unit), help: lastText(fields, 2) };
      for (const point of points) {
        this.#point(kind, point.fields, family);
        left--;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#skippedPoints += left;
    }
  }

  #point(kind: Kind, point: readonly Read[], family: Family): void {
    const timestamp = BigInt.asIntN(64, lastBits(point, 3)) / 1_000_000n;
    if (kind === 'exponential' && scaleOf(point) < -4) throw new Skip('scale');
    const labels = this.#labels(attributesOf(point, FIELDS[kind].attributes), true);
    const exemplars = () => exemplarsOf(point, FIELDS[kind].exemplars);
    const add = (ending: string, more: readonly [string, string][], rest: Partial<Series>): void => {
      this.#tell(family);
      const all = labels.copy();
      for (const [name, value] of more) all.set(name, value);
      all.set('__name__', family.name + ending);
      this.#series.push({ labels: all.labels(), samples: [], exemplars: [], ...rest });
    };
    const sample = { samples: [timestamp] };
    if (kind === 'gauge') add('', [], sample);
    else if (kind === 'sum') add('', [], { ...sample, exemplars: exemplars() });
    else if (kind === 'summary') {
      add('_sum', [], sample);
      add('_count', [], sample);
      for (const { fields } of point.filter(({ n }) => n === 6))
        add('', [['quantile', boundText(lastDouble(fields, 1))]], sample);
    } else if (kind === 'exponential') {
      const own = exemplars();
      add('', [], { histogram: exponential(point, timestamp), exemplars: own });
    } else if (this.#options.convertHistogramsToNhcb) {
      const own = exemplars();
      add('', [], { histogram: customBuckets(point, timestamp), exemplars: own });
    } else {
      if (point.some(({ n }) => n === 5)) add('_sum', [], sample);
      add('_count', [], sample);
      const left = exemplars();
      const bounds = point.filter(({ n }) => n === 7).map(({ bytes }) => bytes.readDoubleLE());
      const counts = point.filter(({ n }) => n === 6).length;
      for (const bound of bounds.slice(0, counts)) {
        const own = left.findIndex(({ value }) => value > bound);
        add('_bucket', [['le', boundText(bound)]], {
          ...sample,
          exemplars: left.splice(0, own < 0 ? left.length : own),
        });
      }
      add('_bucket', [['le', '+Inf']], { ...sample, exemplars: left });
    }
  }

  #tell({ name, type, unit, help }: Family): void {
    const said = JSON.stringify([type, unit, help]);
    if (this.#families.get(name) === said) return;
    this.#families.set(name, said);
    this.#metadata.push({ metricFamilyName: binary(name), unit: binary(unit) });
  }

  #labels(attributes: Attributes, isPoint: boolean): Labels {
    const sorted = attributes
      .filter(([key]) => !isPoint || key !== '__name__')
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const labels = new Labels(this.#options.escapeNames ? [] : sorted);
    if (this.#options.escapeNames) {
      for (const [key, value] of sorted) {
        const name = this.#labelName(key);
        const before = labels.get(name);
        labels.set(name, before === '' ? value : `${before};${value}`);
      }
    }
    if (isPoint) {
      for (const [name, value] of this.#promoted) if (labels.get(name) === '') labels.set(name, value);
    }
    if (this.#job !== '') labels.set('job', this.#job);
    if (this.#instance !== '') labels.set('instance', this.#instance);
    if (isPoint) for (const [name, value] of this.#scope ?? []) labels.set(name, value);
    return labels;
  }

  #targetInfo(resource: Attributes): void {
    const identifying = ['service.name', 'service.namespace', 'service.instance.id'];
    const has = identifying.filter((one) => resource.some(([key]) => key === one));
    if (resource.length === has.length) return;
    const left = resource.filter(
      ([key]) => this.#options.keepIdentifyingResourceAttributes || !identifying.includes(key),
    );
    try {
      const labels = this.#labels(left, false);
      labels.set('__name__', 'target_info');
      const all = labels.labels();
      if (!all.some(([name]) => name === 'job' || name === 'instance')) return;
      const samples: bigint[] = [];
      const last = BigInt.asIntN(64, this.#latest);
      const times: bigint[] = [];
      if ((last - BigInt.asIntN(64, this.#earliest)) / STEP > TARGETS_MOST) throw new TooMany();
      for (let at = BigInt.asIntN(64, this.#earliest); at < last; at += STEP) times.push(at);
      for (const time of [...times, last]) {
        const ms = floorMs(time);
        const key = JSON.stringify([all, ms.toString()]);
        if (this.#targets.has(key)) continue;
        this.#targets.add(key);
        samples.push(ms);
      }
      if (samples.length === 0) return;
      this.#tell({ name: 'target_info', type: 'gauge', unit: '', help: 'Target metadata' });
      this.#series.push({ labels: all, samples, exemplars: [] });
    } catch (error) {
      this.#failed(error);
    }
  }

  #labelName(key: string): string {
    const options = this.#options;
    if (key === '') throw new Skip('label_name');
    let name = key;
    if (options.escapeNames) {
      const replaced = (text: string) =>
        characters(text)
          .map((one) => (/^[a-zA-Z0-9]$/.test(one) ? one : '_'))
          .join('');
      if (options.labelNamePreserveMultipleUnderscores) name = replaced(key);
      else if (/^__.*__$/s.test(key)) name = `__${replaced(key.slice(2, -2)).replace(/_+/g, '_')}__`;
      else name = replaced(key).replace(/_+/g, '_');
      if (/^\d/.test(name)) name = `key_${name}`;
      else if (options.labelNameUnderscoreSanitization && /^_(?!_)/.test(name)) name = `key${name}`;
    }
    if (/^_*$/.test(name)) throw new Skip('label_name');
    return name;
  }

  #metricName(name: string, unit: string, kind: Kind, isMonotonic: boolean): string {
    const { escapeNames, addSuffixes } = this.#options;
    const isRatio = unit === '1' && kind === 'gauge';
    const last = isMonotonic ? 'total' : isRatio ? 'ratio' : '';
    const [main, per] = unitParts(unit);
    if (!escapeNames) {
      if (!addSuffixes) return name;
      let made = last === '' ? name : withoutEnding(name, last);
      if (per !== '') made = withoutEnding(made, per);
      if (main !== '' && !made.endsWith(main)) made += `_${main}`;
      if (per !== '') made += `_${per}`;
      return last === '' ? made : `${made}_${last}`;
    }
    let made: string;
    if (addSuffixes) {
      let tokens = name.split(/[^a-zA-Z0-9:]+/).filter((one) => one !== '');
      let mainToken = cleanUnit(main);
      let perToken = cleanUnit(per);
      if (tokens.includes(mainToken)) mainToken = '';
      perToken = perToken === 'per_' ? '' : perToken.replace(/_$/, '');
      if (perToken !== '') mainToken = mainToken.replace(/_$/, '');
      tokens.push(...[mainToken, perToken].filter((one) => one !== ''));
      if (last !== '') tokens = [...tokens.filter((one) => one !== last), last];
      made = tokens.join('_');
    } else {
      made = name
        .split(/[^a-zA-Z0-9:_]+/)
        .filter((one) => one !== '')
        .join('_');
    }
    if (/^\d/.test(made)) made = `_${made}`;
    if (made === '' || (made !== name && /^_*$/.test(made))) throw new Skip('metric_name');
    return made;
  }
}

interface Family {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
}

/** As Prometheus' builder of labels: a base, what is added, what is removed. */
class Labels {
  readonly #base: Attributes;
  readonly #removed = new Set<string>();
  readonly #added = new Map<string, string>();

  constructor(base: Attributes) {
    this.#base = base;
    for (const [name, value] of base) if (value === '') this.#removed.add(name);
  }

  copy(): Labels {
    return new Labels(this.labels());
  }

  get(name: string): string {
    if (this.#added.has(name)) return this.#added.get(name)!;
    if (this.#removed.has(name)) return '';
    return this.#base.find(([one]) => one === name)?.[1] ?? '';
  }

  set(name: string, value: string): void {
    if (value === '') {
      this.#added.delete(name);
      this.#removed.add(name);
    } else {
      this.#removed.delete(name);
      this.#added.set(name, value);
    }
  }

  labels(): (readonly [string, string])[] {
    const base = this.#base.filter(([name]) => !this.#removed.has(name) && !this.#added.has(name));
    return [...base, ...this.#added].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
}

function set(labels: Map<string, string>, name: string, value: string): void {
  if (value === '') labels.delete(name);
  else labels.set(name, value);
}

function withoutEnding(name: string, ending: string): string {
  return name.endsWith(ending) && name.length > ending.length + 1 ? name.slice(0, -ending.length - 1) : name;
}

const UNITS: Record<string, string> = Object.fromEntries(
  `d days h hours min minutes s seconds ms milliseconds us microseconds ns nanoseconds By bytes KiBy kibibytes MiBy mebibytes
  GiBy gibibytes TiBy tibibytes KBy kilobytes MBy megabytes GBy gigabytes TBy terabytes m meters V volts A amperes J joules
  W watts g grams Cel celsius Hz hertz % percent`
    .trim()
    .split(/\s+/)
    .flatMap((one, index, all) => (index % 2 === 0 ? [[one, all[index + 1]!]] : [])),
);
const PER: Record<string, string> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

/** As Unicode has it, byte by byte. */
const SPACE = String.raw`(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)+`;
const SPACE_BEFORE = new RegExp(`^${SPACE}`);
const SPACE_AFTER = new RegExp(`${SPACE}$`);

function unitParts(unit: string): [main: string, per: string] {
  const slash = unit.indexOf('/');
  const part = (text: string, names: Record<string, string>): string => {
    const trimmed = text.replace(SPACE_BEFORE, '').replace(SPACE_AFTER, '');
    if (/[{}]/.test(trimmed)) return '';
    return Object.hasOwn(names, trimmed) ? names[trimmed]! : trimmed;
  };
  const main = part(slash < 0 ? unit : unit.slice(0, slash), { ...UNITS, '1': '' });
  const per = slash < 0 ? '' : part(unit.slice(slash + 1), PER);
  return [main, per === '' ? '' : `per_${per}`];
}

function cleanUnit(unit: string): string {
  return unit.replace(/[^a-zA-Z0-9:]+/g, '_').replace(/^_/, '');
}

function unitName(unit: string): string {
  return unitParts(unit)
    .map(cleanUnit)
    .filter((one) => one !== '')
    .join('_')
    .replace(/^_/, '')
    .replace(/_$/, '');
}

function attributesOf(fields: readonly Read[], n: number): Attributes {
  return fields.filter((one) => one.n === n).map(({ fields: pair }) => keyValue(pair));
}

function keyValue(pair: readonly Read[]): readonly [string, string] {
  const value = pair
    .filter(({ n }) => n === 2)
    .flatMap((one) => one.fields)
    .findLast(() => true);
  return [lastText(pair, 1), value === undefined ? '' : attributeText(value)];
}

function attributeText(value: Read): string {
  switch (value.n) {
    case 1:
      return value.bytes.toString('latin1');
    case 2:
      return String(value.varint !== 0n);
    case 3:
      return String(BigInt.asIntN(64, value.varint));
    case 4: {
      const double = value.bytes.readDoubleLE();
      if (Number.isFinite(double)) return goDouble(double);
      return `json: unsupported value: ${Number.isNaN(double) ? 'NaN' : double > 0 ? '+Inf' : '-Inf'}`;
    }
    case 7:
      return value.bytes.toString('base64');
    default: {
      const text = goJson(value);
      return text ?? '';
    }
  }
}

function goDouble(double: number): string {
  return (Object.is(double, -0) ? '-' : '') + String(double);
}

/** Undefined: it is none. */
function goJson(value: Read | undefined): string | undefined {
  if (value === undefined) return 'null';
  switch (value.n) {
    case 1:
      return goString(value.bytes);
    case 4: {
      const double = value.bytes.readDoubleLE();
      return Number.isFinite(double) ? goDouble(double) : undefined;
    }
    case 5: {
      const all = value.fields.map(({ fields }) => goJson(fields.at(-1)));
      return all.includes(undefined) ? undefined : `[${all.join(',')}]`;
    }
    case 6: {
      const entries = new Map<string, Read | undefined>();
      for (const { fields } of value.fields) {
        const one = fields.filter(({ n }) => n === 2).flatMap((any) => any.fields);
        entries.set(lastText(fields, 1), one.at(-1));
      }
      const all = [...entries]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, goJson(one)] as const);
      if (all.some(([, one]) => one === undefined)) return undefined;
      return `{${all.map(([key, one]) => `${goString(Buffer.from(key, 'latin1'))}:${one}`).join(',')}}`;
    }
    case 7:
      return value.bytes.length === 0 ? 'null' : `"${value.bytes.toString('base64')}"`;
    default:
      return attributeText(value);
  }
}

function goString(text: Buffer): string {
  const escaped = characters(text.toString('latin1')).map((one) => {
    if (one.length === 1 && one >= '\x80') return '\\ufffd';
    if (one === '\xe2\x80\xa8') return '\\u2028';
    if (one === '\xe2\x80\xa9') return '\\u2029';
    if (/[<>&]/.test(one)) return `\\u00${one.charCodeAt(0).toString(16)}`;
    return one.length === 1 ? JSON.stringify(one).slice(1, -1) : one;
  });
  return `"${escaped.join('')}"`;
}

const UTF8 =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\s\S]/g;

/** As Go counts them: what is no UTF-8 is a character byte by byte. */
function characters(text: string): string[] {
  return text.match(UTF8) ?? [];
}

function lastText(fields: readonly Read[], n: number): string {
  return fields.findLast((one) => one.n === n)?.bytes.toString('latin1') ?? '';
}

function lastVarint(fields: readonly Read[], n: number): bigint {
  return fields.findLast((one) => one.n === n)?.varint ?? 0n;
}

function lastBits(fields: readonly Read[], n: number): bigint {
  return fields.findLast((one) => one.n === n)?.bytes.readBigUInt64LE() ?? 0n;
}

function lastDouble(fields: readonly Read[], n: number): number {
  return fields.findLast((one) => one.n === n)?.bytes.readDoubleLE() ?? 0;
}

function zigzag(value: bigint): number {
  const bits = Number(BigInt.asUintN(32, value));
  return (bits >>> 1) ^ -(bits & 1);
}

function scaleOf(point: readonly Read[]): number {
  return zigzag(lastVarint(point, 6));
}

function floorMs(nanoseconds: bigint): bigint {
  return nanoseconds / 1_000_000n - (nanoseconds % 1_000_000n < 0n ? 1n : 0n);
}

/** strconv's 'f' with the fewest digits. */
function boundText(bound: number): string {
  if (Number.isNaN(bound)) return 'NaN';
  if (!Number.isFinite(bound)) return bound > 0 ? '+Inf' : '-Inf';
  const text = goDouble(bound);
  if (!text.includes('e')) return text;
  const [digits = '', exponent = ''] = text.split('e');
  const [whole = '', rest = ''] = digits.replace('-', '').split('.');
  const sign = text.startsWith('-') ? '-' : '';
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${rest}`;
  return sign + whole + rest + '0'.repeat(shift - rest.length);
}

function exemplarsOf(point: readonly Read[], n: number): Exemplar[] {
  return point
    .filter((one) => one.n === n)
    .map(({ fields }) => {
      const value = fields.findLast((one) => one.n === 3 || one.n === 6);
      if (value === undefined) throw new Skip('exemplar');
      const ids = [
        ['trace_id', 5],
        ['span_id', 4],
      ] as const;
      const labels = ids.flatMap(([name, id]) => {
        const bytes = fields.findLast((one) => one.n === id)?.bytes ?? Buffer.alloc(0);
        return bytes.every((byte) => byte === 0) ? [] : [[name, bytes.toString('hex')] as const];
      });
      const own = attributesOf(fields, 7);
      const length = [...labels, ...own].flat().reduce((sum, text) => sum + characters(text).length, 0);
      return {
        labels: length <= 128 ? [...labels, ...own] : labels,
        value: value.n === 3 ? value.bytes.readDoubleLE() : Number(value.bytes.readBigInt64LE()),
        timestamp: floorMs(BigInt.asIntN(64, lastBits(fields, 2))),
      };
    });
}

function exponential(point: readonly Read[], timestamp: bigint): object {
  const scale = scaleOf(point);
  const down = Math.max(0, scale - 8);
  const side = (n: number) => {
    const fields = point.filter((one) => one.n === n).flatMap((one) => one.fields);
    const counts = fields.filter((one) => one.n === 2).map(({ varint }) => varint);
    return buckets(counts, zigzag(lastVarint(fields, 1)), down, true);
  };
  const [positiveSpans, positiveDeltas] = side(8);
  const [negativeSpans, negativeDeltas] = side(9);
  return {
    countInt: 0,
    schema: Math.min(scale, 8),
    positiveSpans,
    positiveDeltas,
    negativeSpans,
    negativeDeltas,
    timestamp: long(timestamp),
  };
}

function customBuckets(point: readonly Read[], timestamp: bigint): object {
  const counts = point.filter(({ n }) => n === 6).map(({ bytes }) => bytes.readBigUInt64LE());
  const first = counts.findIndex((count) => count !== 0n);
  const offset = first < 0 ? counts.length : first;
  const [positiveSpans, positiveDeltas] = buckets(counts.slice(offset), offset, 0, false);
  return { countInt: 0, schema: -53, positiveSpans, positiveDeltas, timestamp: long(timestamp) };
}

type Span = { offset: number; length: number };

/** Sparse buckets of dense ones, as Prometheus makes them. Numbers of 32 bits wrap. */
function buckets(counts: bigint[], offset: number, down: number, adjusts: boolean): [Span[], number[]] {
  if (counts.length === 0) return [[], []];
  const shifted = (index: number): number => (((index | 0) >> Math.min(31, down)) + 1) | 0;
  const spans: Span[] = [];
  const deltas: number[] = [];
  const grow = (): void => {
    spans.at(-1)!.length++;
    deltas.push(0);
  };
  const bridge = (gap: number): void => {
    if (gap > 2) spans.push({ offset: gap, length: 0 });
    else for (let i = 0; i < gap; i++) grow();
  };
  let index = shifted(offset);
  let count = 0n;
  spans.push({ offset: adjusts ? index : offset, length: 0 });
  for (const [i, here] of counts.entries()) {
    const next = shifted(i + offset);
    if (index === next) count = BigInt.asIntN(64, count + here);
    else if (count === 0n) count = here;
    else {
      bridge((next - index - 1) | 0);
      grow();
      count = here;
      index = next;
    }
  }
  bridge((shifted(counts.length + offset - 1) - index) | 0);
  grow();
  return [spans, deltas];
}

function binary(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function long(value: bigint): protobuf.Long {
  return new protobuf.util.Long(
    Number(BigInt.asIntN(32, value)),
    Number(BigInt.asIntN(32, value >> 32n)),
    false,
  );
}
