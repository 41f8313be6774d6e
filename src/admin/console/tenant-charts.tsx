/** What a tenant sent and lost over time, against each limit as it was then. */
import type { JSX } from 'preact';
import { counted } from '../../base/amounts.js';
import { type Chart, type ChartMark, ChartView, type Line, less, startMark } from './chart.js';
import { Time, valueText } from './format.js';
import { Panel, RangeChoice } from './parts.js';
import { useApp } from './state.js';
import type { AuditEntry, LimitStep, Points, Tenant } from './types.js';

const COLOURS = ['loss', 'third', 'fourth', 'traffic'] as const;
const CHANGES_SHOWN = 20;
/** Replicas that start within this time of the first start together. */
const DEPLOY_MS = 15 * 60_000;

export function TenantCharts({ tenant, range }: { tenant: Tenant; range: '1h' | '24h' }): JSX.Element {
  const { state } = useApp();
  const starts = [...startMark(tenant.history.since), ...startMarks(state.audit)];
  return (
    <Panel id="charts" title="Over time" beside={<RangeChoice range={range} />}>
      <div class="charts">
        {chartsOf(tenant, starts).map((chart) => (
          <ChartView key={chart.id} chart={chart} sync="tenant" />
        ))}
      </div>
      <LimitChanges tenant={tenant} />
    </Panel>
  );
}

/** Everything that is drawn for a tenant. */
function chartsOf(tenant: Tenant, starts: readonly ChartMark[]): Chart[] {
  const { history } = tenant;
  const common = { unit: 'count' as const, endMs: Date.parse(history.end), stepSeconds: history.stepSeconds };
  const allowed = (name: string): Pick<Chart, 'limit' | 'limitMarks' | 'marks'> => {
    const its = history.changes.filter(({ limit }) => limit === name);
    return {
      limit: stepsOf(history.limits[name] ?? []),
      limitMarks: its.map(({ at, before, after }) => ({
        atMs: Date.parse(at),
        text: `${valueText(before)} → ${valueText(after)}`,
      })),
      marks: [
        ...starts,
        ...history.changes
          .filter((one) => !its.includes(one))
          .map(({ at, limit, before, after }) => ({
            atMs: Date.parse(at),
            text: `${limit} ${valueText(before)} → ${valueText(after)}`,
          })),
      ],
    };
  };
  const { items, pushes, bytes } = history.perSecond;
  const lost = summed(items, history.lostSamplesPerSecond);
  const refused = summed(pushes, history.refusedPerSecond);
  const series = seriesLimit(history.limits);
  const losses = [
    {
      id: 'chart-lost',
      title: 'Lost samples a second, by reason',
      lines: byReason(history.lostSamplesPerSecond, history.shadowLostSamplesPerSecond),
    },
    {
      id: 'chart-refused',
      title: 'Refused pushes a second, by reason',
      lines: byReason(history.refusedPerSecond, history.shadowedPerSecond),
    },
  ];
  return [
    {
      id: 'chart-items',
      title: 'Items a second, against ingestion_rate',
      ...common,
      lines: offeredAndLost(items, lost),
      ...allowed('ingestion_rate'),
    },
    {
      id: 'chart-pushes',
      title: 'Pushes a second, against request_rate',
      ...common,
      lines: offeredAndLost(pushes, refused),
      ...allowed('request_rate'),
    },
    ...(tenant.activeSeries === null
      ? []
      : [
          {
            id: 'chart-series',
            title: `Active series, against ${series}`,
            ...common,
            lines: [
              {
                label: 'active series',
                points: history.activeSeries,
                colour: 'traffic',
                filled: true,
              } as const,
            ],
            ...allowed(series),
          },
        ]),
    {
      id: 'chart-bytes',
      title: 'Bytes a second, against bytes_per_second',
      ...common,
      unit: 'bytes',
      lines: [{ label: 'on the wire', points: bytes, colour: 'traffic', filled: true }],
      ...allowed('bytes_per_second'),
    },
    ...losses
      .filter(({ lines }) => lines.length > 0)
      .map((chart) => ({ ...chart, ...common, marks: starts })),
  ];
}

/** A deploy is one mark, however many replicas start in it. */
function startMarks(entries: readonly AuditEntry[]): ChartMark[] {
  const marks: { atMs: number; text: string; replicas: number }[] = [];
  for (const { from, at, after } of [...entries].reverse()) {
    if (from !== 'start') continue;
    const atMs = Date.parse(at);
    const last = marks.at(-1);
    if (last !== undefined && atMs - last.atMs < DEPLOY_MS) last.replicas++;
    else marks.push({ atMs, text: `version ${valueText(after)}`, replicas: 1 });
  }
  return marks.map(({ atMs, text, replicas }) => ({
    atMs,
    text: `${counted(replicas, 'replica', 'replicas')} started, ${text}`,
  }));
}

/** What was offered is the upper line; what the loss leaves of it was accepted. */
function offeredAndLost(offered: Points, lost: Points): Line[] {
  return [
    { label: 'accepted', points: less(offered, lost), colour: 'traffic', filled: true },
    { label: 'offered', points: offered, colour: 'traffic', dashed: true },
    { label: 'lost', points: lost, colour: 'loss', filled: true },
  ];
}

/** Where what was offered is known. */
function summed(offered: Points, byReason: Readonly<Record<string, Points>>): Points {
  const all = Object.values(byReason);
  return offered.map((rate, step) =>
    rate === null ? null : all.reduce((sum, points) => sum + (points[step] ?? 0), 0),
  );
}

function byReason(lost: Readonly<Record<string, Points>>, letPass: Readonly<Record<string, Points>>): Line[] {
  return [
    ...Object.entries(lost),
    ...Object.entries(letPass).map(([name, points]) => [`${name} (let pass)`, points] as const),
  ]
    .slice(0, COLOURS.length)
    .map(([label, points], index) => ({
      label,
      points,
      colour: COLOURS[index] ?? 'loss',
      dashed: index % 2 === 1,
    }));
}

/** Of the two limits on series the one that holds now. */
function seriesLimit(limits: Tenant['history']['limits']): string {
  const active = limits['max_active_series_per_user']?.at(-1)?.value;
  return typeof active === 'number' && active > 0
    ? 'max_active_series_per_user'
    : 'max_global_series_per_user';
}

/** Where a limit was off there is no line: 0 allows everything, but for a rate of items. */
function stepsOf(steps: readonly LimitStep[]): NonNullable<Chart['limit']> {
  return steps.map(({ from, value: level }) => ({
    fromMs: Date.parse(from),
    level: typeof level === 'number' && level > 0 ? level : undefined,
  }));
}

/** All that changed in the time shown, charted or not. */
function LimitChanges({ tenant }: { tenant: Tenant }): JSX.Element | null {
  const { changes } = tenant.history;
  if (changes.length === 0) return null;
  return (
    <>
      <h3>Limits that changed in this time</h3>
      <ul class="list">
        {[...changes]
          .reverse()
          .slice(0, CHANGES_SHOWN)
          .map(({ at, limit, before, after }) => (
            <li key={`${at} ${limit}`} class="event">
              <span class="when">
                <Time iso={at} seconds />
              </span>
              <p>
                <strong>{limit}</strong> {valueText(before)} → {valueText(after)}
              </p>
            </li>
          ))}
      </ul>
    </>
  );
}
