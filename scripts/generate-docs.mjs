/** The generated tables of docs/, from the declarations they come from. */
import { readFileSync } from 'node:fs';
import { SETTING_PATHS } from '../dist/config/config.js';
import { SETTINGS } from '../dist/config/settings.js';
import { REASON_NAMES, REASONS } from '../dist/enforce/reasons.js';
import { describeType, EDGE_LIMITS, MIMIR_LIMITS } from '../dist/limits/limit-table.js';
import { WRITE_PATH_LIMITS } from '../dist/limits/write-path-limits.js';
import { LEFT_TO_MIMIR, LIMIT_PROOFS } from './limit-proofs.mjs';

export function documents() {
  return [
    { file: 'docs/settings.md', lines: settings() },
    { file: 'docs/limits.md', lines: limits() },
    { file: 'docs/refusals.md', lines: reasons() },
  ].map(({ file, lines }) => ({ file, text: withTable(readFileSync(file, 'utf8'), lines) }));
}

function settings() {
  const rows = SETTING_PATHS.map((path) => {
    const { fallback, doc } = SETTINGS[path];
    return `| \`${path}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc} |`;
  });
  return ['| setting | default | meaning |', '|---|---|---|', ...rows];
}

function limits() {
  const head = [
    '| limit | type | default | 0 means | the edge | meaning | test |',
    '|---|---|---|---|---|---|---|',
  ];
  return [
    ...head,
    ...limitRows(MIMIR_LIMITS),
    ...leftToMimirRows(),
    '',
    '## Limits of the edge alone',
    '',
    ...head,
    ...limitRows(EDGE_LIMITS),
  ];
}

function limitRows(table) {
  return Object.entries(table).map(([name, { type, fallback, zero, doc, part }]) => {
    const shown = type === 'duration' ? `${fallback / 1000}s` : (fallback ?? 'unset');
    const does = part === 'identity' ? 'changes identity' : 'enforced';
    return `| \`${name}\` | ${describeType(type)} | ${shown} | ${zero} | ${does} | ${doc} | ${linkTo(LIMIT_PROOFS[name])} |`;
  });
}

/** Those of the write path that the edge does not read. */
function leftToMimirRows() {
  return Object.entries(WRITE_PATH_LIMITS)
    .filter(([name]) => !Object.hasOwn(MIMIR_LIMITS, name))
    .map(([name, { fallback, why }]) => {
      return `| \`${name}\` | | ${fallback} | | Mimir's alone | ${why} | ${linkTo(LEFT_TO_MIMIR)} |`;
    });
}

function linkTo(proof) {
  return proof === undefined ? 'none' : `[${proof[1]}](../${proof[0]})`;
}

/** What a Prometheus with its default settings does with each status. */
const SENDERS = { 429: 'drops, or retries with `retry_on_http_429`', 503: 'retries, after Retry-After' };

function reasons() {
  const rows = REASON_NAMES.map((name) => {
    const { status, id, meaning, remedy } = REASONS[name];
    return `| \`${name}\` | ${status} | \`${id}\` | ${meaning} | ${SENDERS[status] ?? 'drops and logs'} | ${remedy} |`;
  });
  return [
    '| reason | status | error id | what happened | what Prometheus does | what to do |',
    '|---|---|---|---|---|---|',
    ...rows,
  ];
}

function withTable(text, lines) {
  const [before, rest] = text.split('<!-- generated -->\n');
  const after = rest.split('<!-- end of generated -->')[1];
  return `${before}<!-- generated -->\n${lines.join('\n')}\n<!-- end of generated -->${after}`;
}
