/** The report as text, as CSV, and as one self-contained HTML page without scripts. */
import { createHash } from 'node:crypto';
import { csv } from '../admin/csv.js';
import { short } from '../base/amounts.js';
import { escapeHtml } from '../base/escape-html.js';
import { table } from './io.js';
import type { GatheredReport } from './report-data.js';
import { type Cells, NO_HISTORY, type Section, sectionsOf } from './report-sections.js';

export function textReport(gathered: GatheredReport): string {
  const sections = sectionsOf(gathered).map(({ title, none, head, rows, texts = [], note = '' }) => {
    const body = rows.length === 0 ? `${none}\n` : table([head, ...rows], texts);
    return `${title}\n${body}${note === '' ? '' : `${note}\n`}`;
  });
  return `${headline(gathered)}\n\n${sections.join('\n')}`;
}

export function csvReport(gathered: GatheredReport): string {
  const rows = sectionsOf(gathered).flatMap(({ title, head, rows }) =>
    rows.map((row) => [title, ...head.flatMap((name, index) => [name, row[index] ?? ''])]),
  );
  return csv(rows);
}

function headline({ report }: GatheredReport): string {
  const { tenants, tenantsWithHistory, advice } = report;
  return (
    `${tenants} tenants, ${tenantsWithHistory} with a history; advised: ` +
    `${advice.raise} limits up, ${advice.lower} down, ${advice.set} to be set, ${advice.keep} to stay.`
  );
}

export function htmlReport(gathered: GatheredReport): string {
  const { report } = gathered;
  const { days } = report.fleet;
  const charts = [
    chart(
      'Items a second, each day',
      days.map(({ at, itemsPerSecond }) => [at, itemsPerSecond]),
    ),
    chart(
      'Active series, peaks of each day added up',
      days.map(({ at, activeSeries }) => [at, activeSeries]),
    ),
    chart(
      `Costs of each day (${report.currency})`,
      days.map(({ at, cost }) => [at, cost]),
    ),
  ];
  const hash = createHash('sha256').update(STYLE).digest('base64');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Limits of tenants</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Limits of tenants</h1>
<p>${escapeHtml(headline(gathered))}</p>
${charts.join('\n')}
${sectionsOf(gathered).map(htmlSection).join('\n')}
</body>
</html>
`;
}

function htmlSection({ title, none, head, rows, texts = [], note = '' }: Section): string {
  const cells = (row: Cells, tag: string): string =>
    row
      .map((cell, index) => {
        const kind = index === 0 || texts.includes(index) ? ' class="text"' : '';
        return `<${tag}${kind}>${escapeHtml(cell)}</${tag}>`;
      })
      .join('');
  const body =
    rows.length === 0
      ? `<p>${escapeHtml(none)}</p>`
      : `<table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')}</tbody></table>`;
  return `<h2>${escapeHtml(title)}</h2>\n${body}${note === '' ? '' : `\n<p>${escapeHtml(note)}</p>`}`;
}

const WIDTH = 900;
const HEIGHT = 160;
const LEFT = 70;

function chart(title: string, points: readonly (readonly [at: string, value: number | null])[]): string {
  const known = points.filter((point): point is readonly [string, number] => point[1] !== null);
  const heading = `<h2>${escapeHtml(title)}</h2>`;
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return `${heading}\n<p>${NO_HISTORY}</p>`;
  const most = Math.max(1e-9, ...known.map(([, value]) => value));
  const width = (WIDTH - LEFT) / known.length;
  const bars = known.map(([at, value], index) => {
    const height = ((HEIGHT - 30) * value) / most;
    const [x, y] = [LEFT + index * width, HEIGHT - 20 - height].map((one) => one.toFixed(1));
    return `<rect x="${x}" y="${y}" width="${Math.max(1, width - 2).toFixed(1)}" height="${height.toFixed(1)}"><title>${escapeHtml(`${at.slice(0, 10)}: ${short(value)}`)}</title></rect>`;
  });
  return `${heading}
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><text x="${LEFT - 8}" y="18" text-anchor="end">${escapeHtml(short(most))}</text><text x="${LEFT - 8}" y="${HEIGHT - 20}" text-anchor="end">0</text>${bars.join('')}<text x="${LEFT}" y="${HEIGHT - 4}">${escapeHtml(first[0].slice(0, 10))}</text><text x="${WIDTH}" y="${HEIGHT - 4}" text-anchor="end">${escapeHtml(last[0].slice(0, 10))}</text></svg>`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --faint: #8884; --bar: #1f7a4d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181b; --bar: #5bc28f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 940px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--ink); } rect { fill: var(--bar); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .15rem .9rem .15rem 0; text-align: right; border-bottom: 1px solid var(--faint); }
.text { text-align: left; }
`;
