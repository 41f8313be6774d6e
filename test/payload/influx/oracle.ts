/**
 * What Mimir makes of lines, found in another way than the edge does: one pass after the other over copies of the bytes, as
 * InfluxDB's parser goes. Slow, and short enough to be read beside it.
 */
import protobuf from 'protobufjs';

export interface OracleSeries {
  /** `name=value` of bytes as latin1, in the order of the wire. */
  readonly labels: readonly string[];
  readonly value: number;
  readonly timestampMs: number;
}

/** Undefined: Mimir refuses all of it. */
export function seriesOf(body: Uint8Array, unit: bigint, nowMs: number): OracleSeries[] | undefined {
  const series: OracleSeries[] = [];
  try {
    for (const line of linesOf(Buffer.from(body).toString('latin1')))
      series.push(...ofLine(line, unit, nowMs));
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
  return series;
}

class Refused extends Error {}

function refuseIf(condition: boolean): void {
  if (condition) throw new Refused();
}

function linesOf(body: string): string[] {
  const lines: string[] = [];
  for (let rest = body; rest !== ''; ) {
    const line = firstLine(rest);
    rest = rest.slice(line.length + 1);
    const trimmed = line.replace(/^[ \t\0]+/, '');
    if (trimmed !== '' && !trimmed.startsWith('#')) lines.push(trimmed);
  }
  return lines;
}

function firstLine(rest: string): string {
  const seen = { space: false, quoted: false, equals: 0, commas: 0 };
  let line = '';
  const chars = [...rest];
  while (chars.length > 0) {
    const c = chars.shift() as string;
    if (c === '\n' && !seen.quoted) break;
    line += c;
    if (c === '\\') line += chars.shift() ?? '';
    else if (c === ' ') seen.space = true;
    else if (seen.space && c === '"' && seen.equals > seen.commas) seen.quoted = !seen.quoted;
    else if (seen.space && c === '=' && !seen.quoted) seen.equals++;
    else if (seen.space && c === ',' && !seen.quoted) seen.commas++;
  }
  return line;
}

/** Splits at the first of the characters that no backslash stands before. */
function splitAt(text: string, stops: string, from = 0): [before: string, stop: string, after: string] {
  for (let i = from; i < text.length; i++) {
    if (stops.includes(text[i] as string) && text[i - 1] !== '\\')
      return [text.slice(0, i), text[i] as string, text.slice(i + 1)];
  }
  return [text, '', ''];
}

function ofLine(line: string, unit: bigint, nowMs: number): OracleSeries[] {
  refuseIf(line.startsWith(','));
  let [measurement, stop, rest] = splitAt(line, ', ', 1);
  const tags = new Map<string, string>();
  let keyLength = measurement.length;
  while (stop === ',') {
    const [key, equals, behind] = splitAt(rest, ' ,=', 1);
    refuseIf(equals !== '=' || /^[ ,=]/.test(rest));
    refuseIf(behind === '' || /^[ ,]/.test(behind));
    const [value, next, after] = splitAt(behind, ' ,=', 1);
    refuseIf(next === '=' || next === '' || tags.has(key));
    tags.set(key, value);
    keyLength += 2 + key.length + value.length;
    [stop, rest] = [next, after];
  }
  refuseIf(stop === '' || keyLength > 65535);
  const [fieldText, timeText] = splitFields(` ${rest}`);
  const fields = new Map<string, number | string>();
  for (const [key, value] of walk(fieldText)) {
    refuseIf(keyLength + 4 + key.length > 65535);
    if (key !== '') fields.set(unescaped(key, ',"= '), value);
  }
  const timestampMs = timeOf(timeText, unit, nowMs);
  const name = unescaped(measurement, ',"= ');
  return [...fields]
    .filter((field): field is [string, number] => typeof field[1] === 'number')
    .map(([field, value]) => ({ labels: labels(name, field, tags), value, timestampMs }));
}

function unescaped(text: string, escapable: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length && escapable.includes(text[i + 1] as string)) i++;
    out += text[i];
  }
  return out;
}

/** `text` begins with the space before the fields. Quoted texts stay as they are. */
function splitFields(text: string): [fields: string, rest: string] {
  const start = (/^[ \t\0]*/.exec(text) as RegExpExecArray)[0].length;
  let i = start;
  let quoted = false;
  let equals = 0;
  let commas = 0;
  while (i < text.length) {
    const c = text[i] as string;
    if (c === '\\' && i + 1 < text.length) {
      i += 2;
      continue;
    }
    if (c === '"' && equals > commas) {
      quoted = !quoted;
      i++;
      continue;
    }
    if (c === '=' && !quoted) {
      equals++;
      refuseIf(/^[ ,]$/.test(text[i - 1] ?? '') && text[i - 2] !== '\\');
      const value = (/^[^, ]*/.exec(text.slice(i + 1)) as RegExpExecArray)[0];
      refuseIf(value === '');
      if (!value.startsWith('"')) {
        scalar(value);
        i += 1 + value.length;
        continue;
      }
    }
    if (c === ',' && !quoted) commas++;
    if (c === ' ' && !quoted) break;
    i++;
  }
  refuseIf(quoted || equals === 0 || commas !== equals - 1);
  return [text.slice(start, i), text.slice(i)];
}

/** A number or a boolean. */
function scalar(text: string): number {
  if (/^(t|T|true|True|TRUE)$/.test(text)) return 1;
  if (/^(f|F|false|False|FALSE)$/.test(text)) return 0;
  if (/^-?[0-9]+i$/.test(text)) {
    const whole = BigInt(text.slice(0, -1));
    refuseIf(whole > 2n ** 63n - 1n || whole < -(2n ** 63n));
    return Number(whole);
  }
  const mantissa = /^(-?[0-9.]*)([eE][+-]?[0-9]+)?$/.exec(text)?.[1] ?? '';
  refuseIf(!/[0-9]/.test(mantissa) || mantissa.split('.').length > 2);
  const value = Number.parseFloat(text);
  refuseIf(!Number.isFinite(value));
  return value;
}

function* walk(fields: string): Generator<[key: string, value: number | string]> {
  let rest = fields;
  while (rest !== '') {
    const equals = [...rest].findIndex((c, i) => c === '=' && rest[i - 1] !== '\\');
    refuseIf(equals < 0);
    const behind = rest.slice(equals + 1);
    const value = (/^(?:\\["\\]|"(?:\\["\\]|[^"])*(?:"|$)|[^,"])*/.exec(behind) as RegExpExecArray)[0];
    yield [rest.slice(0, equals), value.startsWith('"') ? value : scalar(value)];
    rest = behind.slice(value.length + 1);
  }
}

function timeOf(text: string, unit: bigint, nowMs: number): number {
  const found = /^(-?[0-9]*)([ \n][\s\S]*)?$/.exec(text.replace(/^[ \t\0]+/, ''));
  refuseIf(found === null);
  const digits = found?.[1] ?? '';
  if (digits === '') return unit === 10n ** 9n ? Math.floor(nowMs / 1000) * 1000 : nowMs;
  refuseIf(digits === '-' || /[^ ]/.test(found?.[2] ?? ''));
  const ns = BigInt(digits) * unit;
  refuseIf(ns > 2n ** 63n - 2n || ns < -(2n ** 63n) + 2n);
  return Number(ns / 1_000_000n);
}

function labels(measurement: string, field: string, tags: ReadonlyMap<string, string>): string[] {
  const all: [string, string][] = [
    ['__name__', sane(field === 'value' ? measurement : `${measurement}_${field}`)],
    ['__proxy_source__', 'influx'],
  ];
  for (const [key, value] of tags) {
    const name = unescaped(key, ',= ');
    if (name !== '__name__' && name !== '__proxy_source__') all.push([sane(name), unescaped(value, ',= ')]);
  }
  return all.map((pair) => pair.join('=')).sort();
}

/** Each character that may not stand in a name is an underscore; of one with several bytes the others are left. */
function sane(bytes: string): string {
  const buffer = Buffer.from(bytes, 'latin1');
  let name = '';
  for (let i = 0; i < buffer.length; ) {
    let length = 4;
    // What decodes to one character without the mark of a fault is one.
    while (length > 1 && !isOneCharacter(buffer.subarray(i, i + length))) length--;
    const rune = buffer.subarray(i, i + length).toString('latin1');
    name += (/^[a-zA-Z0-9_]$/.test(rune) ? rune : '_') + rune.slice(1);
    i += length;
  }
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function isOneCharacter(bytes: Buffer): boolean {
  try {
    return [...new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)].length === 1;
  } catch {
    return false;
  }
}

/** What a Remote Write 1.0 message holds, labels as bytes. */
export function seriesIn(message: Uint8Array): OracleSeries[] {
  return fieldsOf(message).map(([, series]) => {
    const fields = fieldsOf(series as Uint8Array);
    const sample = new Map(fieldsOf(fields.find(([number]) => number === 2)?.[1] as Uint8Array));
    const pairs = fields
      .filter(([number]) => number === 1)
      .map(([, label]) => {
        const [name, value] = fieldsOf(label as Uint8Array).map(([, text]) => latin1(text as Uint8Array));
        return `${name}=${value}`;
      });
    return { labels: pairs, value: sample.get(1) as number, timestampMs: sample.get(2) as number };
  });
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function fieldsOf(message: Uint8Array): [number: number, value: Uint8Array | number][] {
  const reader = protobuf.Reader.create(message);
  const fields: [number, Uint8Array | number][] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const wire = tag & 7;
    const value = wire === 2 ? reader.bytes() : wire === 1 ? reader.double() : Number(reader.int64());
    fields.push([tag >>> 3, value]);
  }
  return fields;
}
