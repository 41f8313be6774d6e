/** Which limits tenants should have, and what that rests on; nothing is changed from here. */
import type { JSX } from 'preact';
import { duration, plain, short } from '../../base/amounts.js';
import { CurveView } from './curve.js';
import { Empty, Failed, Loading, Name, Panel, SearchField } from './parts.js';
import { useReading } from './reading.js';
import { useApp } from './state.js';

interface LimitAdvice {
  readonly limit: string;
  readonly current: number | null;
  readonly recommended: number | null;
  readonly direction: 'raise' | 'lower' | 'set' | 'keep' | 'none';
  readonly why: string;
  readonly confidence: string;
}

interface TenantAdvice {
  readonly tenant: string;
  readonly policy: string;
  readonly basis: {
    readonly hoursWatched: number;
    readonly hoursWithRefusals: number;
    readonly confidence: string;
  };
  readonly limits: readonly LimitAdvice[];
}

interface Curves {
  readonly curves: readonly {
    readonly rate: string;
    readonly burst: string;
    readonly windows: readonly number[];
    readonly arrived: readonly (number | null)[];
    readonly current: readonly number[] | null;
    readonly recommended: readonly number[] | null;
  }[];
}

const PILLS: Readonly<Record<LimitAdvice['direction'], string>> = {
  raise: 'bad',
  lower: '',
  set: 'near',
  keep: '',
  none: '',
};
const EVERY = 15;

export function AdviceView(): JSX.Element {
  const { state } = useApp();
  const search = state.route.params.get('search') ?? '';
  const query = new URLSearchParams({ limit: '100', ...(search === '' ? {} : { search }) });
  const { data, problem } = useReading<{ tenants: number; matching: number; advice: TenantAdvice[] }>(
    `advice?${query}`,
    EVERY,
  );
  return (
    <Panel
      id="advice"
      isView
      title="Advice"
      beside={data === undefined ? null : <span class="quiet">{data.matching} tenants</span>}
    >
      <div class="filters">
        <SearchField of="Search a name" />
      </div>
      {data === undefined ? (
        problem === undefined ? (
          <Loading what="the advice" />
        ) : (
          <Failed what="The advice" problem={problem} />
        )
      ) : data.advice.length === 0 ? (
        <Empty
          title={search === '' ? 'There is no tenant to advise.' : `No tenant has “${search}” in its name.`}
        >
          Advice takes hours and days of what a tenant offered, or a Prometheus that knows them
          (usage.prometheus.url).
        </Empty>
      ) : (
        <ul class="list">
          {data.advice.map((one) => (
            <li key={one.tenant}>
              <p>
                <Name id={one.tenant} /> <span class="quiet">{basis(one)}</span>
              </p>
              <LimitTable limits={one.limits} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function basis({ policy, basis }: TenantAdvice): string {
  const refused =
    basis.hoursWithRefusals === 0 ? '' : `, ${short(basis.hoursWithRefusals)} of them with refusals`;
  return basis.hoursWatched === 0
    ? 'no history yet'
    : `${short(basis.hoursWatched)} hours watched${refused}; confidence ${basis.confidence}; policy ${policy}`;
}

function LimitTable({ limits }: { limits: readonly LimitAdvice[] }): JSX.Element {
  // What needs nothing is counted, not listed.
  const told = limits.filter(({ direction }) => direction !== 'keep' && direction !== 'none');
  const [none] = limits.filter(({ direction }) => direction === 'none');
  if (told.length === 0) {
    return <p class="quiet">{none === undefined ? 'All limits fit.' : none.why}</p>;
  }
  return (
    <table class="rows advice">
      <thead class="unseen">
        <tr>
          <th scope="col">Limit</th>
          <th scope="col">Now and then</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {told.map(({ limit, current, recommended, direction, why }) => (
          <tr key={limit}>
            <th scope="row">
              <code>{limit}</code>
            </th>
            <td class="num">
              <span class={`pill ${PILLS[direction]}`}>{direction}</span>{' '}
              {current === null ? 'none' : plain(current)} →{' '}
              <strong>{recommended === null ? '–' : plain(recommended)}</strong>
            </td>
            <td class="why note">{why}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** On a tenant's page: its advice, and how much arrived within any window beside what its rate and burst let through. */
export function TenantAdvicePanel({ id }: { id: string }): JSX.Element {
  const { data, problem } = useReading<TenantAdvice & Curves>(`advice/${encodeURIComponent(id)}`, EVERY);
  return (
    <Panel
      id="tenant-advice"
      title="Advice"
      beside={data === undefined ? null : <span class="quiet">{basis(data)}</span>}
    >
      {data === undefined ? (
        problem === undefined ? (
          <Loading what="the advice" />
        ) : (
          <Empty title="There is no advice for it yet.">{problem.message}.</Empty>
        )
      ) : (
        <>
          <LimitTable limits={data.limits} />
          <div class="charts">
            {data.curves
              .filter(({ arrived }) => arrived.some((most) => most !== null && most > 0))
              .map((curve) => (
                <CurveView
                  key={curve.rate}
                  title={`The most that arrived within a window, against ${curve.rate} and ${curve.burst}`}
                  windows={curve.windows}
                  windowText={duration}
                  lines={[
                    { label: 'arrived', points: curve.arrived, colour: 'traffic' },
                    { label: 'rate and burst now', points: curve.current ?? [], colour: 'loss' },
                    { label: 'as advised', points: curve.recommended ?? [], colour: 'third' },
                  ]}
                />
              ))}
          </div>
        </>
      )}
    </Panel>
  );
}
