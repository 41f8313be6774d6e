/** Rate against limit over time. Drawn by uPlot into elements that `patch` leaves alone. */
import uPlot from 'uplot';
import { h } from './dom.js';
import { short } from './format.js';

export interface Line {
  readonly label: string;
  readonly points: readonly number[];
  /** Also told apart by the dashes. */
  readonly dashed?: boolean;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly endMs: number;
  readonly stepSeconds: number;
  readonly lines: readonly Line[];
  /** What the limit was from when on, the oldest first; undefined: it was off. */
  readonly limit: readonly { readonly fromMs: number; readonly level: number | undefined }[];
  /** When it changed, and what from and to. */
  readonly marks: readonly { readonly atMs: number; readonly text: string }[];
}

const HEIGHT = 180;
const COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4'];

interface Drawn {
  readonly plot: uPlot;
  readonly shape: string;
}

const drawn = new Map<string, Drawn>();

/** The place of a chart, with what it shows in words. */
export function figure(chart: Chart): HTMLElement {
  return h(
    'figure',
    { class: 'chart', key: chart.id },
    h('figcaption', {}, h('strong', {}, chart.title), ' ', h('span', { class: 'quiet' }, legend(chart))),
    h('div', {
      id: chart.id,
      role: 'img',
      'aria-label': `${chart.title}: ${words(chart)}`,
      'data-kept': true,
    }),
  );
}

function legend(chart: Chart): string {
  const names = chart.lines.map(({ label, dashed }) => (dashed ? `${label} (dashed)` : label));
  const level = chart.limit.at(-1)?.level;
  const limit = level === undefined ? 'limit (dotted), off now' : `limit ${short(level)} (dotted)`;
  const marks = chart.marks.length > 0 ? ['its changes (upright lines)'] : [];
  return [...names, ...(isLimited(chart) ? [limit] : []), ...marks].join(', ');
}

function isLimited({ limit }: Chart): boolean {
  return limit.some(({ level }) => level !== undefined);
}

function words({ lines, limit, marks, unit }: Chart): string {
  const said = lines.map(({ label, points }) =>
    points.length === 0
      ? `${label}: nothing yet`
      : `${label}: now ${short(points.at(-1) ?? 0)}${unit}, at most ${short(Math.max(...points))}${unit}`,
  );
  const level = limit.at(-1)?.level;
  const changed = marks.map(
    ({ atMs, text }) => `limit changed at ${new Date(atMs).toLocaleTimeString()}: ${text}`,
  );
  return [...said, ...(level === undefined ? [] : [`limit: ${short(level)}${unit}`]), ...changed].join('; ');
}

/** To be called when the places are on the page. */
export function draw(charts: readonly Chart[]): void {
  for (const [id, { plot }] of drawn) {
    if (charts.some((chart) => chart.id === id && plot.root.isConnected)) continue;
    plot.destroy();
    drawn.delete(id);
  }
  for (const chart of charts) {
    const place = document.getElementById(chart.id);
    if (place === null) continue;
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const shape = JSON.stringify([
      chart.lines.map(({ label }) => label),
      isLimited(chart),
      chart.marks,
      dark,
    ]);
    const before = drawn.get(chart.id);
    if (before?.shape === shape) {
      if (before.plot.width !== place.clientWidth)
        before.plot.setSize({ width: place.clientWidth, height: HEIGHT });
      before.plot.setData(dataOf(chart));
      continue;
    }
    before?.plot.destroy();
    drawn.set(chart.id, {
      plot: new uPlot(optionsOf(chart, place.clientWidth), dataOf(chart), place),
      shape,
    });
  }
}

function dataOf(chart: Chart): uPlot.AlignedData {
  const { endMs, stepSeconds, lines, limit } = chart;
  const count = lines[0]?.points.length ?? 0;
  const times = Array.from({ length: count }, (_, index) => endMs / 1000 - (count - 1 - index) * stepSeconds);
  const levelAt = (seconds: number): number | null =>
    limit.findLast(({ fromMs }) => fromMs <= seconds * 1000)?.level ?? null;
  const limits = isLimited(chart) ? [times.map(levelAt)] : [];
  return [times, ...lines.map(({ points }) => [...points]), ...limits];
}

function optionsOf(chart: Chart, width: number): uPlot.Options {
  const { lines, marks, unit } = chart;
  const colour = (name: string): string =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--text'),
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { stroke: colour('--rule') },
  };
  const series: uPlot.Series[] = lines.map(({ dashed }, index) => ({
    stroke: colour(COLOURS[index % COLOURS.length] ?? '--line-1'),
    width: 2,
    points: { show: false },
    ...(dashed ? { dash: [8, 4] } : {}),
  }));
  if (isLimited(chart)) {
    const paths = uPlot.paths.stepped?.({ align: 1 });
    series.push({
      stroke: colour('--limit'),
      width: 2,
      dash: [2, 4],
      points: { show: false },
      ...(paths === undefined ? {} : { paths }),
    });
  }
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    series: [{}, ...series],
    hooks: { draw: [(plot) => drawMarks(plot, marks, colour('--limit'))] },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] } },
    axes: [
      axis,
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => `${short(tick)}${unit}`) },
    ],
  };
}

function drawMarks(plot: uPlot, marks: Chart['marks'], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  for (const { atMs } of marks) {
    const x = Math.round(plot.valToPos(atMs / 1000, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
