/** How to decode a tenant's push, through whichever door it came. */
import type { Tenant } from '../enforce/tenant.js';
import type { MimirLimits } from '../limits/limits.js';
import type { DecodeOptions, OtlpTranslation } from '../payload/push.js';
import type { ReadAs } from './read-as.js';

export interface DecodeSettings extends Pick<DecodeOptions, 'maxUncompressedBytes' | 'maxSeries'> {
  /** Whether Mimir has an HA tracker: without one it does not look for pairs. */
  readonly haTracker: boolean;
}

/** The labels of HA pairs are only looked for if the tenant sends from pairs. */
export function decodeOptions(
  { protocol, source }: ReadAs,
  { whole, limits, rules, rewriting, mode }: Tenant,
  { maxUncompressedBytes, maxSeries, haTracker }: DecodeSettings,
): DecodeOptions {
  const fromPairs = haTracker && limits.accept_ha_samples;
  return {
    protocol,
    source,
    maxUncompressedBytes,
    maxSeries,
    sender: whole,
    otlp: protocol === 'otlp' ? otlpTranslation(limits) : undefined,
    excludeLabel: fromPairs ? limits.ha_replica_label : '',
    clusterLabel: fromPairs ? limits.ha_cluster_label : '',
    pairPerSeries: limits.ha_tracker_per_sample_dedupe,
    rules,
    // Nobody looks at the series of a tenant that nothing is enforced for.
    rewriting: mode === 'off' ? undefined : rewriting,
    nowMs: Date.now(),
  };
}

/** By limits: a tenant's are the same object until they change. */
const translations = new WeakMap<MimirLimits, OtlpTranslation>();

export function otlpTranslation(limits: MimirLimits): OtlpTranslation {
  const known = translations.get(limits);
  if (known !== undefined) return known;
  const translation = makeTranslation(limits);
  translations.set(limits, translation);
  return translation;
}

/** Derived from the tenant's limits as in Mimir's handler. */
function makeTranslation(limits: MimirLimits): OtlpTranslation {
  const strategy = limits.otel_translation_strategy;
  const promoted = limits.promote_otel_resource_attributes;
  return {
    escapeNames:
      strategy === ''
        ? limits.name_validation_scheme === 'legacy'
        : strategy.startsWith('UnderscoreEscaping'),
    addSuffixes: strategy === '' ? limits.otel_metric_suffixes_enabled : strategy.endsWith('WithSuffixes'),
    promoteResourceAttributes: promoted === '' ? [] : promoted.split(','),
    keepIdentifyingResourceAttributes: limits.otel_keep_identifying_resource_attributes,
    convertHistogramsToNhcb: limits.otel_convert_histograms_to_nhcb,
    promoteScopeMetadata: limits.otel_promote_scope_metadata,
    nativeDeltaIngestion: limits.otel_native_delta_ingestion,
    labelNameUnderscoreSanitization: limits.otel_label_name_underscore_sanitization,
    labelNamePreserveMultipleUnderscores: limits.otel_label_name_preserve_multiple_underscores,
  };
}
