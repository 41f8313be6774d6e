/** A rewriting that is compiled for the labels of one series, in Mimir's order: rules, then labels to drop. */
import { AnswerMemory } from '../relabel/answer-memory.js';
import { LabelSet, MOST_LABELS } from '../relabel/label-set.js';
import { compileRules, type Relabeler, type Relabelled } from '../relabel/relabel.js';
import { labelNamesOf, type RelabelRule, rulesOf } from '../relabel/rule.js';
import type { LabelRewriting } from './rewriting.js';

/** Rules see the tenant under this name; it is removed after them. */
const TENANT_LABEL = '__meta_tenant_id';

export interface CompiledRewriting {
  readonly tenant: string;
  /** Undefined: there are no rules. */
  readonly relabel: Relabeler | undefined;
  readonly dropLabels: readonly string[];
  /** The result does not depend on the order of labels, so it can be cached by the series hash. */
  readonly canBeRemembered: boolean;
}

export function compileRewriting(
  { tenant, rules: text, dropLabels, utf8Names }: LabelRewriting,
  answers: AnswerMemory,
): CompiledRewriting {
  const rules = rulesOf(text);
  return {
    tenant,
    relabel: rules.length === 0 ? undefined : compileRules(rules, utf8Names ? 'utf8' : 'legacy', answers),
    dropLabels: labelNamesOf(dropLabels),
    canBeRemembered: !rules.some(dependsOnOrder),
  };
}

/**
 * Adds a label as it was sent. With rules, a repeated name or an empty value changes what is there; without rules it stays,
 * and is judged.
 */
export function addSent(
  labels: LabelSet,
  { relabel }: CompiledRewriting,
  name: string,
  source: number,
  isEmpty: boolean,
): void {
  if (relabel === undefined) labels.append(name, source);
  else if (isEmpty) labels.delete(name);
  else labels.add(name, source);
}

/** Unless the result is `kept`, the labels are meaningless. */
export function rewriteLabels(
  labels: LabelSet,
  { tenant, relabel, dropLabels }: CompiledRewriting,
): Relabelled {
  if (relabel !== undefined) {
    labels.set(TENANT_LABEL, tenant);
    const relabelled = relabel(labels);
    if (relabelled !== 'kept') return relabelled;
    labels.delete(TENANT_LABEL);
  }
  for (const name of dropLabels) labels.delete(name);
  return 'kept';
}

type Pair = readonly [name: string, value: string];

/** The labels that a series is stored under, for messages; those that were sent, if that can not be determined. */
export function storedLabels(sent: readonly Pair[], rewriting: LabelRewriting): readonly Pair[] {
  const compiled = compiledOf(rewriting);
  if (sent.length > MOST_LABELS) return sent;
  const labels = new LabelSet((source) => sent[source]?.[1] ?? '');
  for (const [index, [name, value]] of sent.entries()) addSent(labels, compiled, name, index, value === '');
  if (rewriteLabels(labels, compiled) !== 'kept') return sent;
  return Array.from({ length: labels.count }, (_, i): Pair => [labels.names[i] ?? '', labels.valueAt(i)]);
}

/** Messages often come in groups about one tenant. */
let last: { readonly key: string; readonly compiled: CompiledRewriting } | undefined;

function compiledOf(rewriting: LabelRewriting): CompiledRewriting {
  if (last?.key !== rewriting.key) {
    last = { key: rewriting.key, compiled: compileRewriting(rewriting, new AnswerMemory()) };
  }
  return last.compiled;
}

/** If two labels are mapped to one, the last of them counts. */
function dependsOnOrder({ action }: RelabelRule): boolean {
  return action === 'labelmap';
}
