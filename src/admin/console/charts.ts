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
  /** A level that does not move; undefined: none. */
  readonly limit: number | undefined;
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

function legend({ lines, limit }: Chart): string {
  const names = lines.map(({ label, dashed }) => (dashed ? `${label} (dashed)` : label));
  return [...names, ...(limit === undefined ? [] : [`limit ${short(limit)} (dotted)`])].join(', ');
}

function words({ lines, limit, unit }: Chart): string {
  const said = lines.map(({ label, points }) =>
    points.length === 0
      ? `${label}: nothing yet`
      : `${label}: now ${short(points.at(-1) ?? 0)}${unit}, at most ${short(Math.max(...points))}${unit}`,
  );
  return [...said, ...(limit === undefined ? [] : [`limit: ${short(limit)}${unit}`])].join('; ');
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
    const shape = JSON.stringify([chart.lines.map(({ label }) => label), chart.limit !== undefined, dark]);
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

function dataOf({ endMs, stepSeconds, lines, limit }: Chart): uPlot.AlignedData {
  const count = lines[0]?.points.length ?? 0;
  const times = Array.from({ length: count }, (_, index) => endMs / 1000 - (count - 1 - index) * stepSeconds);
  const limits = limit === undefined ? [] : [times.map(() => limit)];
  return [times, ...lines.map(({ points }) => [...points]), ...limits];
}

function optionsOf({ lines, limit, unit }: Chart, width: number): uPlot.Options {
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
  if (limit !== undefined)
    series.push({ stroke: colour('--limit'), width: 2, dash: [2, 4], points: { show: false } });
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    series: [{}, ...series],
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] } },
    axes: [
      axis,
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => `${short(tick)}${unit}`) },
    ],
  };
}
