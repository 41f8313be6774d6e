/**
 * Curves over time, drawn by uPlot: values where the pointer is, limits as they were then, and what was changed as marks at
 * the time at which it happened.
 */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { short, shortBytes } from '../../base/amounts.js';
import { clockText, dayText, timeText } from './format.js';
import type { Points } from './types.js';

export interface Line {
  readonly label: string;
  readonly points: Points;
  readonly colour: Colour;
  /** Also told apart by dashes, or by what is filled. */
  readonly dashed?: boolean;
  readonly filled?: boolean;
}

export type Colour = 'traffic' | 'loss' | 'third' | 'fourth' | 'good' | 'ink-2';

export interface ChartMark {
  readonly atMs: number;
  readonly text: string;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** Of what there are so many. */
  readonly unit: 'bytes' | 'count';
  readonly endMs: number;
  readonly stepSeconds: number;
  readonly lines: readonly Line[];
  /** What the limit was from when on, the oldest first; undefined: it was off. */
  readonly limit?: readonly { readonly fromMs: number; readonly level: number | undefined }[];
  /** Changes of that limit alone, and what from and to. */
  readonly limitMarks?: readonly ChartMark[];
  readonly marks: readonly ChartMark[];
  readonly height?: number;
  /** What it is in has the title already. */
  readonly untitled?: boolean;
}

/** Of two curves, where both are known. */
export function less(points: Points, other: Points): Points {
  return points.map((point, step) => (point === null ? null : Math.max(0, point - (other[step] ?? 0))));
}

/** Where what a chart shows begins to be known. */
export function startMark(since: string | null): ChartMark[] {
  return since === null ? [] : [{ atMs: Date.parse(since), text: 'not known before' }];
}

const HEIGHT = 168;
const DAY_SECONDS = 86_400;
/** What is known may be less: then a fifth of the chart is what is not. */
const SHORTEST_SECONDS = 300;
const PART_KNOWN = 0.8;
const MARK_ROOM = 18;
const MIN_LABEL_WIDTH = 700;

/** `sync`: charts of one name show the same moment. */
export function ChartView({ chart, sync }: { chart: Chart; sync?: string }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(chart);
  latest.current = chart;
  const [at, setAt] = useState<number | undefined>(undefined);
  const scheme = useScheme();
  const shape = JSON.stringify([chart.lines.map(({ label }) => label), isLimited(chart), scheme, chart.unit]);

  useEffect(() => {
    const { current } = place;
    if (current === null) return undefined;
    const made = new uPlot(
      optionsOf(latest, current.clientWidth, sync, (index) => setAt(index)),
      dataOf(chart),
      current,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => {
      const width = current.clientWidth;
      if (width > 0 && width !== made.width) made.setSize({ width, height: made.height });
    });
    watcher.observe(current);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, sync]);

  useEffect(() => {
    plot.current?.setData(dataOf(chart));
  }, [chart]);

  return (
    <figure class="chart">
      <figcaption>
        <h3 class={chart.untitled ? 'unseen' : ''}>{chart.title}</h3>
        <Legend chart={chart} at={at} />
      </figcaption>
      <div id={chart.id} class="plot" role="img" aria-label={`${chart.title}: ${words(chart)}`} ref={place} />
    </figure>
  );
}

function Legend({ chart, at }: { chart: Chart; at: number | undefined }): JSX.Element {
  const count = countOf(chart);
  const index = at === undefined || at >= count ? count - 1 : at;
  const ms = timeAt(chart, index) * 1000;
  const level = levelAt(chart, ms / 1000);
  const near =
    at === undefined
      ? undefined
      : [...chart.marks, ...(chart.limitMarks ?? [])].find(
          ({ atMs }) => Math.abs(atMs - ms) <= chart.stepSeconds * 2000,
        );
  return (
    <div class="legend">
      <span class="legend-time">
        {at === undefined || count === 0 ? lastText(chart) : momentText(chart, ms)}
      </span>
      {chart.lines.map((line, row) => (
        <span key={line.label}>
          <i class={`swatch ${line.colour} ${line.dashed ? 'dashed' : ''}`} aria-hidden="true" />
          {line.label} <b>{count === 0 ? '–' : said(chart, chart.lines[row]?.points[index] ?? null)}</b>
        </span>
      ))}
      {isLimited(chart) ? (
        <span>
          <i class="swatch limit" aria-hidden="true" />
          limit <b>{level === null ? 'off' : said(chart, level)}</b>
        </span>
      ) : null}
      {near === undefined ? null : <span class="legend-mark">▾ {near.text}</span>}
    </div>
  );
}

function momentText({ stepSeconds }: Chart, ms: number): string {
  return stepSeconds < DAY_SECONDS ? timeText(new Date(ms), true) : dayText(new Date(ms));
}

function lastText({ stepSeconds }: Chart): string {
  return stepSeconds < DAY_SECONDS ? 'now' : 'last day';
}

export function useScheme(): boolean {
  const [dark, set] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => set(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return dark;
}

function said({ unit }: Chart, value: number | null): string {
  if (value === null) return '–';
  return unit === 'bytes' ? shortBytes(value) : short(value);
}

function countOf({ lines }: Chart): number {
  return lines[0]?.points.length ?? 0;
}

function timeAt(chart: Chart, index: number): number {
  return chart.endMs / 1000 - (countOf(chart) - 1 - index) * chart.stepSeconds;
}

function isLimited({ limit }: Chart): boolean {
  return limit?.some(({ level }) => level !== undefined) ?? false;
}

function levelAt({ limit }: Chart, seconds: number): number | null {
  return limit?.findLast(({ fromMs }) => fromMs <= seconds * 1000)?.level ?? null;
}

function words(chart: Chart): string {
  const { lines, limit, limitMarks = [], marks } = chart;
  const curves = lines.map(({ label, points }) =>
    points.length === 0
      ? `${label}: nothing yet`
      : `${label}: now ${said(chart, points.at(-1) ?? null)}, at most ${said(chart, Math.max(...points.map((point) => point ?? 0)))}`,
  );
  const level = limit?.at(-1)?.level;
  const at = (atMs: number): string => timeText(new Date(atMs), true);
  return [
    ...curves,
    ...(level === undefined ? [] : [`limit: ${said(chart, level)}`]),
    ...limitMarks.map(({ atMs, text }) => `limit changed at ${at(atMs)}: ${text}`),
    ...marks.map(({ atMs, text }) => `${at(atMs)}: ${text}`),
  ].join('; ');
}

function dataOf(chart: Chart): uPlot.AlignedData {
  const times = Array.from({ length: countOf(chart) }, (_, index) => timeAt(chart, index));
  const limits = isLimited(chart) ? [times.map((seconds) => levelAt(chart, seconds))] : [];
  return [times, ...chart.lines.map(drawn), ...limits];
}

/** Red is a loss: where there was none, nothing is drawn. */
function drawn({ points, colour }: Line): (number | null)[] {
  if (colour !== 'loss') return [...points];
  const isNone = (at: number): boolean => (points[at] ?? 0) === 0;
  return points.map((point, at) => (isNone(at - 1) && isNone(at) && isNone(at + 1) ? null : point));
}

function optionsOf(
  latest: { readonly current: Chart },
  width: number,
  sync: string | undefined,
  hovered: (index: number | undefined) => void,
): uPlot.Options {
  const chart = latest.current;
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const font = '12px system-ui, sans-serif';
  const axis: uPlot.Axis = {
    stroke: colour('ink-2'),
    font,
    grid: { stroke: colour('grid'), width: 1 },
    ticks: { show: false },
  };
  const series: uPlot.Series[] = chart.lines.map(({ colour: name, dashed, filled }) => ({
    stroke: colour(name),
    width: 1.5,
    points: { show: false },
    ...(dashed ? { dash: [6, 4] } : {}),
    ...(filled ? { fill: colour(`${name}-fill`) } : {}),
  }));
  if (isLimited(chart)) {
    const paths = uPlot.paths.stepped?.({ align: 1 });
    series.push({
      stroke: colour('ink-2'),
      width: 1.5,
      dash: [2, 3],
      points: { show: false },
      ...(paths === undefined ? {} : { paths }),
    });
  }
  return {
    width,
    height: chart.height ?? HEIGHT,
    padding: [MARK_ROOM, 28, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: false, y: false },
      ...(sync === undefined ? {} : { sync: { key: sync } }),
    },
    series: [{}, ...series],
    hooks: {
      draw: [(plot) => drawMarks(plot, latest.current, colour('ink-2'), font)],
      setCursor: [({ cursor }) => hovered(cursor.idx ?? undefined)],
    },
    scales: {
      x: { range: (_plot, min, max) => [shownFrom(latest.current, min ?? 0, max ?? 0), max ?? 0] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 70,
        values: (_plot, ticks, _axis, _space, increment) =>
          ticks.map((tick) => tickText(new Date(tick * 1000), increment)),
      },
      {
        ...axis,
        size: 52,
        space: 34,
        values: (_plot, ticks) => ticks.map((tick) => said(latest.current, tick)),
      },
    ],
  };
}

/** What was before anything was known need not be seen in full. */
function shownFrom(chart: Chart, min: number, max: number): number {
  const first = chart.lines[0]?.points.findIndex((point) => point !== null) ?? 0;
  const known = first <= 0 ? max - min : (max - timeAt(chart, first - 1)) / PART_KNOWN;
  return Math.max(Math.min(min, max - SHORTEST_SECONDS), max - Math.max(SHORTEST_SECONDS, known));
}

/** The day is told where it begins. */
function tickText(at: Date, increment: number): string {
  if (increment >= DAY_SECONDS || (at.getHours() === 0 && at.getMinutes() === 0)) return dayText(at);
  return clockText(at, increment < 60);
}

/** A text has room up to the next one; where there is none, the pointer and the list of changes tell. */
function drawMarks(plot: uPlot, chart: Chart, colour: string, font: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.font = font.replace('12', String(12 * ratio));
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  const marks = [...chart.marks, ...(chart.limitMarks ?? [])]
    .map((mark) => ({ ...mark, x: Math.round(plot.valToPos(mark.atMs / 1000, 'x', true)) }))
    .filter(({ x }) => x >= bbox.left && x <= right)
    .sort((a, b) => a.x - b.x);
  let taken = Number.NEGATIVE_INFINITY;
  for (const [index, { x, text }] of marks.entries()) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x - 5 * ratio <= taken) continue;
    const free = (marks[index + 1]?.x ?? right) - x;
    const needed = ctx.measureText(`▾ ${text}`).width;
    const isWide = plot.width >= MIN_LABEL_WIDTH;
    const top = bbox.top - 2 * ratio;
    const half = 5 * ratio;
    if (isWide && needed <= free + half) {
      ctx.fillText(`▾ ${text}`, x - half, top);
      taken = x + needed;
    } else if (isWide && x - needed > taken) {
      ctx.fillText(`${text} ▾`, x + half - needed, top);
      taken = x + half;
    } else {
      ctx.fillText('▾', x - half, top);
      taken = x + half;
    }
  }
  ctx.restore();
}
