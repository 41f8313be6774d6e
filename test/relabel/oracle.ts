/**
 * Relabelling once more, as plainly as it can be written, for tests: labels are a list of pairs, expressions are JavaScript's
 * own (nobody tries to stall a test), and nothing is remembered or capped. Shares no code with src/relabel.
 */
import { createHash } from 'node:crypto';

export type Pairs = [name: string, value: string][];

export interface OracleRule {
  source_labels?: readonly string[];
  separator?: string;
  regex?: string;
  modulus?: number | string;
  target_label?: string;
  replacement?: string;
  action?: string;
}

/** Undefined: the series is dropped. */
export function relabelPlainly(
  given: Pairs,
  rules: readonly OracleRule[],
  scheme: 'legacy' | 'utf8' = 'utf8',
): Pairs | undefined {
  let labels: Pairs = [];
  for (const [name, value] of given) labels = put(labels, name, value);
  for (const rule of rules) {
    const after = applyRule(labels, rule, scheme);
    if (after === undefined) return undefined;
    labels = after;
  }
  return labels;
}

function applyRule(labels: Pairs, rule: OracleRule, scheme: 'legacy' | 'utf8'): Pairs | undefined {
  const action = (rule.action ?? 'replace').toLowerCase();
  const regex = new RegExp(`^(?:${rule.regex ?? '(.*)'})$`, 'su');
  const target = rule.target_label ?? '';
  const replacement = rule.replacement ?? '$1';
  const value = (rule.source_labels ?? []).map((name) => find(labels, name)).join(rule.separator ?? ';');
  if (action === 'keep') return regex.test(value) ? labels : undefined;
  if (action === 'drop') return regex.test(value) ? undefined : labels;
  if (action === 'keepequal') return find(labels, target) === value ? labels : undefined;
  if (action === 'dropequal') return find(labels, target) === value ? undefined : labels;
  if (action === 'labeldrop') return labels.filter(([name]) => !regex.test(name));
  if (action === 'labelkeep') return labels.filter(([name]) => regex.test(name));
  if (action === 'lowercase') return put(labels, target, value.toLowerCase());
  if (action === 'uppercase') return put(labels, target, value.toUpperCase());
  if (action === 'hashmod') {
    const sum = createHash('md5').update(value).digest('hex');
    return put(labels, target, String(BigInt(`0x${sum.slice(16)}`) % BigInt(rule.modulus ?? 1)));
  }
  if (action === 'labelmap') {
    let mapped = labels;
    for (const [name, old] of labels) {
      const match = regex.exec(name);
      if (match !== null) mapped = put(mapped, expand(replacement, match), old);
    }
    return mapped;
  }
  if (value === '' && rule.regex === undefined && !target.includes('$') && !replacement.includes('$')) {
    return put(labels, target, replacement);
  }
  const match = regex.exec(value);
  if (match === null) return labels;
  const name = expand(target, match);
  const valid = scheme === 'legacy' ? /^[a-zA-Z_]\w*$/.test(name) : name !== '';
  return valid ? put(labels, name, expand(replacement, match)) : labels;
}

function find(labels: Pairs, wanted: string): string {
  return labels.find(([name]) => name === wanted)?.[1] ?? '';
}

function put(labels: Pairs, wanted: string, value: string): Pairs {
  if (value === '') return labels.filter(([name]) => name !== wanted);
  if (labels.every(([name]) => name !== wanted)) return [...labels, [wanted, value]];
  return labels.map(([name, old]) => [name, name === wanted ? value : old]);
}

/** Character by character, for names of ASCII. */
function expand(template: string, match: RegExpExecArray): string {
  let result = '';
  for (let i = 0; i < template.length; i++) {
    if (template[i] !== '$') {
      result += template[i];
      continue;
    }
    if (template[i + 1] === '$') {
      result += '$';
      i++;
      continue;
    }
    const braced = template[i + 1] === '{';
    let end = i + (braced ? 2 : 1);
    const start = end;
    while (end < template.length && /\w/.test(template[end] ?? '')) end++;
    const name = template.slice(start, end);
    if (name === '' || (braced && template[end] !== '}')) {
      result += '$';
      continue;
    }
    const isNumber = /^\d+$/.test(name) && (name === '0' || name[0] !== '0');
    result += (isNumber ? match[Number(name)] : match.groups?.[name]) ?? '';
    i = braced ? end : end - 1;
  }
  return result;
}
