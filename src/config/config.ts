/**
 * The effective configuration: defaults, then the file, then MIMIR_EDGE_* variables, then flags. All errors are reported at
 * once, and none is ignored.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify, type YAMLMap } from 'yaml';
import { type Budget, writtenBudget } from '../advice/budget.js';
import { type Policy, writtenPolicy } from '../advice/policy.js';
import {
  DEFAULT_LIMITS,
  EDGE_LIMITS,
  type LimitTable,
  MIMIR_LIMITS,
  readLimit,
  suggest,
} from '../limits/limit-table.js';
import type { TenantLimits } from '../limits/limits.js';
import { isOtherOfMimir } from '../limits/other-mimir-limits.js';
import { nodeAt, plainLimit } from '../limits/plain-limit.js';
import { tenantLimits } from '../limits/snapshot.js';
import { nearestName } from '../limits/values.js';
import { guardFaults } from './guard-faults.js';
import { isListOfRecords, readSetting } from './read-setting.js';
import { SETTINGS, type Setting, type SettingPath, type Settings } from './settings.js';
import { printSourceSpec, type SourceSpec } from './source-spec.js';

export interface Config extends Settings {
  /** The limits of tenants that no document names: the sections `limits` and `edge_limits`. */
  readonly defaults: TenantLimits;
}

export interface ConfigError {
  readonly path: string;
  /** Where it was set: file with line and column, variable, or flag. */
  readonly source: string;
  readonly message: string;
}

export interface ConfigSources {
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Dotted paths and their texts. */
  readonly flags: Readonly<Record<string, string>>;
}

const ENV_PREFIX = 'MIMIR_EDGE_';
/** Kubernetes sets these in every pod if there is a Service named mimir-edge. */
const OF_KUBERNETES = /^MIMIR_EDGE_(SERVICE_(HOST|PORT)|PORT)(_|$)/;

export const SETTING_PATHS = Object.keys(SETTINGS) as SettingPath[];
const LIMIT_PATHS = [
  ...Object.keys(MIMIR_LIMITS).map((name) => `limits.${name}`),
  ...Object.keys(EDGE_LIMITS).map((name) => `edge_limits.${name}`),
];
const PATH_BY_ENV = new Map([...SETTING_PATHS, ...LIMIT_PATHS].map((path) => [envName(path), path]));

export function loadConfig(sources: ConfigSources): { config: Config } | { errors: readonly ConfigError[] } {
  return new Loader().load(sources);
}

export function envName(path: string): string {
  return ENV_PREFIX + path.replaceAll('.', '_').toUpperCase();
}

/** Settings whose change needs a restart, which is all except the log level. */
export function changedSettings(before: Config, after: Config): string[] {
  const changed: string[] = SETTING_PATHS.filter(
    (path) => path !== 'log.level' && !isDeepStrictEqual(before[path], after[path]),
  );
  return isDeepStrictEqual(before.defaults, after.defaults) ? changed : [...changed, 'limits'];
}

/** A section of the file with limits, and what it sets. */
interface LimitSection {
  readonly name: string;
  readonly table: LimitTable;
  readonly values: Map<string, unknown>;
}

/** A position in the file, for messages. */
type At = (node: unknown) => string;

class Loader {
  readonly #errors: ConfigError[] = [];
  readonly #values = new Map<string, unknown>();
  readonly #limits: LimitSection = { name: 'limits', table: MIMIR_LIMITS, values: new Map() };
  readonly #edgeLimits: LimitSection = { name: 'edge_limits', table: EDGE_LIMITS, values: new Map() };

  load({ file, env, flags }: ConfigSources): { config: Config } | { errors: readonly ConfigError[] } {
    for (const path of SETTING_PATHS) this.#set(path, SETTINGS[path].fallback, 'default');
    if (file !== undefined) this.#readFile(file.name, file.text);
    for (const [name, text] of Object.entries(env)) this.#readEnv(name, text);
    for (const [path, text] of Object.entries(flags)) this.#setKnown(path, text, `flag --${path}`);
    if (this.#errors.length === 0) this.#checkTogether();
    if (this.#errors.length > 0) return { errors: this.#errors };
    return this.#finish();
  }

  #finish(): { config: Config } {
    const defaults = tenantLimits(DEFAULT_LIMITS, this.#limits.values, this.#edgeLimits.values);
    return { config: Object.freeze({ ...Object.fromEntries(this.#values), defaults }) as unknown as Config };
  }

  /** Checks that involve several settings. */
  #checkTogether(): void {
    const { config } = this.#finish();
    if (!/^[A-Za-z0-9_-]+$/.test(config['tenant.header'])) {
      this.#error(
        'tenant.header',
        'settings',
        `expected the name of a header, found ${shown(config['tenant.header'])}`,
      );
    }
    for (const path of config['push.paths']) {
      if (!path.startsWith('/'))
        this.#error('push.paths', 'settings', `expected paths that begin with /, found ${shown(path)}`);
    }
    if (config['admin.reads'] === 'token' && config['admin.tokens_file'] === '') {
      this.#error('admin.reads', 'settings', 'with token, admin.tokens_file is needed: who may read?');
    }
    if (config['push.max_bytes_in_flight'] < config['push.max_body_bytes']) {
      this.#error(
        'push.max_bytes_in_flight',
        'settings',
        'expected room for one body of push.max_body_bytes at least',
      );
    }
    this.#checkEnvoyTls(config);
    for (const [path, message] of guardFaults(config)) this.#error(path, 'settings', message);
  }

  #checkEnvoyTls(config: Config): void {
    const { 'envoy.tls.cert_file': cert, 'envoy.tls.key_file': key, 'envoy.tls.client_ca_file': ca } = config;
    if ((cert === '') === (key === '') && (ca === '' || cert !== '')) return;
    this.#error(
      'envoy.tls',
      'settings',
      'expected both envoy.tls.cert_file and envoy.tls.key_file, or neither of them and no envoy.tls.client_ca_file',
    );
  }

  #readEnv(name: string, text: string | undefined): void {
    if (!name.startsWith(ENV_PREFIX) || OF_KUBERNETES.test(name) || text === undefined) return;
    const path = PATH_BY_ENV.get(name);
    if (path !== undefined) this.#setKnown(path, text, `variable ${name}`);
    else this.#error(name, 'environment', `unknown setting${hint(name, PATH_BY_ENV.keys())}`);
  }

  #readFile(name: string, text: string): void {
    const lines = new LineCounter();
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
    });
    const place = (offset: number): string => {
      const { line, col } = lines.linePos(offset);
      return `${name}:${Math.max(1, line)}:${Math.max(1, col)}`;
    };
    for (const error of document.errors) this.#error('', place(error.pos[0]), error.message);
    if (document.errors.length > 0) return;
    const top = document.contents;
    if (isMap(top)) this.#readMap('', top, (node) => place((node as Node).range?.[0] ?? 0));
    else if (top !== null && !(isScalar(top) && top.value === null)) {
      this.#error('', place(0), 'expected a map of settings');
    }
  }

  #readMap(prefix: string, map: YAMLMap, at: At): void {
    for (const { key, value } of map.items) {
      const name = prefix + keyText(key);
      if (name === 'limits') {
        this.#readLimits(this.#limits, value, at(key), at);
      } else if (name === 'edge_limits') {
        this.#readLimits(this.#edgeLimits, value, at(key), at);
      } else if (SETTING_PATHS.some((path) => path.startsWith(`${name}.`))) {
        if (isMap(value)) this.#readMap(`${name}.`, value, at);
        else if (!isNull(value)) this.#error(name, at(key), 'expected a map of settings');
      } else if (Object.hasOwn(SETTINGS, name) && isListOfRecords(SETTINGS[name as SettingPath].type)) {
        this.#setRecords(name as SettingPath, value as Node | null, at(key), at);
      } else {
        this.#setKnown(name, plainValue(value), at(key));
      }
    }
  }

  /** A list of maps; errors have line and column. */
  #setRecords(path: SettingPath, node: Node | null, source: string, at: At): void {
    const read = readSetting(SETTINGS[path], plainLimit(node));
    if ('value' in read) {
      this.#values.set(path, read.value);
      return;
    }
    const { at: within = [], isName = false, expected } = read;
    const wrong = isName ? keyAt(node, within) : nodeAt(node, within);
    const found = isScalar(wrong) ? `, found ${shown(wrong.value)}` : '';
    this.#error(
      [path, ...within].join('.'),
      wrong === null ? source : at(wrong),
      `expected ${expected}${found}`,
    );
  }

  #readLimits(section: LimitSection, map: unknown, source: string, at: At): void {
    if (isNull(map)) return;
    if (!isMap(map)) {
      this.#error(section.name, source, 'expected a map of limits');
      return;
    }
    for (const { key, value } of map.items) {
      this.#setLimit(section, keyText(key), plainLimit(value as Node | null), at(key));
    }
  }

  #setLimit(
    { name: section, table, values }: LimitSection,
    name: string,
    raw: unknown,
    source: string,
  ): void {
    const path = `${section}.${name}`;
    const facts = Object.hasOwn(table, name) ? table[name] : undefined;
    // A block copied from Mimir's own configuration may contain limits that do not concern the edge.
    if (facts === undefined && table === MIMIR_LIMITS && isOtherOfMimir(name)) return;
    if (facts === undefined) {
      this.#error(path, source, `unknown limit${suggest(name, table)}`);
      return;
    }
    const read = readLimit(facts, raw);
    if ('value' in read) values.set(name, read.value);
    else this.#error(path, source, `${read.problem}, found ${shown(raw)}`);
  }

  #setKnown(path: string, raw: unknown, source: string): void {
    if (Object.hasOwn(SETTINGS, path)) this.#set(path as SettingPath, raw, source);
    else if (path.startsWith('limits.'))
      this.#setLimit(this.#limits, path.slice('limits.'.length), raw, source);
    else if (path.startsWith('edge_limits.')) {
      this.#setLimit(this.#edgeLimits, path.slice('edge_limits.'.length), raw, source);
    } else this.#error(path, source, `unknown setting${hint(path, SETTING_PATHS)}`);
  }

  #set(path: SettingPath, raw: unknown, source: string): void {
    const read = readSetting(SETTINGS[path], raw);
    if ('value' in read) this.#values.set(path, read.value);
    // An invalid Redis URL may still contain a password.
    else if (SETTINGS[path].type === 'redis') this.#error(path, source, `expected ${read.expected}`);
    else this.#error(path, source, `expected ${read.expected}, found ${shown(raw)}`);
  }

  #error(path: string, source: string, message: string): void {
    this.#errors.push({ path, source, message });
  }
}

/** In the form of the YAML file, without passwords. */
export function printConfig(config: Config): string {
  const tree: Record<string, unknown> = {};
  for (const path of SETTING_PATHS) put(tree, path.split('.'), printed(SETTINGS[path], config[path]));
  const { edge, ...mimir } = config.defaults;
  tree['limits'] = printLimits(MIMIR_LIMITS, mimir);
  tree['edge_limits'] = printLimits(EDGE_LIMITS, edge);
  return stringify(tree);
}

function printed(setting: Setting, value: unknown): unknown {
  if (setting.type === 'duration') return `${value}ms`;
  if (setting.type === 'most') return value === Number.POSITIVE_INFINITY ? 'all' : value;
  if (setting.type === 'redis') return (value as readonly string[]).map(withoutPassword);
  if (setting.type === 'budgets') return (value as readonly Budget[]).map(writtenBudget);
  if (setting.type === 'policies') return (value as readonly Policy[]).map(writtenPolicy);
  if (setting.type === 'sources') return (value as readonly SourceSpec[]).map(printSourceSpec);
  if (setting.type === 'address') {
    const { host, port } = value as { host: string; port: number };
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }
  return value;
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '********';
  return shown.href;
}

function printLimits(table: LimitTable, limits: object): Record<string, unknown> {
  const entries = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, table[name]?.type === 'duration' ? `${value}ms` : value]),
  );
}

function put(tree: Record<string, unknown>, [head = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  tree[head] ??= {};
  put(tree[head] as Record<string, unknown>, rest, value);
}

function keyAt(node: Node | null, path: readonly (string | number)[]): Node | null {
  const holder = nodeAt(node, path.slice(0, -1));
  const pair = isMap(holder) ? holder.items.find(({ key }) => keyText(key) === path.at(-1)) : undefined;
  return (pair?.key ?? null) as Node | null;
}

/** Valid for no type of setting. */
const A_MAP: unique symbol = Symbol('a map');

/** A scalar or a list of scalars; no setting is anything else. */
function plainValue(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => (isScalar(item) ? item.value : 'a map or a list'));
  return isNull(node) ? null : A_MAP;
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : '(not a text)';
}

function isNull(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function shown(raw: unknown): string {
  return raw === A_MAP ? 'a map' : (JSON.stringify(raw) ?? 'nothing');
}

function hint(name: string, names: Iterable<string>): string {
  const nearest = nearestName(name, names);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
