/** A report as one self-contained HTML page: its curves are SVG, and it has no scripts. */

import { escapeHtml } from '../base/escape-html.js';
import { PROFILE_MEANINGS } from './profile.js';
import { type LoadReport, type Slot, warnings } from './report.js';
import { amount, describeReport, milliseconds, type Rows, tenantRows } from './report-text.js';

const WIDTH = 900;
const HEIGHT = 220;
const LEFT = 64;
const BOTTOM = 28;
const TOP = 10;
const MOST_TENANTS = 100;

interface Curve {
  readonly name: string;
  readonly className: string;
  readonly of: (slot: Slot) => number;
}

export function htmlReport(report: LoadReport): string {
  const { title, tables } = describeReport(report);
  const [totals = [], answers = [], times = []] = tables;
  const { slotSeconds } = report;
  const rate = (of: (slot: Slot) => number) => (slot: Slot) => of(slot) / slotSeconds;
  const pushes: readonly Curve[] = [
    { name: 'sent', className: 'a', of: rate(({ sent }) => sent) },
    { name: 'accepted', className: 'b', of: rate(({ accepted }) => accepted) },
    { name: 'refused', className: 'c', of: rate(({ refused }) => refused) },
    { name: 'failed or not sent', className: 'd', of: rate(({ failed, notSent }) => failed + notSent) },
  ];
  const latency: readonly Curve[] = [
    { name: 'p50', className: 'b', of: ({ p50 }) => p50 },
    { name: 'p99', className: 'c', of: ({ p99 }) => p99 },
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Load test: ${escapeHtml(report.options.profile)}</h1>
<p>${escapeHtml(title)}, started ${escapeHtml(report.startedAt)}. Profile: ${escapeHtml(PROFILE_MEANINGS[report.options.profile])}.</p>
${warnings(report)
  .map((text) => `<p class="warning">${escapeHtml(text)}</p>`)
  .join('\n')}
<h2>Requests a second</h2>
${curves(report, pushes, amount)}
<h2>Samples accepted a second</h2>
${curves(report, [{ name: 'samples', className: 'b', of: rate(({ samples }) => samples) }], amount)}
<h2>Latency of accepted pushes over time, since they were due (ms)</h2>
${curves(report, latency, milliseconds)}
<h2>Latency of accepted pushes (ms, logarithmic)</h2>
${histogram(report)}
${htmlTable(times)}
<h2>Totals</h2>
${htmlTable([['', '', ''], ...totals])}
<h2>Answers</h2>
${htmlTable(answers)}
<h2>Tenants</h2>
${htmlTable(tenantRows(report, MOST_TENANTS))}
<h2>Options</h2>
${htmlTable([['option', 'value'], ...Object.entries(report.options).map(([name, value]) => [name, String(value)])])}
</body>
</html>
`;
}

function curves(report: LoadReport, all: readonly Curve[], shown: (value: number) => string): string {
  const { slotSeconds } = report;
  const whole = report.slots.filter(({ second }) => second + slotSeconds <= report.seconds);
  const slots = whole.length > 0 ? whole : report.slots;
  const most = Math.max(1e-9, ...slots.flatMap((slot) => all.map(({ of }) => of(slot))));
  const x = (index: number): number =>
    LEFT + ((WIDTH - LEFT - 10) * (index + 0.5)) / Math.max(1, slots.length);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const lines = all.map(({ name, className, of }) => {
    const points = slots.map((slot, index) => `${x(index).toFixed(1)},${y(of(slot)).toFixed(1)}`).join(' ');
    return `<polyline class="${className}" points="${points}"><title>${escapeHtml(name)}</title></polyline>`;
  });
  const seconds = Math.round(slots.length * slotSeconds);
  return `${svg([
    ...axis(most, shown),
    ...[0, 0.5, 1].map((part) =>
      label(LEFT + (WIDTH - LEFT - 10) * part, HEIGHT - 8, `${Math.round(seconds * part)} s`, anchorOf(part)),
    ),
    ...lines,
  ])}
<p class="legend">${all.map(({ name, className }) => `<span class="${className}">${escapeHtml(name)}</span>`).join(' ')}</p>`;
}

function histogram({ latency }: LoadReport): string {
  const { buckets } = latency;
  if (buckets.length === 0) return '<p>No push was accepted.</p>';
  const first = Math.log10(buckets[0]?.[0] ?? 1);
  const last = Math.log10(buckets.at(-1)?.[0] ?? 1);
  const span = Math.max(0.1, last - first);
  const most = Math.max(...buckets.map(([, count]) => count));
  const x = (ms: number): number => LEFT + ((WIDTH - LEFT - 20) * (Math.log10(ms) - first)) / span;
  const bars = buckets.map(([upToMs, count]) => {
    const height = Math.max(1, ((HEIGHT - TOP - BOTTOM) * count) / most);
    const at = `x="${x(upToMs).toFixed(1)}" y="${(HEIGHT - BOTTOM - height).toFixed(1)}"`;
    const hint = `up to ${milliseconds(upToMs)} ms: ${count}`;
    return `<rect ${at} width="4" height="${height.toFixed(1)}"><title>${hint}</title></rect>`;
  });
  const marks = (
    [
      ['p50', latency.p50],
      ['p99', latency.p99],
      ['p99.9', latency.p999],
    ] as const
  ).map(([name, ms]) => {
    const at = x(Math.max(ms, buckets[0]?.[0] ?? ms)).toFixed(1);
    return (
      `<line class="mark" x1="${at}" x2="${at}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>` +
      `<text class="mark" x="${at}" y="${TOP + 10}">${name}</text>`
    );
  });
  const ends = [
    label(LEFT, HEIGHT - 8, `${milliseconds(10 ** first)} ms`, 'start'),
    label(WIDTH - 10, HEIGHT - 8, `${milliseconds(10 ** last)} ms`, 'end'),
  ];
  return svg([...axis(most, amount), ...ends, ...bars, ...marks]);
}

function axis(most: number, shown: (value: number) => string): string[] {
  return [0, 0.5, 1].flatMap((part) => {
    const y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - part);
    return [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - 10}" y1="${y}" y2="${y}"/>`,
      label(LEFT - 6, y + 4, shown(most * part), 'end'),
    ];
  });
}

function anchorOf(part: number): 'start' | 'middle' | 'end' {
  return part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

function svg(parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${parts.join('')}</svg>`;
}

/** The first row is the header. */
function htmlTable([head = [], ...rows]: Rows): string {
  const cells = (row: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${cells(head, 'th')}${rows.map((row) => cells(row, 'td')).join('')}</table>`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --faint: #8884; --a: #8a8f98; --b: #1f7a4d; --c: #b4540a; --d: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181b; --b: #5bc28f; --c: #f0a35e; --d: #ff7a70; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 940px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--ink); }
polyline { fill: none; stroke-width: 1.6; } rect { fill: var(--b); }
polyline.a { stroke: var(--a); } polyline.b { stroke: var(--b); } polyline.c { stroke: var(--c); } polyline.d { stroke: var(--d); }
.grid { stroke: var(--faint); } line.mark { stroke: var(--c); stroke-dasharray: 3 3; } text.mark { fill: var(--c); }
.legend span { margin-right: 1rem; font-size: .85rem; } .legend span::before { content: ''; display: inline-block; width: 14px; height: 3px; margin-right: 5px; vertical-align: middle; background: currentColor; }
span.a { color: var(--a); } span.b { color: var(--b); } span.c { color: var(--c); } span.d { color: var(--d); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .15rem .9rem .15rem 0; text-align: right; border-bottom: 1px solid var(--faint); }
th:first-child, td:first-child { text-align: left; } .warning { color: var(--d); font-weight: 600; }
`;
