/** One timeline of everything that changed limits or modes: who, what, why, before and after. */
import type { JSX } from 'preact';
import { Choice, Failed, Loading, Panel, ScopeNote, SearchField } from './parts.js';
import { useReading } from './reading.js';
import { useApp } from './state.js';
import { SetForATime, Timeline } from './timeline.js';
import type { AuditEntry, Scope } from './types.js';

const FROM = [
  ['', 'All'],
  ['people', 'People'],
  ['overrides', 'Overrides'],
  ['time', 'Ended'],
  ['starts', 'Starts'],
] as const;
const SINCE = [
  ['', 'all that is kept'],
  ['1h', 'the last hour'],
  ['1d', 'the last day'],
  ['7d', 'the last 7 days'],
] as const;

export function ChangesView(): JSX.Element {
  const { state, actions } = useApp();
  const { params } = state.route;
  const from = (params.get('from') ?? '') as (typeof FROM)[number][0];
  const since = params.get('since') ?? '';
  const search = params.get('search') ?? '';
  const query = new URLSearchParams({
    limit: '500',
    ...(from === '' ? {} : { from }),
    ...(since === '' ? {} : { since }),
    ...(search === '' ? {} : { search }),
  });
  const { data, problem } = useReading<{ scope: Scope; entries: AuditEntry[] }>(`audit?${query}`, 2);
  return (
    <>
      <SetForATime controls={state.status?.controls ?? []} />
      <Panel
        id="changes"
        isView
        title="Changes"
        beside={
          <span class="beside">
            {data === undefined ? null : <ScopeNote scope={data.scope} />}
            <a href={`api/v1/audit?${query}&format=csv`} download="changes.csv">
              CSV
            </a>
          </span>
        }
      >
        <div class="filters">
          <SearchField of="Tenant, limit, who or why" />
          <Choice
            label="Changed by"
            options={FROM}
            value={from}
            onChoose={(chosen) => actions.params({ from: chosen })}
          />
          <label for="since">
            Of{' '}
            <select
              id="since"
              value={since}
              onChange={(event) => actions.params({ since: event.currentTarget.value })}
            >
              {SINCE.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        </div>
        {data === undefined ? (
          problem === undefined ? (
            <Loading what="the changes" />
          ) : (
            <Failed what="The changes" problem={problem} />
          )
        ) : (
          <Timeline
            entries={data.entries}
            empty={
              from + since + search === '' ? 'Nothing since this process started.' : 'No change is like that.'
            }
          />
        )}
      </Panel>
    </>
  );
}
