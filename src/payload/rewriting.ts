/**
 * What Mimir does to the labels of a tenant's series before it looks at them: relabelling rules, labels that are dropped, long
 * values that are shortened. Plain data, made once for a tenant's limits: it goes to threads with each push.
 */
import { labelNamesOf, rulesOf } from '../relabel/rule.js';

/** What becomes of a value that is longer than the tenant may send. */
export type LongValues = 'error' | 'truncate' | 'drop';

export interface LabelRewriting {
  /** The same for the same rewriting of the same tenant, and for no other: what is compiled and remembered is kept by it. */
  readonly key: string;
  readonly tenant: string;
  /** Canonical texts, see relabel/rule.ts. */
  readonly rules: string;
  readonly dropLabels: string;
  readonly utf8Names: boolean;
  readonly longValues: LongValues;
  /** Bytes; of no meaning where long values are an error. */
  readonly maxValueLength: number;
  /** Rules and labels to drop: the measure of the work that a series is. */
  readonly steps: number;
}

/** Undefined: the tenant's series stay as they are. */
export function labelRewriting(
  wanted: Omit<LabelRewriting, 'key' | 'steps'>,
  /** What else a rewritten series is judged by. */
  judgedBy: object,
): LabelRewriting | undefined {
  const { rules, dropLabels, longValues } = wanted;
  if (rules === '' && dropLabels === '' && longValues === 'error') return undefined;
  const steps = rulesOf(rules).length + labelNamesOf(dropLabels).length;
  return { ...wanted, key: JSON.stringify([wanted, judgedBy]), steps };
}
