import t from 'tap';
import { rewritingOf } from '#src/enforce/rewriting.js';
import { seriesRules } from '#src/enforce/series-rules.js';
import type { MimirLimits } from '#src/limits/limits.js';
import { limits } from './fixtures.js';

function rewriting(id: string, own: Partial<MimirLimits>) {
  const all = limits(own);
  return rewritingOf(id, all, seriesRules(all));
}

const DROPS = { drop_labels: '["pod"]' };

t.test('a tenant without rules, whose long values are an error, has nothing rewritten', async (t) => {
  t.equal(rewriting('a', {}), undefined);
  t.equal(rewriting('a', { ...DROPS, metric_relabeling_enabled: false }), undefined);
  for (const own of [
    DROPS,
    { metric_relabel_configs: '[{"regex":"a","action":"labeldrop"}]' },
    { label_value_length_over_limit_strategy: 'drop' as const },
  ]) {
    t.ok(rewriting('a', own), JSON.stringify(own));
  }
});

t.test('rules see the tenant without the metadata of its id', async (t) => {
  t.equal(rewriting('a', DROPS)?.tenant, 'a');
  t.equal(rewriting('a:product=x', DROPS)?.tenant, 'a');
});

t.test(
  'what is remembered of one tenant, or by other rules and limits, is not used for another',
  async (t) => {
    const keys = [
      rewriting('a', DROPS),
      rewriting('b', DROPS),
      rewriting('a', { drop_labels: '["zone"]' }),
      rewriting('a', { ...DROPS, max_label_names_per_series: 7 }),
      rewriting('a', { ...DROPS, name_validation_scheme: 'utf8' }),
      rewriting('a', { ...DROPS, max_label_value_length: 9 }),
    ].map((one) => one?.key);
    t.equal(new Set(keys).size, keys.length);
    t.equal(rewriting('a', DROPS)?.key, keys[0]);
  },
);
