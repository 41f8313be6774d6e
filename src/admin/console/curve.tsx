/** Arrival curves: for windows from a second to an hour, on scales of powers, so that bursts and hours are both seen. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { short, shortBytes } from '../../base/amounts.js';
import { type Colour, useScheme } from './chart.js';

interface CurveProps {
  readonly title: string;
  /** In seconds. */
  readonly windows: readonly number[];
  readonly windowText: (seconds: number) => string;
  readonly unit: 'bytes' | 'count';
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly (number | null)[];
    readonly colour: Colour;
  }[];
}

const HEIGHT = 168;
/** Of windows, in seconds: what people say. */
const TICKS = [1, 10, 60, 600, 3600];
const LOGARITHMIC = 3;
const MOST_DECADES = 4;

export function CurveView({ title, windows, windowText, unit, lines }: CurveProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const said = unit === 'bytes' ? shortBytes : short;
  const shown = lines.filter(({ points }) => points.length > 0);
  const data = JSON.stringify([
    windows,
    ...shown.map(({ points }) => points.map((most) => (most === 0 ? null : most))),
  ]);
  const colours = shown.map(({ colour }) => colour).join(' ');
  const scheme = useScheme();
  useEffect(() => {
    const { current } = place;
    if (current === null) return undefined;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const axis: uPlot.Axis = {
      stroke: colour('ink-2'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: colour('grid'), width: 1 },
      ticks: { show: false },
    };
    const text = (ticks: readonly (number | null)[], say: (tick: number) => string): string[] =>
      ticks.map((tick) => (tick === null ? '' : say(tick)));
    const plot = new uPlot(
      {
        width: current.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        hooks: { setCursor: [({ cursor }) => setAt(cursor.idx ?? null)] },
        padding: [8, 28, 0, 0],
        scales: {
          x: { time: false, distr: LOGARITHMIC, range: [windows[0] ?? 1, windows.at(-1) ?? 3600] },
          y: { distr: LOGARITHMIC },
        },
        series: [
          {},
          ...colours.split(' ').map((name, index) => ({
            stroke: colour(name),
            width: 1.5,
            points: { show: false },
            ...(index === 0
              ? { fill: colour(`${name}-fill`) }
              : { dash: name === 'ink-2' ? [2, 3] : [6, 4] }),
            spanGaps: true,
          })),
        ],
        axes: [
          {
            ...axis,
            size: 28,
            splits: () => TICKS,
            filter: (_plot, ticks) => ticks,
            values: (_plot, ticks) => text(ticks, windowText),
          },
          {
            ...axis,
            size: 52,
            splits: (_plot, _axis, min, max) => decades(min, max),
            filter: (_plot, ticks) => ticks,
            values: (_plot, ticks) => text(ticks, said),
          },
        ],
      },
      JSON.parse(data) as uPlot.AlignedData,
      current,
    );
    const watcher = new ResizeObserver(() => plot.setSize({ width: current.clientWidth, height: HEIGHT }));
    watcher.observe(current);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [data, colours, windowText, scheme, unit]);
  const index = at ?? windows.length - 1;
  const words = shown.map(
    ({ label, points }) => `${label}: ${points.map((most) => knownText(most, said)).join(', ')}`,
  );
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <div class="legend">
          <span>within {windowText(windows[index] ?? 0)}</span>
          {shown.map(({ label, points, colour }, row) => (
            <span key={label}>
              <i
                class={`swatch ${colour} ${row === 0 ? '' : colour === 'ink-2' ? 'limit' : 'dashed'}`}
                aria-hidden="true"
              />
              {label} <b>{knownText(points[index], said)}</b>
            </span>
          ))}
        </div>
      </figcaption>
      <div
        class="plot"
        role="img"
        aria-label={`${title}. Within ${windows.map(windowText).join(', ')}. ${words.join('; ')}`}
        ref={place}
      />
    </figure>
  );
}

/** Powers of ten, of many some. */
function decades(min: number, max: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(min) - 1e-9), Math.floor(Math.log10(max) + 1e-9)];
  const step = Math.ceil((last - first) / MOST_DECADES) || 1;
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => 10 ** (first + at * step));
}

function knownText(value: number | null | undefined, said: (value: number) => string): string {
  return value === null || value === undefined ? 'not known' : said(value);
}
