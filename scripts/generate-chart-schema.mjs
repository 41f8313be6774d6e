/**
 * What the chart's values may hold under `config`, from the declarations of settings and limits. The rest of
 * values.schema.json is written by hand.
 */
import { readFileSync } from 'node:fs';
import { SETTING_PATHS } from '../dist/config/config.js';
import { SETTINGS } from '../dist/config/settings.js';
import { EDGE_LIMITS, MIMIR_LIMITS } from '../dist/limits/limit-table.js';
import { OTHER_MIMIR_LIMITS } from '../dist/limits/other-mimir-limits.js';

const FILE = 'helm/mimir-edge/values.schema.json';

const text = { type: 'string' };
const records = { anyOf: [text, { type: 'array', items: { type: 'object' } }] };
const texts = { anyOf: [text, { type: 'array', items: text }] };
const duration = { type: 'string', pattern: '^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w|y))+)$' };
const bounded = (min, max) => ({
  type: 'integer',
  ...(min === undefined ? {} : { minimum: min }),
  ...(max === undefined || max >= Number.MAX_SAFE_INTEGER ? {} : { maximum: max }),
});

/** One for each type of setting, as read-setting.ts reads it; bounds of texts are for the edge to check. */
const SETTING_SCHEMAS = {
  string: () => text,
  path: () => text,
  strings: () => texts,
  paths: () => texts,
  url: () => texts,
  redis: () => texts,
  sources: () => texts,
  address: () => ({ type: 'string', pattern: ':[0-9]{1,5}$' }),
  duration: () => duration,
  size: ({ min, max }) => ({
    anyOf: [bounded(min, max), { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)? *([kmgKMG][iI]?)?[bB]?$' }],
  }),
  count: ({ min, max }) => bounded(min, max),
  cores: ({ min, max }) => ({ anyOf: [bounded(min, max), { const: 'auto' }] }),
  threads: ({ min, max }) => ({ anyOf: [bounded(min, max), { const: 'auto' }] }),
  most: ({ min, max }) => ({ anyOf: [bounded(min, max), { enum: ['all', 'none'] }] }),
  bool: () => ({ type: 'boolean' }),
  number: ({ min }) => ({
    anyOf: [{ type: 'number', ...(min !== undefined && { minimum: min }) }, text],
  }),
  policies: () => records,
  budgets: () => records,
};

const LIMIT_SCHEMAS = {
  float: { type: 'number' },
  int: { type: 'integer' },
  bool: { type: 'boolean' },
  string: text,
  duration,
  'label names': { type: 'array', items: text },
  'relabelling rules': { type: 'array', items: { type: 'object' } },
};

export function chartSchema() {
  const schema = JSON.parse(readFileSync(FILE, 'utf8'));
  schema.$defs.config = config();
  return { file: FILE, text: `${JSON.stringify(schema, null, 1)}\n` };
}

function config() {
  const config = object();
  for (const path of SETTING_PATHS) {
    const setting = SETTINGS[path];
    const names = path.split('.');
    const last = names.pop();
    let at = config;
    for (const name of names) {
      at.properties[name] ??= object();
      at = at.properties[name];
    }
    const schema =
      typeof setting.type === 'string' ? SETTING_SCHEMAS[setting.type](setting) : { enum: setting.type };
    at.properties[last] = { description: setting.doc, ...schema };
  }
  config.properties.limits = limits(MIMIR_LIMITS);
  for (const name of OTHER_MIMIR_LIMITS) config.properties.limits.properties[name] = {};
  config.properties.edge_limits = limits(EDGE_LIMITS);
  return config;
}

function object() {
  return { type: 'object', additionalProperties: false, properties: {} };
}

function limits(table) {
  const all = object();
  for (const [name, { type, doc }] of Object.entries(table)) {
    const values = typeof type === 'string' ? LIMIT_SCHEMAS[type] : { enum: type };
    // Numbers among words may be written as numbers.
    const words = values.enum?.map((word) => (Number.isNaN(Number(word)) ? word : Number(word)));
    all.properties[name] = { description: doc, ...values, ...(words === undefined ? {} : { enum: words }) };
  }
  return all;
}
