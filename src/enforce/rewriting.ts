/** What Mimir does to the labels of a tenant's series before it validates them. */
import type { MimirLimits } from '../limits/limits.js';
import type { SeriesRules } from '../payload/push.js';
import { type LabelRewriting, labelRewriting } from '../payload/rewriting.js';

/** Undefined: nothing. Rules do not see metadata that follows the tenant in `id`. */
export function rewritingOf(
  id: string,
  limits: MimirLimits,
  judgedBy: SeriesRules,
): LabelRewriting | undefined {
  const isEnabled = limits.metric_relabeling_enabled;
  return labelRewriting(
    {
      tenant: id.split(':', 1)[0] ?? id,
      rules: isEnabled ? limits.metric_relabel_configs : '',
      dropLabels: isEnabled ? limits.drop_labels : '',
      utf8Names: judgedBy.utf8Names,
      longValues: limits.label_value_length_over_limit_strategy,
      maxValueLength: limits.max_label_value_length,
    },
    judgedBy,
  );
}
