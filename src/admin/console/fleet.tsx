/** Who serves: replicas and workers, with which limits, and how they share what they count. */
import type { JSX } from 'preact';
import { counted, duration, shortBytes, took } from '../../base/amounts.js';
import { Refused } from './client.js';
import { Num, percent, Time } from './format.js';
import { Cell, Dot, Empty, Failed, Heads, Loading, NumberCell, Pair, Panel } from './parts.js';
import { useReading } from './reading.js';
import { useApp } from './state.js';
import type { ReplicaSays, Replicas as ReplicasSay, Status, Worker } from './types.js';

export function FleetView(): JSX.Element {
  const { status } = useApp().state;
  if (status === undefined) return <Loading what="who serves" />;
  return (
    <>
      <div class="title">
        <h1>Fleet</h1>
        <p class="quiet">
          {status.verdict.edge.figure} · {status.verdict.edge.note}
        </p>
      </div>
      <Replicas />
      <div class="two">
        <ThisReplica status={status} />
        <Shared status={status} />
      </div>
      <Workers workers={status.workers} />
      <Overrides status={status} />
    </>
  );
}

interface Fleet {
  readonly here: string;
  readonly replicas: readonly Replica[];
  readonly book: {
    readonly keptHere: boolean;
    /** Null: nobody has written yet. */
    readonly keeper: {
      readonly machine: string;
      readonly name: string | null;
      readonly since: string;
    } | null;
    readonly error: string | null;
    readonly framesMissing: number;
  };
}

interface Replica {
  readonly machine: string;
  readonly name: string;
  readonly alive: boolean;
  readonly dataPlanes: readonly {
    readonly plane: string;
    readonly version: string;
    readonly limitsHash: string | null;
    readonly mode: string | null;
    readonly started: string;
    readonly silentSeconds: number;
    readonly clockAheadSeconds: number;
    readonly tenantsInLastStep: number;
    readonly totals: Readonly<Record<string, number>>;
    readonly refused: { readonly pushes: number; readonly samples: number };
  }[];
}

const LONG_SILENT_SECONDS = 600;
const COUNTS = ['Tenants', 'Pushes', 'Refused'];

/** Whoever sends frames to the fleet's book. */
function Replicas(): JSX.Element {
  const { data, problem } = useReading<Fleet>('fleet', 2);
  const says = useReading<ReplicasSay>('replicas', 2).data;
  const missing = problem instanceof Refused && problem.status === 404;
  return (
    <Panel id="replicas" title="Replicas" beside={data === undefined ? null : <Keeper book={data.book} />}>
      {data === undefined ? (
        missing ? (
          <Empty title="This edge knows how many replicas there are, not who they are." />
        ) : problem === undefined ? (
          <Loading what="who is in the fleet" />
        ) : (
          <Failed what="Who is in the fleet" problem={problem} />
        )
      ) : data.replicas.length === 0 ? (
        <Empty title="The first ten seconds are not over yet." />
      ) : (
        <>
          <table class="rows addresses">
            <Heads
              columns={['Replica', 'State', 'Version', 'Limits', 'Says of itself', ...COUNTS, 'Clock']}
              numbers={[...COUNTS, 'Clock']}
            />
            <tbody>
              {shownOf(data).map((one) => (
                <ReplicaRow
                  key={one.machine}
                  one={one}
                  isHere={one.name === data.here}
                  isKeeper={one.machine === data.book.keeper?.machine}
                  hashes={hashesOf(data)}
                  says={says?.replicas.find(({ replica }) => replica === one.name)}
                  isAsked={says !== undefined}
                />
              ))}
            </tbody>
          </table>
          <Gone fleet={data} />
        </>
      )}
    </Panel>
  );
}

function Gone({ fleet }: { fleet: Fleet }): JSX.Element | null {
  const gone = fleet.replicas.length - shownOf(fleet).length;
  if (gone === 0) return null;
  return (
    <p class="quiet">
      {counted(gone, 'other', 'others')} counted earlier and {gone === 1 ? 'is' : 'are'} silent for more than{' '}
      {duration(LONG_SILENT_SECONDS)}: what {gone === 1 ? 'it' : 'they'} counted is in the figures.
    </p>
  );
}

/** Those that serve first; whoever is silent for long was replaced, or is not wanted any more. */
function shownOf({ replicas }: Fleet): Replica[] {
  return replicas
    .filter((one) => one.alive || silentSeconds(one) < LONG_SILENT_SECONDS)
    .sort((a, b) => Number(b.alive) - Number(a.alive));
}

function silentSeconds({ dataPlanes }: Replica): number {
  return Math.min(...dataPlanes.map((plane) => plane.silentSeconds));
}

/** Of the fleet's usage: who adds up what all replicas count. */
function Keeper({ book: { keeper } }: { book: Fleet['book'] }): JSX.Element {
  return (
    <span class="quiet" id="bookkeeper">
      {keeper === null ? (
        'nobody has added up what replicas count yet'
      ) : (
        <>
          what they count is added up by {keeper.name ?? keeper.machine} since{' '}
          <Time iso={keeper.since} seconds />
        </>
      )}
    </span>
  );
}

function hashesOf({ replicas }: Fleet): ReadonlySet<string | null> {
  return new Set(
    replicas
      .filter(({ alive }) => alive)
      .flatMap((one) => one.dataPlanes.map(({ limitsHash }) => limitsHash)),
  );
}

interface ReplicaRowProps {
  readonly one: Replica;
  readonly isHere: boolean;
  readonly isKeeper: boolean;
  /** Undefined: it did not answer, or nobody was asked yet. */
  readonly says: ReplicaSays | undefined;
  readonly isAsked: boolean;
  /** Of all that are alive: more than one are worth a look. */
  readonly hashes: ReadonlySet<string | null>;
}

function ReplicaRow({ one, isHere, isKeeper, says, isAsked, hashes }: ReplicaRowProps): JSX.Element {
  const planes = one.dataPlanes;
  const sum = (of: (plane: Replica['dataPlanes'][number]) => number): number =>
    planes.reduce((total, plane) => total + of(plane), 0);
  const silent = silentSeconds(one);
  const clock = planes[0]?.clockAheadSeconds ?? 0;
  return (
    <tr>
      <th scope="row">
        {one.name} {isHere ? <span class="tag">this one</span> : null}
        {isKeeper ? <span class="tag">bookkeeper</span> : null}
      </th>
      <td>
        <Dot level={!one.alive ? 'bad' : isAsked && says === undefined ? 'near' : 'good'} />
        {one.alive ? 'alive' : `silent for ${duration(silent)}`}
        {planes.length > 1 ? <span class="quiet"> {planes.length} workers</span> : null}
      </td>
      <Cell label="version">{planes[0]?.version ?? ''}</Cell>
      <Cell label="limits">
        {hashes.size > 1 ? <Dot level="near" /> : null}
        <code>{planes[0]?.limitsHash?.slice(0, 8) ?? '–'}</code>
      </Cell>
      <td class="why">
        <Says says={says} isAsked={isAsked && one.alive} />
      </td>
      <NumberCell
        label="tenants"
        value={Math.max(0, ...planes.map(({ tenantsInLastStep }) => tenantsInLastStep))}
      />
      <NumberCell label="pushes" value={sum(({ totals }) => totals['requests'] ?? 0)} />
      <NumberCell label="refused" value={sum(({ refused }) => refused.pushes)} />
      <Cell label="clock" class="num">
        {clock === 0 ? 'agrees' : `${clock} s ahead`}
      </Cell>
    </tr>
  );
}

/** The worst of what it knows; how long pushes are in it, and how soon Mimir answers it. */
function Says({ says, isAsked }: { says: ReplicaSays | undefined; isAsked: boolean }): JSX.Element {
  if (says === undefined)
    return isAsked ? <span class="bad-text">does not answer</span> : <span class="quiet">–</span>;
  const [first] = says.problems;
  const p99s = [
    ['its own p99', says.pushTimes],
    ['Mimir’s', says.upstream.times],
  ] as const;
  return (
    <>
      <Dot level={says.level} />
      {first === undefined ? 'well' : first.text}
      {says.problems.length > 1 ? <span class="quiet"> and {says.problems.length - 1} more</span> : null}
      <span class="note">
        {' '}
        {p99s
          .flatMap(([whose, times]) => (times === null ? [] : `${whose} ${took(times.p99Seconds)}`))
          .join(', ')}
      </span>
    </>
  );
}

function ThisReplica({ status }: { status: Status }): JSX.Element {
  const { used, capacity } = status.bytesInFlight;
  return (
    <Panel id="this-replica" title="This replica">
      <dl class="pairs">
        <Pair of="State">
          <Dot level={status.ready && !status.draining ? 'good' : 'bad'} />
          {status.draining ? 'stopping' : status.ready ? 'ready' : 'not ready'}
        </Pair>
        <Pair of="Version">{status.version}</Pair>
        <Pair of="Up">
          {duration(status.uptimeSeconds)}{' '}
          <span class="quiet">
            since <Time iso={new Date(Date.now() - status.uptimeSeconds * 1000).toISOString()} />
          </span>
        </Pair>
        <Pair of="Requests under way">
          <Num value={status.requestsInFlight} />
        </Pair>
        <Pair of="Body bytes held">
          {shortBytes(used)}{' '}
          <span class="quiet">
            of {shortBytes(capacity)}, {percent(used / capacity)}
          </span>
        </Pair>
        <Pair of="Limits in force">
          <code title={status.limitsHash}>{status.limitsHash.slice(0, 8)}</code>{' '}
          <span class="quiet">of {status.overrides.tenants} tenants in documents</span>
        </Pair>
        <Pair of="Mode">
          {status.mode}{' '}
          <span class="quiet">({status.modeSource === 'settings' ? 'by the settings' : 'for a time'})</span>
        </Pair>
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
          <Pair of="Redis">
            <Dot level={ledger.state === 'up' ? 'good' : 'bad'} />
            {ledger.state === 'up' ? 'up' : 'does not answer'}{' '}
            <span class="quiet">for {duration(ledger.sinceSeconds)}</span>
          </Pair>
          {ledger.parts > 1 ? (
            <Pair of="Parts down">
              {ledger.partsDown} of {ledger.parts}
            </Pair>
          ) : null}
          <Pair of="Processes that share it">
            <Num value={ledger.replicas} />
          </Pair>
          <Pair of="Buckets">
            <Num value={ledger.buckets} />
            <span class="quiet">, {ledger.bucketsAlone} of them serve a local share</span>
          </Pair>
          <Pair of="Tokens leased">
            <Num value={ledger.tokensLeased} />
          </Pair>
          <Pair of="Calls">
            <Num value={ledger.calls} />
            <span class="quiet">, {ledger.callsInFlight} under way</span>
          </Pair>
          <Pair of="Temporary changes">
            {sharing.shared
              ? sharing.reachable
                ? 'shared'
                : `not shared now: ${sharing.lastError ?? ''}`
              : 'of this replica alone'}
          </Pair>
          {ledger.lastError === null ? null : (
            <Pair of="Last error">
              {ledger.lastError.message}{' '}
              <span class="quiet">{duration(ledger.lastError.secondsAgo)} ago</span>
            </Pair>
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
        <Heads columns={['Worker', 'State', 'Under way', 'Limits']} numbers={['Under way', 'Limits']} />
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
