/** Which limits tenants should have, and what that rests on; nothing is changed from here. */
import type { JSX } from 'preact';
import { counted, short } from '../../base/amounts.js';
import { AdvisedLimits } from './advice-limits.js';
import { AdvicePicture } from './advice-picture.js';
import { Refused } from './client.js';
import { Empty, Failed, Loading, Name, Panel, SearchField } from './parts.js';
import { type Reading, useReading } from './reading.js';
import { useApp } from './state.js';
import type { AdviceCurve, TenantAdvice } from './types.js';

const EVERY = 15;

export function AdviceView(): JSX.Element {
  const { state } = useApp();
  const search = state.route.params.get('search') ?? '';
  const opened = state.route.params.get('open');
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
      beside={
        data === undefined ? null : <span class="quiet">{counted(data.matching, 'tenant', 'tenants')}</span>
      }
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
              <Advised one={one} isOpen={one.tenant === opened} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** One is open at a time; which one is in the address. */
function Advised({ one, isOpen }: { one: TenantAdvice; isOpen: boolean }): JSX.Element {
  const { actions } = useApp();
  return (
    <>
      <div class="title-row">
        <h2>
          <Name id={one.tenant} />
        </h2>
        {one.basis.confidence === 'none' ? null : <span class="quiet">{basis(one)}</span>}
        {one.basis.hoursWatched === 0 ? null : (
          <button
            type="button"
            class="at-end"
            aria-expanded={isOpen}
            onClick={() => actions.params({ open: isOpen ? '' : one.tenant })}
          >
            {isOpen ? 'Hide curve and days' : 'Curve and days'}
            <span class="unseen"> of {one.tenant}</span>
          </button>
        )}
      </div>
      <AdvisedLimits limits={one.limits} />
      {isOpen ? <OpenedPicture id={one.tenant} /> : null}
    </>
  );
}

function basis({ policy, basis }: TenantAdvice): string {
  const refused =
    basis.hoursWithRefusals === 0 ? '' : `, ${short(basis.hoursWithRefusals)} of them with refusals`;
  return basis.hoursWatched === 0
    ? 'no history yet'
    : `${short(basis.hoursWatched)} hours watched${refused}; confidence ${basis.confidence}; policy ${policy}`;
}

/** On a tenant's page. */
export function TenantAdvicePanel({ id }: { id: string }): JSX.Element {
  const { data, problem } = useAdvice(id);
  return (
    <Panel
      id="tenant-advice"
      title="Advice"
      beside={data === undefined ? null : <span class="quiet">{basis(data)}</span>}
    >
      {data === undefined ? (
        <NotThere problem={problem} />
      ) : (
        <>
          <AdvisedLimits limits={data.limits} />
          <AdvicePicture id={id} curves={data.curves} limits={data.limits} />
        </>
      )}
    </Panel>
  );
}

function useAdvice(id: string): Reading<TenantAdvice & { readonly curves: readonly AdviceCurve[] }> {
  return useReading(`advice/${encodeURIComponent(id)}`, EVERY);
}

/** What its advice rests on: read when somebody looks. */
function OpenedPicture({ id }: { id: string }): JSX.Element {
  const { data, problem } = useAdvice(id);
  if (data === undefined) return <NotThere problem={problem} />;
  return <AdvicePicture id={id} curves={data.curves} limits={data.limits} />;
}

function NotThere({ problem }: { problem: Error | undefined }): JSX.Element {
  if (problem === undefined) return <Loading what="the advice" />;
  if (!(problem instanceof Refused) || problem.status !== 404) {
    return <Failed what="The advice" problem={problem} />;
  }
  return <Empty title="There is no advice for it yet.">{problem.message}.</Empty>;
}
