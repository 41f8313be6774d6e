/** The report as text, as CSV, and as one self-contained HTML page without scripts. */
import { createHash } from 'node:crypto';
import { csv } from '../admin/csv.js';
import type { Trend } from '../advice/forecast.js';
import { short } from '../base/amounts.js';
import { escapeHtml } from '../base/escape-html.js';
import { table } from './io.js';
import type { DriftRow, GatheredReport } from './report-data.js';

type Cells = readonly string[];

interface Section {
  readonly title: string;
  /** Shown if there are no rows. */
  readonly none: string;
  readonly head: Cells;
  readonly rows: readonly Cells[];
  /** Text columns besides the first. */
  readonly texts?: readonly number[];
  /** Shown under the rows. */
  readonly note?: string;
}

const NO_HISTORY = 'There is no history yet.';

function sectionsOf({ report, costs, drift, behind }: GatheredReport): Section[] {
  const none = (otherwise: string): string => (report.tenantsWithHistory === 0 ? NO_HISTORY : otherwise);
  const { currency } = costs.prices;
  const money = (amount: number): string => (amount < 0.005 && amount > 0 ? '< 0.01' : amount.toFixed(2));
  return [
    {
      title: 'At risk: used at the peak',
      none: none('No limit was used to 60 % or more.'),
      head: ['tenant', 'limit', 'now', 'used', 'band'],
      rows: report.atRisk.map(({ tenant, limit, current, used, band }) => [
        tenant,
        limit,
        short(current),
        percent(used),
        `${band} %`,
      ]),
      texts: [1],
    },
    {
      title: 'Forecast: days until a limit is reached',
      none: none('There is not enough history: seven whole days are needed.'),
      head: ['tenant', 'limit', 'now', 'used', 'days', 'from', 'to'],
      rows: report.forecasts
        .filter(({ days, from }) => days !== null || from !== null)
        .map(({ tenant, limit, current, used, days, from, to }) => [
          tenant,
          limit,
          short(current),
          percent(used),
          wholeDays(days),
          wholeDays(from),
          wholeDays(to),
        ]),
      texts: [1],
      note:
        report.withoutForecast === 0
          ? ''
          : `${report.withoutForecast} limits have not enough history for a forecast.`,
    },
    {
      title: 'Where the fleet goes',
      none: none('There is not enough history: seven whole days are needed.'),
      head: ['all tenants', 'now', 'more each day', 'from', 'to', 'in 30 days'],
      rows: [
        ...trendRow('items a second', report.fleet.items),
        ...trendRow('active series', report.fleet.series),
      ],
    },
    {
      title: 'Far too wide: less than a tenth used for 14 days',
      none: none('None, or there are no 14 days of history.'),
      head: ['tenant', 'limit', 'now', 'used'],
      rows: report.tooWide.map(({ tenant, limit, current, used }) => [
        tenant,
        limit,
        short(current),
        percent(used),
      ]),
      texts: [1],
    },
    {
      title: 'Limits that are missing',
      none: none('None that there are figures to set by.'),
      head: ['tenant', 'limits'],
      rows: report.missing.map(({ tenant, limits }) => [tenant, limits.join(', ')]),
      texts: [1],
    },
    {
      title: 'Tenants without overrides of their own',
      none: none('None.'),
      head: ['tenant'],
      rows: report.withoutOverrides.map((tenant) => [tenant]),
    },
    ...(drift === undefined ? [] : [driftSection(drift, report.baseline ?? '')]),
    ...(behind === undefined
      ? []
      : [
          {
            title: 'Replicas on other limits than most',
            none: 'None.',
            head: ['replica', 'limits hash'],
            rows: behind.map(({ replica, limitsHash }) => [replica, limitsHash]),
            texts: [1],
          },
        ]),
    {
      title: `Costs (${currency})`,
      none: NO_HISTORY,
      head: ['tenant', 'this month', 'all days known', 'samples', 'series', 'bytes'],
      rows: costs.tenants
        .filter(({ days }) => days.length > 0)
        .map(({ tenant, months, total }) => [
          tenant,
          money(months.at(-1)?.total ?? 0),
          money(total.total),
          money(total.samples),
          money(total.series),
          money(total.bytes),
        ]),
      note: `Not priced: ${costs.notPriced.join('; ')}.`,
    },
    {
      title: `Costs by policy (${currency})`,
      none: NO_HISTORY,
      head: ['policy', 'tenants', 'this month', 'all days known'],
      rows: costs.groups
        .filter(({ days }) => days.length > 0)
        .map(({ policy, tenants, months, total }) => [
          policy,
          String(tenants),
          money(months.at(-1)?.total ?? 0),
          money(total.total),
        ]),
    },
    {
      title: `Budgets (${currency})`,
      none: 'None is set.',
      head: ['budget', 'tenant', 'period', 'spent', 'of', 'used'],
      rows: costs.budgets.map(({ budget, tenant, of, spent, amount, used }) => [
        budget,
        tenant ?? 'all of its tenants',
        of,
        money(spent),
        money(amount),
        percent(used),
      ]),
      texts: [1, 2],
    },
  ];
}

function trendRow(name: string, trend: Trend | null): Cells[] {
  if (trend === null) return [];
  const { level, slope, slopeFrom, slopeTo } = trend;
  return [[name, ...[level, slope, slopeFrom, slopeTo, Math.max(0, level + 30 * slope)].map(short)]];
}

function driftSection(drift: readonly DriftRow[], since: string): Section {
  return {
    title: `Changed since ${since}`,
    none: 'Nothing.',
    head: ['tenant', 'limit', 'was', 'is', 'who'],
    rows: drift.map(({ tenant, limit, before, after, who }) => [
      tenant === '' ? '(defaults)' : tenant,
      limit,
      String(before ?? 'unset'),
      String(after ?? 'unset'),
      who,
    ]),
    texts: [1, 4],
  };
}

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

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

function wholeDays(days: number | null): string {
  return days === null ? 'never' : days < 1000 ? String(Math.round(days)) : '> 1000';
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
