/** Who serves: replicas and workers, with which limits, and how they share what they count. */
import type { JSX } from 'preact';
import { duration, Num, percent, shortBytes, Time } from './format.js';
import { Dot, Empty, Loading, Panel } from './parts.js';
import { useApp } from './state.js';
import type { Status, Worker } from './types.js';

export function FleetView(): JSX.Element {
  const { status } = useApp().state;
  if (status === undefined) return <Loading what="who serves" />;
  return (
    <>
      <div class="title">
        <h1>Fleet</h1>
        <p class="quiet">
          {status.verdict.edge.figure}. {status.verdict.edge.note}
        </p>
      </div>
      <div class="two">
        <ThisReplica status={status} />
        <Shared status={status} />
      </div>
      <Workers workers={status.workers} />
      <Overrides status={status} />
    </>
  );
}

function ThisReplica({ status }: { status: Status }): JSX.Element {
  const { used, capacity } = status.bytesInFlight;
  return (
    <Panel id="this-replica" title="This replica">
      <dl class="pairs">
        <dt>State</dt>
        <dd>
          <Dot level={status.ready && !status.draining ? 'good' : 'bad'} />
          {status.draining ? 'stopping' : status.ready ? 'ready' : 'not ready'}
        </dd>
        <dt>Version</dt>
        <dd>{status.version}</dd>
        <dt>Up</dt>
        <dd>
          {duration(status.uptimeSeconds)}{' '}
          <span class="quiet">
            since <Time iso={new Date(Date.now() - status.uptimeSeconds * 1000).toISOString()} />
          </span>
        </dd>
        <dt>Requests under way</dt>
        <dd>
          <Num value={status.requestsInFlight} />
        </dd>
        <dt>Body bytes held</dt>
        <dd>
          {shortBytes(used)}{' '}
          <span class="quiet">
            of {shortBytes(capacity)}, {percent(used / capacity)}
          </span>
        </dd>
        <dt>Limits in force</dt>
        <dd>
          <code title={status.limitsHash}>{status.limitsHash.slice(0, 8)}</code>{' '}
          <span class="quiet">of {status.overrides.tenants} tenants in documents</span>
        </dd>
        <dt>Mode</dt>
        <dd>
          {status.mode}{' '}
          <span class="quiet">({status.modeSource === 'settings' ? 'by the settings' : 'for a time'})</span>
        </dd>
      </dl>
    </Panel>
  );
}

function Shared({ status }: { status: Status }): JSX.Element {
  const { ledger, sharing } = status;
  return (
    <Panel id="shared" title="What replicas share">
      {ledger === null ? (
        <Empty title="Nothing: there is no Redis.">
          Each replica counts by itself. With state.redis.url they share buckets, series and temporary
          changes.
        </Empty>
      ) : (
        <dl class="pairs">
          <dt>Redis</dt>
          <dd>
            <Dot level={ledger.state === 'up' ? 'good' : 'bad'} />
            {ledger.state === 'up' ? 'up' : 'does not answer'}{' '}
            <span class="quiet">for {duration(ledger.sinceSeconds)}</span>
          </dd>
          {ledger.parts > 1 ? (
            <>
              <dt>Parts down</dt>
              <dd>
                {ledger.partsDown} of {ledger.parts}
              </dd>
            </>
          ) : null}
          <dt>Replicas alive</dt>
          <dd>
            <Num value={ledger.replicas} />
          </dd>
          <dt>Buckets</dt>
          <dd>
            <Num value={ledger.buckets} />{' '}
            <span class="quiet">{ledger.bucketsAlone} serve a local share</span>
          </dd>
          <dt>Tokens leased</dt>
          <dd>
            <Num value={ledger.tokensLeased} />
          </dd>
          <dt>Calls</dt>
          <dd>
            <Num value={ledger.calls} /> <span class="quiet">{ledger.callsInFlight} under way</span>
          </dd>
          <dt>Temporary changes</dt>
          <dd>
            {sharing.shared
              ? sharing.reachable
                ? 'shared'
                : `not shared now: ${sharing.lastError ?? ''}`
              : 'of this replica alone'}
          </dd>
          {ledger.lastError === null ? null : (
            <>
              <dt>Last error</dt>
              <dd>
                {ledger.lastError.message}{' '}
                <span class="quiet">{duration(ledger.lastError.secondsAgo)} ago</span>
              </dd>
            </>
          )}
        </dl>
      )}
    </Panel>
  );
}

function Workers({ workers }: { workers: Status['workers'] }): JSX.Element | null {
  if (workers === null) return null;
  return (
    <Panel
      id="workers"
      title="Workers of this replica"
      beside={
        <span class="quiet">
          {workers.serving} of {workers.wanted} serve, {workers.restarts} restarts
        </span>
      }
    >
      <table class="rows facts">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Under way
            </th>
            <th scope="col" class="num">
              Limits
            </th>
          </tr>
        </thead>
        <tbody>
          {workers.each.map((worker) => (
            <WorkerRow key={worker.worker} worker={worker} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function WorkerRow({ worker }: { worker: Worker }): JSX.Element {
  const well = worker.ready && !worker.hangs;
  return (
    <tr>
      <th scope="row">
        {worker.worker} <span class="quiet">pid {worker.pid ?? '–'}</span>
      </th>
      <td>
        <Dot level={well ? 'good' : 'bad'} />
        {worker.hangs
          ? 'does not answer'
          : worker.draining
            ? 'stopping'
            : worker.ready
              ? 'ready'
              : 'not ready'}
      </td>
      <td class="num">
        <Num value={worker.requestsInFlight} />
      </td>
      <td class="num">
        <code title={worker.limitsHash}>{worker.limitsHash.slice(0, 8)}</code>
      </td>
    </tr>
  );
}

function Overrides({ status }: { status: Status }): JSX.Element {
  const { overrides } = status;
  return (
    <Panel id="overrides" title="Where limits come from">
      {overrides.sources.length === 0 ? (
        <Empty title="No overrides are set.">All tenants have the limits of the settings.</Empty>
      ) : (
        <>
          <ul class="list">
            {overrides.sources.map(({ name, up, error }) => (
              <li key={name} class="event wide">
                <p>
                  <Dot level={up && error === null ? 'good' : 'bad'} />
                  <code>{name}</code> {error === null ? null : <span class="bad-text">{error}</span>}
                </p>
              </li>
            ))}
          </ul>
          <p class="quiet">
            {overrides.stale ? 'Last found good' : 'Found good'} {duration(overrides.secondsSinceGood)} ago;
            the last change was in force after {duration(overrides.lagSeconds)}.
          </p>
          {overrides.lastError === null ? null : <p class="bad-text">{overrides.lastError}</p>}
        </>
      )}
    </Panel>
  );
}
