/** One tenant: what it sends against what it may, what it loses and what to do about it. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { lossText } from '../../base/amounts.js';
import { TenantAdvicePanel } from './advice.js';
import { type Chart, ChartView, type Line } from './chart.js';
import { Refused } from './client.js';
import { Bytes, byLoss, Num, Time, unmarked, valueText } from './format.js';
import { Choice, Empty, Failed, Loading, Meter, Panel, ScopeNote } from './parts.js';
import { useReading } from './reading.js';
import { Refusals } from './refusals.js';
import { hashOf } from './route.js';
import { TenantSenders } from './senders.js';
import { useApp } from './state.js';
import { SetForATime } from './timeline.js';
import type { LimitStep, Tenant, TopMetric } from './types.js';

const COLOURS = ['loss', 'third', 'fourth', 'traffic'] as const;
const CHANGES_SHOWN = 20;

export function TenantView({ id }: { id: string }): JSX.Element {
  const { state } = useApp();
  const range = state.route.params.get('range') === '24h' ? '24h' : '1h';
  const { data: tenant, problem } = useReading<Tenant>(`tenants/${encodeURIComponent(id)}?range=${range}`);
  const title = useRef<HTMLHeadingElement>(null);
  // Whoever opens another tenant hears which.
  useEffect(() => title.current?.focus({ preventScroll: true }), [id]);
  return (
    <>
      <div class="title">
        <a class="back" href={hashOf('tenants')} onClick={back}>
          ← all tenants
        </a>
        <h1 id="tenant-title" tabIndex={-1} ref={title}>
          {id}
        </h1>
        {tenant === undefined ? null : <Mode tenant={tenant} />}
        {tenant === undefined ? null : <ScopeNote scope={tenant.scope} />}
      </div>
      {tenant === undefined ? (
        <NotThere id={id} problem={problem} />
      ) : (
        <Known tenant={tenant} range={range} />
      )}
    </>
  );
}

/** With what was searched and sorted there, if that is where one came from. */
function back(event: MouseEvent): void {
  if (!cameFromTable()) return;
  event.preventDefault();
  history.back();
}

export function cameFromTable(): boolean {
  return history.state === 'from table';
}

function NotThere({ id, problem }: { id: string; problem: Error | undefined }): JSX.Element {
  if (problem === undefined) return <Loading what={`what ${id} sends`} />;
  if (problem instanceof Refused && problem.status === 404) {
    return (
      <Empty title="This tenant is not known here.">It may be spelled otherwise: {problem.message}.</Empty>
    );
  }
  return <Failed what={id} problem={problem} />;
}

function Mode({ tenant }: { tenant: Tenant }): JSX.Element {
  const { actions } = useApp();
  return (
    <div class="title-row">
      <span>
        mode <strong>{tenant.mode}</strong> <span class="quiet">({tenant.modeSource})</span>
      </span>
      <button
        type="button"
        // What it says of itself beside its name has no mode of its own.
        onClick={() =>
          actions.change({ kind: 'mode', tenant: tenant.id.replace(/:.*/, ''), before: tenant.mode })
        }
      >
        Change mode
      </button>
    </div>
  );
}

function Known({ tenant, range }: { tenant: Tenant; range: '1h' | '24h' }): JSX.Element {
  const { actions } = useApp();
  return (
    <>
      <SetForATime controls={tenant.controls} />
      <Figures tenant={tenant} />
      <Why tenant={tenant} />
      <Panel
        id="charts"
        title="Over time"
        beside={
          <Choice
            label="Time shown"
            value={range}
            options={[
              ['1h', 'Last hour'],
              ['24h', 'Last day'],
            ]}
            onChoose={(chosen) => actions.params({ range: chosen === '1h' ? '' : chosen })}
          />
        }
      >
        <div class="charts">
          {chartsOf(tenant).map((chart) => (
            <ChartView key={chart.id} chart={chart} sync="tenant" />
          ))}
        </div>
        <LimitChanges tenant={tenant} />
      </Panel>
      <Refusals denials={tenant.denials} withTenant={false} />
      <Metrics tenant={tenant} />
      <TenantSenders id={tenant.id} />
      <TenantAdvicePanel id={tenant.id} />
      <Limits tenant={tenant} />
    </>
  );
}

/** As it is now: over an hour what began a minute ago is hardly seen. */
function Figures({ tenant: { id, now: tenant } }: { tenant: Tenant }): JSX.Element {
  const figures: readonly (readonly [string, JSX.Element])[] = [
    ['Offered samples/s', <Num key="" value={tenant.samplesPerSecond} />],
    ['Lost samples/s', <Num key="" value={tenant.lostSamplesPerSecond} />],
    ['Lost series/s', <Num key="" value={tenant.lostSeriesPerSecond} />],
    ['Pushes/s', <Num key="" value={tenant.pushesPerSecond} />],
    ['Refused pushes/s', <Num key="" value={tenant.refusedPerSecond} />],
    ['On the wire', <Bytes key="" value={tenant.bytesPerSecond} unit="/s" />],
    ...tenant.limits.map(({ limit, ratio }): [string, JSX.Element] => [
      limit,
      <Meter key="" ratio={ratio} limit={limit} note="of the limit" />,
    ]),
  ];
  return (
    <dl class="figures" aria-label={`${id}, over the last minute`}>
      {figures.map(([name, figure]) => (
        <div key={name} class={name.startsWith('Lost') && tenant.lostSamplesPerSecond > 0 ? 'lost' : ''}>
          <dt>{name}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}

function Why({ tenant }: { tenant: Tenant }): JSX.Element {
  const { reasons } = useApp().state;
  const losses = [
    ...byLoss(tenant.lost).map(([name, loss]) => ({ name, loss, note: '' })),
    ...byLoss(tenant.shadowLost).map(([name, loss]) => ({ name, loss, note: ' (let pass: shadow)' })),
  ];
  return (
    <Panel id="why" title={`What is lost, and why (last ${tenant.range.name})`}>
      {losses.length === 0 ? (
        <Empty title="Nothing is lost." />
      ) : (
        <ul class="list">
          {losses.map(({ name, loss, note }) => {
            const facts = reasons.get(name);
            return (
              <li key={`${name}${note}`}>
                <p>
                  <span class={`pill ${note === '' ? 'bad' : 'near'}`}>{facts?.brief ?? name}</span>{' '}
                  <strong>{name}</strong> {lossText(loss)}
                  {note}
                </p>
                {facts === undefined ? null : (
                  <p class="quiet">
                    {facts.meaning} <em>{unmarked(facts.remedy)}</em>
                  </p>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

/** Everything that is drawn for a tenant. */
function chartsOf(tenant: Tenant): Chart[] {
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
      marks: history.changes
        .filter((one) => !its.includes(one))
        .map(({ at, limit, before, after }) => ({
          atMs: Date.parse(at),
          text: `${limit} ${valueText(before)} → ${valueText(after)}`,
        })),
    };
  };
  const { items, pushes, bytes } = history.perSecond;
  const lost = summed(items.length, history.lostSamplesPerSecond);
  const refused = summed(pushes.length, history.refusedPerSecond);
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
    ...losses.filter(({ lines }) => lines.length > 0).map((chart) => ({ ...chart, ...common, marks: [] })),
  ];
}

/** What was offered is the upper line; what the loss leaves of it was accepted. */
function offeredAndLost(offered: readonly number[], lost: readonly number[]): Line[] {
  const accepted = offered.map((rate, step) => Math.max(0, rate - (lost[step] ?? 0)));
  return [
    { label: 'accepted', points: accepted, colour: 'traffic', filled: true },
    { label: 'offered', points: offered, colour: 'traffic', dashed: true },
    { label: 'lost', points: lost, colour: 'loss', filled: true },
  ];
}

function summed(length: number, byReason: Readonly<Record<string, readonly number[]>>): number[] {
  const all = Object.values(byReason);
  return Array.from({ length }, (_, step) => all.reduce((sum, points) => sum + (points[step] ?? 0), 0));
}

function byReason(
  lost: Readonly<Record<string, readonly number[]>>,
  letPass: Readonly<Record<string, readonly number[]>>,
): Line[] {
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

/** Those with the most series first, with how many came lately; then those that grow and are not among them. */
function Metrics({ tenant }: { tenant: Tenant }): JSX.Element | null {
  const { active, new: growing } = tenant.topMetrics;
  const grown = new Map(growing.map((metric) => [metric.name, metric.newSeries]));
  const rows: TopMetric[] = [
    ...active.map((metric) => ({
      ...metric,
      newSeries: Math.max(metric.newSeries, grown.get(metric.name) ?? 0),
    })),
    ...growing.filter(({ name }) => !active.some((one) => one.name === name)),
  ];
  if (rows.length === 0) return null;
  const most = Math.max(...rows.map(({ series }) => series), 1);
  return (
    <Panel
      id="metrics"
      title="Series by metric"
      beside={<span class="quiet">new ones are of the last minutes</span>}
    >
      <table class="rows facts">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" class="num">
              Active series
            </th>
            <th scope="col" class="num">
              New
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((metric, index) => (
            <tr key={metric.name ?? `unnamed ${index}`}>
              <th scope="row">
                <code>{metric.name ?? 'not named yet'}</code>
              </th>
              <td class="num">
                <span class="bar" aria-hidden="true">
                  <i style={{ width: `${(metric.series / most) * 100}%` }} />
                </span>
                <Num value={metric.series} />
              </td>
              <td class="num">
                {metric.newSeries > 0 ? '+' : ''}
                <Num value={metric.newSeries} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

const SOURCES = {
  temporary: 'set for a time',
  overrides: 'overrides',
  settings: 'settings',
};

function sourceOf({ source, of }: Tenant['limitsInForce'][number]): string {
  if (source !== 'default') return SOURCES[source];
  return of === 'mimir' ? 'Mimir’s default' : 'the edge’s default';
}

function Limits({ tenant }: { tenant: Tenant }): JSX.Element {
  const { actions } = useApp();
  const [own, setOwn] = useState<'all' | 'own'>('all');
  const limits = tenant.limitsInForce
    .filter(({ name }) => name !== 'mode')
    .filter(({ source }) => own === 'all' || source !== 'default')
    .sort((a, b) => Number(a.source === 'default') - Number(b.source === 'default'));
  return (
    <Panel
      id="limits"
      title="Limits"
      beside={
        <Choice
          label="Which limits"
          value={own}
          options={[
            ['all', 'All'],
            ['own', 'Not the default'],
          ]}
          onChoose={setOwn}
        />
      }
    >
      {limits.length === 0 ? (
        <Empty title="All limits are defaults." />
      ) : (
        <table class="rows limits">
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col" class="num">
                Value
              </th>
              <th scope="col">From</th>
              <th scope="col">
                <span class="unseen">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {limits.map((one) => (
              <tr key={one.name}>
                <th scope="row">
                  <code>{one.name}</code>
                </th>
                <td class="num">{valueText(one.value)}</td>
                <td class={one.source === 'default' ? 'quiet' : ''}>
                  {sourceOf(one)}
                  {one.detail === null ? null : <span class="quiet"> {one.detail}</span>}
                </td>
                <td class="num">
                  {one.changeable ? (
                    <button
                      type="button"
                      aria-label={`Change ${one.name}`}
                      onClick={() =>
                        actions.change({
                          kind: 'limit',
                          tenant: tenant.id,
                          name: one.name,
                          before: valueText(one.value),
                        })
                      }
                    >
                      Change
                    </button>
                  ) : null}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
