/**
 * Prometheus' relabelling rules as plain data: their fields, which of them are given, and what is wrong with a rule. A list
 * of rules is stored as one canonical text, so that limits stay values that can be compared, hashed and sent to another
 * thread.
 */
import { compilePattern } from './pattern.js';

const ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;

type Action = (typeof ACTIONS)[number];

/** Only the given fields, in this order. */
export interface RelabelRule {
  readonly source_labels?: readonly string[];
  readonly separator?: string;
  readonly regex?: string;
  /** An unsigned 64-bit number as digits. */
  readonly modulus?: string;
  readonly target_label?: string;
  readonly replacement?: string;
  readonly action?: Action;
}

export const DEFAULT_SEPARATOR = ';';
export const DEFAULT_REGEX = '(.*)';
export const DEFAULT_REPLACEMENT = '$1';

/** What is wrong, and where: list indexes and field names. */
interface RuleProblem {
  readonly problem: string;
  readonly at: readonly (string | number)[];
}

const FIELDS = [
  'source_labels',
  'separator',
  'regex',
  'modulus',
  'target_label',
  'replacement',
  'action',
] as const satisfies readonly (keyof RelabelRule)[];

/** No rules: the value of a limit that is not set. */
export const NO_RULES = '';

/** The canonical text of a list of rules from plain data; scalars may be texts, numbers or booleans. */
export function readRules(value: unknown): { readonly value: string } | RuleProblem {
  if (value === NO_RULES) return { value: NO_RULES };
  if (typeof value === 'string') return readRulesText(value);
  if (!Array.isArray(value)) return problem('expected a list of relabelling rules');
  const rules: RelabelRule[] = [];
  for (const [index, item] of value.entries()) {
    const read = readRule(item);
    if ('problem' in read) return { problem: read.problem, at: [index, ...read.at] };
    rules.push(read);
  }
  return { value: rules.length === 0 ? NO_RULES : JSON.stringify(rules) };
}

/** The canonical text of a list of label names. */
export function readLabelNames(value: unknown): { readonly value: string } | RuleProblem {
  if (value === NO_RULES) return { value: NO_RULES };
  const list = typeof value === 'string' ? parsed(value) : value;
  const names = readNames(list);
  if ('problem' in names) return names;
  return { value: names.names.length === 0 ? NO_RULES : JSON.stringify(names.names) };
}

/** The rules of a canonical text. */
export function rulesOf(text: string): readonly RelabelRule[] {
  return text === NO_RULES ? [] : (JSON.parse(text) as RelabelRule[]);
}

export function labelNamesOf(text: string): readonly string[] {
  return text === NO_RULES ? [] : (JSON.parse(text) as string[]);
}

function readRulesText(text: string): { readonly value: string } | RuleProblem {
  const list = parsed(text);
  return typeof list === 'string' ? problem('expected a list of relabelling rules') : readRules(list);
}

/** The text itself if it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readRule(item: unknown): RelabelRule | RuleProblem {
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    return problem('expected a map with the fields of a relabelling rule');
  const given = item as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!FIELDS.some((field) => field === name))
      return problem(`a relabelling rule has no field ${name}`, name);
  }
  const rule: Partial<Record<keyof RelabelRule, unknown>> = {};
  for (const field of FIELDS) {
    const value = given[field];
    // As in Go's YAML, a field without a value is not given.
    if (value === undefined || value === null) continue;
    const read = readField(field, value);
    if (typeof read === 'object' && 'problem' in read) return { ...read, at: [field, ...read.at] };
    rule[field] = read;
  }
  return brokenRule(rule as RelabelRule) ?? (rule as RelabelRule);
}

function readField(field: (typeof FIELDS)[number], value: unknown): string | readonly string[] | RuleProblem {
  if (field === 'source_labels') {
    const read = readNames(value);
    return 'problem' in read ? read : read.names;
  }
  if (typeof value === 'object') return problem('expected a text');
  const text = String(value);
  if (field === 'action') {
    const action = ACTIONS.find((known) => known === text.toLowerCase());
    return action ?? problem(`unknown relabelling action ${JSON.stringify(text)}`);
  }
  if (field === 'modulus') return readModulus(text);
  const wrong = field === 'regex' ? patternProblem(text) : '';
  return wrong === '' ? text : problem(wrong);
}

/** Many tenants have the same rules: an expression is compiled once to check it. */
const lookedAt = new Map<string, string>();
const MOST_LOOKED_AT = 1000;

function patternProblem(regex: string): string {
  const known = lookedAt.get(regex);
  if (known !== undefined) return known;
  const compiled = compilePattern(regex);
  const found = 'problem' in compiled ? compiled.problem : '';
  if (lookedAt.size >= MOST_LOOKED_AT) lookedAt.clear();
  lookedAt.set(regex, found);
  return found;
}

function readNames(value: unknown): { readonly names: readonly string[] } | RuleProblem {
  if (!Array.isArray(value)) return problem('expected a list of label names');
  const names: string[] = [];
  for (const [index, item] of value.entries()) {
    if (typeof item === 'object' || item === undefined || item === '')
      return { problem: 'expected the name of a label', at: [index] };
    names.push(String(item));
  }
  return { names };
}

const MAX_MODULUS = 2n ** 64n - 1n;

function readModulus(text: string): string | RuleProblem {
  const number = /^\d+$/.test(text) ? BigInt(text) : undefined;
  return number === undefined || number > MAX_MODULUS
    ? problem('expected a whole number of up to 64 bits')
    : String(number);
}

const TARGETED: readonly Action[] = [
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
];
const WITHOUT_REPLACEMENT: readonly Action[] = ['lowercase', 'uppercase', 'keepequal', 'dropequal'];

/** What Prometheus finds wrong with a rule as a whole. Names are checked later, as that depends on the tenant's scheme. */
function brokenRule(rule: RelabelRule): RuleProblem | undefined {
  const { action = 'replace' } = rule;
  if (action === 'hashmod' && (rule.modulus ?? '0') === '0')
    return problem('hashmod needs a modulus that is not 0');
  if (TARGETED.includes(action) && (rule.target_label ?? '') === '')
    return problem(`${action} needs a target_label`);
  if (action === 'labelmap' && rule.replacement === '')
    return problem('labelmap needs a replacement', 'replacement');
  if (WITHOUT_REPLACEMENT.includes(action) && changes(rule.replacement, DEFAULT_REPLACEMENT))
    return problem(`${action} takes no replacement`, 'replacement');
  if (action === 'keepequal' || action === 'dropequal')
    return unexpected(rule, action, 'source_labels and target_label', ['regex', 'modulus', 'separator']);
  if (action === 'labeldrop' || action === 'labelkeep')
    return unexpected(rule, action, 'regex', [
      'source_labels',
      'target_label',
      'modulus',
      'separator',
      'replacement',
    ]);
  return undefined;
}

function unexpected(
  rule: RelabelRule,
  action: Action,
  taken: string,
  others: readonly (keyof RelabelRule)[],
): RuleProblem | undefined {
  const field = others.find((name) => isSet(rule, name));
  return field === undefined ? undefined : problem(`${action} takes ${taken} alone`, field);
}

/** A field that is given with its default value is not set, except for these two: Prometheus compares pointers there. */
function isSet(rule: RelabelRule, field: keyof RelabelRule): boolean {
  switch (field) {
    case 'separator':
      return changes(rule.separator, DEFAULT_SEPARATOR);
    case 'replacement':
      return changes(rule.replacement, DEFAULT_REPLACEMENT);
    case 'modulus':
      return changes(rule.modulus, '0');
    case 'target_label':
      return changes(rule.target_label, '');
    default:
      return rule[field] !== undefined;
  }
}

function changes(given: string | undefined, fallback: string): boolean {
  return given !== undefined && given !== fallback;
}

function problem(message: string, ...at: (string | number)[]): RuleProblem {
  return { problem: message, at };
}
