// Writes the generated tables of docs/ from the declarations they come from. Run after a build: npm run docs
import { readFileSync, writeFileSync } from 'node:fs';
import { SETTING_PATHS } from '../dist/config/config.js';
import { SETTINGS } from '../dist/config/settings.js';
import { REASON_NAMES, REASONS } from '../dist/enforce/reasons.js';
import { describeType, EDGE_LIMITS, MIMIR_LIMITS } from '../dist/limits/limit-table.js';

const settings = SETTING_PATHS.map((path) => {
  const { fallback, doc } = SETTINGS[path];
  return `| \`${path}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc} |`;
});
replace('docs/settings.md', ['| setting | default | meaning |', '|---|---|---|', ...settings]);

const limits = (table) =>
  Object.entries(table).map(([name, { type, fallback, zero, doc }]) => {
    const shown = type === 'duration' ? `${fallback / 1000}s` : (fallback ?? 'unset');
    return `| \`${name}\` | ${describeType(type)} | ${shown} | ${zero} | ${doc} |`;
  });
const head = ['| limit | type | default | 0 means | meaning |', '|---|---|---|---|---|'];
replace('docs/limits.md', [
  ...head,
  ...limits(MIMIR_LIMITS),
  '',
  '## Limits of the edge alone',
  '',
  ...head,
  ...limits(EDGE_LIMITS),
]);

// What a Prometheus with its default settings does with each status.
const senders = { 429: 'drops, or retries with `retry_on_http_429`', 503: 'retries, after Retry-After' };
const reasons = REASON_NAMES.map((name) => {
  const { status, id, meaning, remedy } = REASONS[name];
  return `| \`${name}\` | ${status} | \`${id}\` | ${meaning} | ${senders[status] ?? 'drops and logs'} | ${remedy} |`;
});
replace('docs/refusals.md', [
  '| reason | status | error id | what happened | what Prometheus does | what to do |',
  '|---|---|---|---|---|---|',
  ...reasons,
]);

function replace(file, lines) {
  const text = readFileSync(file, 'utf8');
  const [before, rest] = text.split('<!-- generated -->\n');
  const after = rest.split('<!-- end of generated -->')[1];
  writeFileSync(file, `${before}<!-- generated -->\n${lines.join('\n')}\n<!-- end of generated -->${after}`);
}
