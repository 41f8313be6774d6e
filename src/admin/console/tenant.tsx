/** One tenant: what it sends against what it may, what it loses and what to do about it. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { lossText } from '../../base/amounts.js';
import { TenantAdvicePanel } from './advice.js';
import { Refused } from './client.js';
import { Bytes, breakable, byLoss, Num, rangeText, unmarked } from './format.js';
import { Empty, Failed, Loading, Meter, Panel, ScopeNote } from './parts.js';
import { useReading } from './reading.js';
import { Refusals } from './refusals.js';
import { hashOf } from './route.js';
import { TenantSenders } from './senders.js';
import { useApp } from './state.js';
import { TenantCharts } from './tenant-charts.js';
import { TenantLimits } from './tenant-limits.js';
import { TenantMetrics } from './tenant-metrics.js';
import { SetForATime } from './timeline.js';
import type { Tenant } from './types.js';

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
      <ScopeNote scope={tenant.scope} />
    </div>
  );
}

function Known({ tenant, range }: { tenant: Tenant; range: '1h' | '24h' }): JSX.Element {
  return (
    <>
      <SetForATime controls={tenant.controls} />
      <Figures tenant={tenant} />
      <Why tenant={tenant} />
      <TenantCharts tenant={tenant} range={range} />
      <Refusals denials={tenant.denials} withTenant={false} />
      <TenantMetrics tenant={tenant} />
      <TenantSenders id={tenant.id} />
      <TenantAdvicePanel id={tenant.id} />
      <TenantLimits tenant={tenant} />
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
          <dt>{breakable(name)}</dt>
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
    <Panel id="why" title={`What is lost, and why (last ${rangeText(tenant.range.name)})`}>
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
