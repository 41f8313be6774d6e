/**
 * How Mimir rewrites the labels of a tenant's series before it checks them: relabelling rules, dropped labels, shortened
 * values. Plain data, made once for a tenant's limits; it is sent to threads with each push.
 */
import { labelNamesOf, rulesOf } from '../relabel/rule.js';

/** What happens to a value that is longer than allowed. */
export type LongValues = 'error' | 'truncate' | 'drop';

export interface LabelRewriting {
  /** Identifies this rewriting of this tenant; compiled rules and caches use it as their key. */
  readonly key: string;
  readonly tenant: string;
  /** Canonical texts, see relabel/rule.ts. */
  readonly rules: string;
  readonly dropLabels: string;
  readonly utf8Names: boolean;
  readonly longValues: LongValues;
  /** In bytes; meaningless if long values are an error. */
  readonly maxValueLength: number;
  /** The number of rules and dropped labels: a measure of the work for a series. */
  readonly steps: number;
}

/** Undefined: the tenant's series are not changed. */
export function labelRewriting(
  wanted: Omit<LabelRewriting, 'key' | 'steps'>,
  /** Whatever else rewritten series are judged by. */
  judgedBy: object,
): LabelRewriting | undefined {
  const { rules, dropLabels, longValues } = wanted;
  if (rules === '' && dropLabels === '' && longValues === 'error') return undefined;
  const steps = rulesOf(rules).length + labelNamesOf(dropLabels).length;
  return { ...wanted, key: JSON.stringify([wanted, judgedBy]), steps };
}
