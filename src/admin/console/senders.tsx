/** Who pushes, found out from the traffic alone. */
import type { JSX } from 'preact';
import { counted, duration, shortBytes } from '../../base/amounts.js';
import { Num, Time } from './format.js';
import {
  Cell,
  Empty,
  Failed,
  Heads,
  Loading,
  Name,
  NumberCell,
  Panel,
  ScopeNote,
  SearchField,
} from './parts.js';
import { useReading } from './reading.js';
import { useApp } from './state.js';
import type { Scope } from './types.js';

interface Sender {
  readonly tenant: string;
  readonly program: string;
  readonly version: string;
  readonly network: string;
  readonly protocol: string;
  readonly compression: string;
  readonly pushes: number;
  readonly atMostOver: number;
  readonly largest: number;
  readonly meanBytes: number | null;
  readonly refused: number;
  readonly retries: number;
  readonly early: number;
  readonly isNew: boolean;
  readonly first: string;
  readonly last: string;
}

interface Senders {
  readonly scope: Scope;
  readonly since: string;
  readonly known: number;
  /** That there was no place for. */
  readonly more: number;
  readonly ofVersion1: number;
  readonly ignoringRetryAfter: number;
  readonly newToday: number;
  readonly senders: readonly Sender[];
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  rw1: 'Remote Write 1',
  rw2: 'Remote Write 2',
  otlp: 'OTLP',
  'otlp-json': 'OTLP, JSON',
  influx: 'line protocol',
  unreadable: 'can not be read',
};
/** One who has not pushed for so long may be gone. */
const SILENT_SECONDS = 300;

export function SendersView(): JSX.Element {
  const { state } = useApp();
  const search = state.route.params.get('search') ?? '';
  const { data, problem } = useReading<Senders>('senders?limit=1000', 2);
  const shown = data?.senders.filter((one) =>
    `${one.tenant} ${one.program} ${one.version} ${one.network}`.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <Panel
      id="senders"
      isView
      title="Senders"
      beside={data === undefined ? null : <Summary senders={data} />}
    >
      <div class="filters">
        <SearchField of="Tenant, program, address" />
      </div>
      <Table senders={shown} problem={problem} withTenant search={search} />
    </Panel>
  );
}

/** On a tenant's page: those of it alone. */
export function TenantSenders({ id }: { id: string }): JSX.Element {
  const { data, problem } = useReading<Senders>(`senders?tenant=${encodeURIComponent(id)}`, 5);
  return (
    <Panel
      id="tenant-senders"
      title="Who sends"
      beside={data === undefined ? null : <Summary senders={data} />}
    >
      <Table senders={data?.senders} problem={problem} withTenant={false} search="" />
    </Panel>
  );
}

function Summary({ senders }: { senders: Senders }): JSX.Element {
  const { scope, known, more, ofVersion1, ignoringRetryAfter, newToday, since } = senders;
  return (
    <span class="quiet">
      {counted(known, 'sender', 'senders')}
      {more === 0 ? '' : ` and up to ${more} more`} since <Time iso={since} />: {ofVersion1} of Remote Write
      1, {ignoringRetryAfter} that retry too early, {newToday} new today <ScopeNote scope={scope} />
    </span>
  );
}

interface TableProps {
  readonly senders: readonly Sender[] | undefined;
  readonly problem: Error | undefined;
  readonly withTenant: boolean;
  readonly search: string;
}

function Table({ senders, problem, withTenant, search }: TableProps): JSX.Element {
  if (senders === undefined) {
    return problem === undefined ? (
      <Loading what="who sends" />
    ) : (
      <Failed what="Who sends" problem={problem} />
    );
  }
  if (senders.length === 0) {
    return (
      <Empty title={search === '' ? 'Nobody has pushed yet.' : `No sender has “${search}” in its name.`}>
        What Envoy asks its ratelimit filter alone about is not counted here: it does not say who pushes.
      </Empty>
    );
  }
  return (
    <table class="rows addresses senders">
      <Heads
        columns={[
          'Program',
          ...(withTenant ? ['Tenant'] : []),
          'From',
          'Protocol',
          'Pushes',
          'Size, mean',
          'Largest',
          'Refused',
          'Retries',
          'Last',
        ]}
        numbers={['Pushes', 'Size, mean', 'Largest', 'Refused', 'Retries', 'Last']}
      />
      <tbody>
        {senders.map((one) => (
          <Row
            key={[one.tenant, one.program, one.version, one.network, one.protocol, one.compression].join(' ')}
            one={one}
            withTenant={withTenant}
          />
        ))}
      </tbody>
    </table>
  );
}

function Row({ one, withTenant }: { one: Sender; withTenant: boolean }): JSX.Element {
  const silent = (Date.now() - Date.parse(one.last)) / 1000;
  return (
    <tr>
      <th scope="row">
        {one.program === '' ? <span class="quiet">names none</span> : one.program}{' '}
        <span class="quiet">{one.version}</span>
        {one.isNew ? <span class="tag">new</span> : null}
      </th>
      {withTenant ? (
        <td class="who">
          <Name id={one.tenant} />
        </td>
      ) : null}
      <Cell label="from">
        <code>{one.network}</code>
      </Cell>
      <td>
        {PROTOCOLS[one.protocol] ?? one.protocol}{' '}
        <span class="quiet">{one.compression === '' ? 'plain' : one.compression}</span>
      </td>
      <Cell label="pushes" class="num">
        <Num value={one.pushes} />
        {one.atMostOver > 0 ? <span class="note"> of them {one.atMostOver} at most of others</span> : null}
      </Cell>
      <Cell label="size, mean" class="num">
        {one.meanBytes === null ? '–' : shortBytes(one.meanBytes)}
      </Cell>
      <Cell label="largest" class="num">
        {shortBytes(one.largest)}
      </Cell>
      <NumberCell label="refused" value={one.refused} isLoss />
      <Cell label="retries" class="num">
        <Num value={one.retries} />{' '}
        {one.early > 0 ? <span class="pill near">{one.early} too early</span> : null}
      </Cell>
      <Cell label="last" class="num">
        {silent > SILENT_SECONDS ? (
          <span class="quiet">{duration(silent)} ago</span>
        ) : (
          <Time iso={one.last} seconds />
        )}
      </Cell>
    </tr>
  );
}
