import t from 'tap';
import { decodeOptions, otlpTranslation } from '#src/doors/decode-options.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { MimirLimits } from '#src/limits/limits.js';
import { admit, enforcer, limits, snapshot } from '../enforce/fixtures.js';

t.test('the labels of HA pairs are those of the tenant', async (t) => {
  const own = { ha_cluster_label: 'zone', ha_replica_label: 'twin' };
  const edge = enforcer({
    snapshot: snapshot({
      pairs: limits({ ...own, accept_ha_samples: true }),
      plain: limits({ ha_cluster_label: 'zone' }),
      each: limits({ ...own, accept_ha_samples: true, ha_tracker_per_sample_dedupe: true }),
    }),
  });
  const optionsOf = (id: string, haTracker = true) =>
    decodeOptions({ protocol: 'rw1', source: undefined }, admit(edge, id).tenant, {
      maxUncompressedBytes: 1000,
      maxSeries: 10,
      haTracker,
    });
  t.match(optionsOf('pairs'), { clusterLabel: 'zone', excludeLabel: 'twin' });
  t.match(optionsOf('plain'), { clusterLabel: '', excludeLabel: '' }, 'it sends from no pairs');
  t.match(optionsOf('pairs'), { pairPerSeries: false });
  t.match(optionsOf('each'), { pairPerSeries: true, clusterLabel: 'zone' });
  t.match(optionsOf('pairs', false), { clusterLabel: '', excludeLabel: '' }, 'Mimir looks for none');
});

const translation = (limits: Partial<MimirLimits>) => otlpTranslation({ ...DEFAULT_LIMITS, ...limits });

t.test('without a strategy, OTLP is named as the scheme and the suffixes setting say', async (t) => {
  for (const [scheme, suffixes] of [
    ['legacy', false],
    ['legacy', true],
    ['utf8', false],
    ['utf8', true],
  ] as const)
    t.match(translation({ name_validation_scheme: scheme, otel_metric_suffixes_enabled: suffixes }), {
      escapeNames: scheme === 'legacy',
      addSuffixes: suffixes,
    });
});

t.test('a strategy beats both', async (t) => {
  for (const [strategy, escapeNames, addSuffixes] of [
    ['UnderscoreEscapingWithSuffixes', true, true],
    ['UnderscoreEscapingWithoutSuffixes', true, false],
    ['NoUTF8EscapingWithSuffixes', false, true],
    ['NoTranslation', false, false],
  ] as const)
    t.match(translation({ otel_translation_strategy: strategy }), { escapeNames, addSuffixes });
});

t.test('promoted attributes are read as Mimir reads a list', async (t) => {
  t.same(translation({}).promoteResourceAttributes, []);
  t.same(translation({ promote_otel_resource_attributes: 'a.b,c' }).promoteResourceAttributes, ['a.b', 'c']);
});

t.test('each limit decides what it is about', async (t) => {
  for (const [limit, option] of [
    ['otel_keep_identifying_resource_attributes', 'keepIdentifyingResourceAttributes'],
    ['otel_convert_histograms_to_nhcb', 'convertHistogramsToNhcb'],
    ['otel_promote_scope_metadata', 'promoteScopeMetadata'],
    ['otel_native_delta_ingestion', 'nativeDeltaIngestion'],
    ['otel_label_name_underscore_sanitization', 'labelNameUnderscoreSanitization'],
    ['otel_label_name_preserve_multiple_underscores', 'labelNamePreserveMultipleUnderscores'],
  ] as const)
    for (const value of [false, true])
      t.same(translation({ [limit]: value }), { ...translation({}), [option]: value });
});
