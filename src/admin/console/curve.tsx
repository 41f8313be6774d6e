/** Arrival curves: for windows from a second to an hour, on scales of powers, so that bursts and hours are both seen. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { short } from '../../base/amounts.js';
import type { Colour } from './chart.js';

interface CurveProps {
  readonly title: string;
  /** In seconds. */
  readonly windows: readonly number[];
  readonly windowText: (seconds: number) => string;
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly (number | null)[];
    readonly colour: Colour;
  }[];
}

const HEIGHT = 200;
const LOGARITHMIC = 3;

export function CurveView({ title, windows, windowText, lines }: CurveProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const shown = lines.filter(({ points }) => points.length > 0);
  const data = JSON.stringify([
    windows,
    ...shown.map(({ points }) => points.map((most) => (most === 0 ? null : most))),
  ]);
  const colours = shown.map(({ colour }) => colour).join(' ');
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
        scales: { x: { time: false, distr: LOGARITHMIC }, y: { distr: LOGARITHMIC } },
        series: [
          {},
          ...colours.split(' ').map((name, index) => ({
            stroke: colour(name),
            width: 1.5,
            ...(index === 0 ? {} : { dash: [6, 4] }),
            spanGaps: true,
          })),
        ],
        axes: [
          { ...axis, size: 28, values: (_plot, ticks) => text(ticks, windowText) },
          { ...axis, size: 52, values: (_plot, ticks) => text(ticks, short) },
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
  }, [data, colours, windowText]);
  const index = at ?? windows.length - 1;
  const words = shown.map(
    ({ label, points }) =>
      `${label}: ${points.map((most) => (most === null ? 'not known' : short(most))).join(', ')}`,
  );
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <div class="legend">
          <span>within {windowText(windows[index] ?? 0)}</span>
          {shown.map(({ label, points, colour }, row) => (
            <span key={label}>
              <i class={`swatch ${colour} ${row === 0 ? '' : 'dashed'}`} aria-hidden="true" />
              {label} <b>{short(points[index] ?? 0)}</b>
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
