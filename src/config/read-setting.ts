/** Parses one setting from text or from a YAML value, or says in plain words what is expected. */
import { availableParallelism } from 'node:os';
import { parse } from 'yaml';
import { readBudgets } from '../advice/budget.js';
import { type FieldProblem, isProblem } from '../advice/fields.js';
import { readPolicies } from '../advice/policy.js';
import { readBoolean, readDurationMs, readInteger, readNumber, readSizeBytes } from '../limits/values.js';
import type { Setting, SettingTypes } from './settings.js';
import { readSourceSpec, type SourceSpec } from './source-spec.js';

type ReadSetting =
  | { readonly value: unknown }
  /** `at`: the position in a list of records. */
  | ({ readonly expected: string } & Partial<FieldProblem>);

export function readSetting(setting: Setting, raw: unknown): ReadSetting {
  const { type, min = 0, max = Number.MAX_SAFE_INTEGER } = setting;
  if (typeof type !== 'string') {
    return type.includes(String(raw)) ? { value: raw } : { expected: `one of ${type.join(', ')}` };
  }
  if (isListOfRecords(type)) {
    const read = RECORDS[type](recordsIn(raw));
    return isProblem(read) ? read : { value: read };
  }
  const value = READERS[type](raw);
  if (value === undefined) return { expected: EXPECTED[type] };
  if (typeof value === 'number' && (value < min || value > max)) {
    const unit = type === 'duration' ? ' ms' : '';
    return { expected: `${EXPECTED[type]}, ${value < min ? `at least ${min}` : `at most ${max}`}${unit}` };
  }
  return { value };
}

type RecordsType = 'policies' | 'budgets';

const RECORDS: { [T in RecordsType]: (raw: unknown) => SettingTypes[T] | FieldProblem } = {
  policies: readPolicies,
  budgets: readBudgets,
};

export function isListOfRecords(type: Setting['type']): type is RecordsType {
  return typeof type === 'string' && Object.hasOwn(RECORDS, type);
}

/** From a flag or variable: YAML, and so JSON, too. */
function recordsIn(raw: unknown): unknown {
  if (raw === null || raw === undefined || raw === '') return [];
  if (typeof raw !== 'string') return raw;
  try {
    return parse(raw);
  } catch {
    return undefined;
  }
}

/** At the end of an upstream URL. */
const ZONE = /#[\w.-]+$/;

const READERS: {
  [T in Exclude<keyof SettingTypes, RecordsType>]: (raw: unknown) => SettingTypes[T] | undefined;
} = {
  string: readText,
  path: readText,
  strings: readList,
  paths: readList,
  url: (raw) => {
    const urls = readList(raw);
    return urls?.every((url) => isHttpUrl(url.replace(/^(dns|srv):/, '').replace(ZONE, '')))
      ? urls
      : undefined;
  },
  redis: (raw) => {
    const urls = readList(raw);
    return urls?.every(isRedisUrl) ? urls : undefined;
  },
  sources: readSources,
  address: readAddress,
  duration: readDurationMs,
  size: readSizeBytes,
  count: readInteger,
  cores: (raw) => (raw === 'auto' ? availableParallelism() : readInteger(raw)),
  threads: (raw) => (raw === 'auto' ? raw : readInteger(raw)),
  most: (raw) => (raw === 'all' ? Number.POSITIVE_INFINITY : raw === 'none' ? 0 : readInteger(raw)),
  bool: readBoolean,
  number: readNumber,
};

const EXPECTED: Record<Exclude<keyof SettingTypes, RecordsType>, string> = {
  string: 'a text',
  path: 'a path',
  strings: 'a list of texts',
  paths: 'one path or a list of paths',
  url: 'an http:// or https:// URL, one behind dns: or srv:, or a list of them',
  redis: 'one redis:// or rediss:// URL or a list of them',
  sources: 'configmap:[NAMESPACE/]NAME[#KEY], an http:// or https:// URL, file:PATH, or a list of them',
  address: 'host:port, such as 0.0.0.0:8080 or [::1]:8080',
  duration: 'a duration such as 500ms, 30s or 1h30m',
  size: 'a size such as 65536, 64KiB or 100MiB',
  count: 'a whole number',
  cores: 'a whole number or auto',
  threads: 'a whole number or auto',
  most: 'a whole number, all or none',
  bool: 'true or false',
  number: 'a number',
};

function readText(raw: unknown): string | undefined {
  if (raw === null || raw === undefined) return '';
  return typeof raw === 'string' || typeof raw === 'number' ? String(raw) : undefined;
}

/** A YAML list, or a comma-separated text; an empty text is an empty list. */
function readList(raw: unknown): readonly string[] | undefined {
  if (raw === null || raw === undefined) return [];
  if (Array.isArray(raw)) return raw.every((one) => typeof one === 'string') ? raw : undefined;
  if (typeof raw !== 'string') return undefined;
  return raw
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function readSources(raw: unknown): readonly SourceSpec[] | undefined {
  const specs = readList(raw)?.map(readSourceSpec);
  return specs?.every((spec) => spec !== undefined) ? specs : undefined;
}

export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && search === '' && hash === '' && username === '';
}

function isRedisUrl(text: string): boolean {
  return URL.canParse(text) && ['redis:', 'rediss:'].includes(new URL(text).protocol);
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/;

function readAddress(raw: unknown): { host: string; port: number } | undefined {
  const match = typeof raw === 'string' ? ADDRESS.exec(raw) : null;
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}
