/**
 * Applies rules to the labels of a series as Prometheus does, one rule after the other. Rules are compiled once, and their
 * results for a value are cached, because senders repeat themselves. The caps below bound time and memory, whatever a
 * tenant sends.
 */
import { createHash } from 'node:crypto';
import { AnswerMemory } from './answer-memory.js';
import { bytesOf } from './byte-text.js';
import { type LabelSet, MOST_LABELS } from './label-set.js';
import { lowerCase, upperCase } from './letters.js';
import { compilePattern, type Pattern } from './pattern.js';
import { DEFAULT_REGEX, DEFAULT_REPLACEMENT, DEFAULT_SEPARATOR, type RelabelRule } from './rule.js';
import { compileTemplate, hasVariables, type Template } from './template.js';

/** Which label names are valid: Mimir's `name_validation_scheme`. */
export type NameScheme = 'legacy' | 'utf8';

/**
 * `too_long`: a text that a rule reads or makes is longer than LONGEST_TEXT. `too_many`: there are more than MOST_LABELS
 * labels. `spent`: it took more work than allowed. No rule is applied after any of these.
 */
export type Relabelled = 'kept' | 'dropped' | 'too_long' | 'too_many' | 'spent';

/** In characters: thirty times the value length that Mimir allows by default. */
export const LONGEST_TEXT = 65_536;

type Step = (labels: LabelSet) => Relabelled;

export type Relabeler = (labels: LabelSet) => Relabelled;

/** The rules must be valid, as `readRules` returns them. */
export function compileRules(
  rules: readonly RelabelRule[],
  scheme: NameScheme,
  answers = new AnswerMemory(),
): Relabeler {
  const steps = rules.map((rule) => compileRule(rule, scheme, answers));
  return (labels) => {
    for (const step of steps) {
      const relabelled = step(labels);
      if (relabelled !== 'kept') return relabelled;
      if (answers.isSpent) return 'spent';
    }
    return 'kept';
  };
}

function compileRule(rule: RelabelRule, scheme: NameScheme, answers: AnswerMemory): Step {
  const { action = 'replace', target_label: target = '' } = rule;
  switch (action) {
    case 'replace':
      return replaceStep(rule, scheme, answers);
    case 'keep':
      return onValue(rule, answers, (_labels, value, matches) => (matches(value) ? 'kept' : 'dropped'));
    case 'drop':
      return onValue(rule, answers, (_labels, value, matches) => (matches(value) ? 'dropped' : 'kept'));
    case 'keepequal':
      return onValue(rule, answers, (labels, value) => (labels.get(target) === value ? 'kept' : 'dropped'));
    case 'dropequal':
      return onValue(rule, answers, (labels, value) => (labels.get(target) === value ? 'dropped' : 'kept'));
    case 'hashmod':
      return setTarget(rule, answers.remembered(hashOf(BigInt(rule.modulus ?? '1'))));
    case 'lowercase':
      return setTarget(rule, lowerCase);
    case 'uppercase':
      return setTarget(rule, upperCase);
    case 'labelmap':
      return mapStep(rule, answers);
    case 'labeldrop':
      return onNames(rule, answers, (labels, name, matches) => {
        if (matches(name)) labels.delete(name);
      });
    case 'labelkeep':
      return onNames(rule, answers, (labels, name, matches) => {
        if (!matches(name)) labels.delete(name);
      });
  }
}

type Matches = (text: string) => boolean;

function onValue(
  rule: RelabelRule,
  answers: AnswerMemory,
  step: (labels: LabelSet, value: string, matches: Matches) => Relabelled,
): Step {
  const pattern = patternOf(rule);
  const matches = answers.remembered((text) => pattern.matches(text));
  const join = joiner(rule);
  return (labels) => {
    const value = join(labels);
    return value === undefined ? 'too_long' : step(labels, value, matches);
  };
}

function setTarget(rule: RelabelRule, make: (value: string) => string): Step {
  const { target_label: target = '' } = rule;
  const join = joiner(rule);
  return (labels) => {
    const value = join(labels);
    if (value === undefined) return 'too_long';
    labels.set(target, make(value));
    return 'kept';
  };
}

/** The effect of a replacement on a value: none, or setting a label, whose empty value removes it. */
type Replacement = { readonly target: string; readonly value: string } | 'none' | 'too_long';

function replaceStep(rule: RelabelRule, scheme: NameScheme, answers: AnswerMemory): Step {
  const { target_label: target = '', replacement = DEFAULT_REPLACEMENT } = rule;
  const pattern = patternOf(rule);
  const targets = compileTemplate(target, pattern.names);
  const values = compileTemplate(replacement, pattern.names);
  const join = joiner(rule);
  const replace = answers.remembered((text) => replacementOf(pattern, targets, values, text, scheme));
  // Prometheus takes a shortcut here, in which it does not check that the target is a valid name.
  const sets = rule.regex === undefined && !hasVariables(target) && !hasVariables(replacement);
  return (labels) => {
    const value = join(labels);
    if (value === undefined) return 'too_long';
    if (value === '' && sets) {
      labels.set(target, replacement);
      return 'kept';
    }
    const replaced = replace(value);
    if (replaced === 'too_long') return 'too_long';
    if (replaced !== 'none') labels.set(replaced.target, replaced.value);
    return 'kept';
  };
}

function replacementOf(
  pattern: Pattern,
  targets: Template,
  values: Template,
  text: string,
  scheme: NameScheme,
): Replacement {
  const groups = pattern.groups(text);
  if (groups === undefined) return 'none';
  if (targets.length(groups) > LONGEST_TEXT || values.length(groups) > LONGEST_TEXT) return 'too_long';
  const target = targets.expand(groups);
  return isValidName(target, scheme) ? { target, value: values.expand(groups) } : 'none';
}

/** Labels that this step adds are not mapped again. */
function mapStep(rule: RelabelRule, answers: AnswerMemory): Step {
  const pattern = patternOf(rule);
  const template = compileTemplate(rule.replacement ?? DEFAULT_REPLACEMENT, pattern.names);
  const rename = answers.remembered((name) =>
    pattern.matches(name) ? pattern.replaceAll(name, (groups) => template.expand(groups)) : NO_NAME,
  );
  return (labels) => {
    const made: [name: string, value: string][] = [];
    for (let i = 0; i < labels.count; i++) {
      const name = labels.names[i] ?? '';
      const mapped = name.length > LONGEST_TEXT ? undefined : rename(name);
      if (mapped === undefined || (mapped !== NO_NAME && mapped.length > LONGEST_TEXT)) return 'too_long';
      if (mapped !== NO_NAME) made.push([mapped, labels.valueAt(i)]);
    }
    for (const [name, value] of made) labels.set(name, value);
    return labels.count > MOST_LABELS ? 'too_many' : 'kept';
  };
}

/** The name does not match. */
const NO_NAME = null;

function onNames(
  rule: RelabelRule,
  answers: AnswerMemory,
  step: (labels: LabelSet, name: string, matches: Matches) => void,
): Step {
  const pattern = patternOf(rule);
  const matches = answers.remembered((text) => pattern.matches(text));
  return (labels) => {
    for (let i = labels.count - 1; i >= 0; i--) {
      const name = labels.names[i] ?? '';
      if (name.length > LONGEST_TEXT) return 'too_long';
      step(labels, name, matches);
    }
    return 'kept';
  };
}

/** The joined values of the source labels. Undefined: too long. */
function joiner({ source_labels: names = [], separator = DEFAULT_SEPARATOR }: RelabelRule) {
  const [only] = names;
  if (only !== undefined && names.length === 1) {
    return (labels: LabelSet) => withinCap(labels.get(only));
  }
  return (labels: LabelSet) => {
    let joined = '';
    for (let i = 0; i < names.length; i++) {
      if (i > 0) joined += separator;
      joined += labels.get(names[i] ?? '');
      if (joined.length > LONGEST_TEXT) return undefined;
    }
    return joined;
  };
}

function withinCap(value: string): string | undefined {
  return value.length > LONGEST_TEXT ? undefined : value;
}

function patternOf({ regex = DEFAULT_REGEX }: RelabelRule): Pattern {
  const pattern = compilePattern(regex);
  if ('problem' in pattern) throw new Error(pattern.problem);
  return pattern;
}

/** The last eight bytes of the MD5 sum, as a number. */
function hashOf(modulus: bigint): (value: string) => string {
  return (value) => {
    const sum = createHash('md5').update(bytesOf(value)).digest();
    return String(sum.readBigUInt64BE(8) % modulus);
  };
}

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function isValidName(name: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? LEGACY_NAME.test(name) : name !== '' && !/\p{Cs}/u.test(name);
}
