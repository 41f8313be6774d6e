/** What was changed, by whom and why: the same lines on the overview, at a tenant, and in the view of all changes. */
import type { JSX } from 'preact';
import { duration } from '../../base/amounts.js';
import { Time, valueText } from './format.js';
import { Empty, Name, Panel } from './parts.js';
import { useApp } from './state.js';
import type { AuditEntry, Control } from './types.js';

/** How many replicas started, where several did. */
interface Line extends AuditEntry {
  readonly starts?: number;
}

/** Replicas that start within this time of each other start together. */
const DEPLOY_MS = 15 * 60_000;

/** A deploy is one line, at its last start, so that it leaves room for what people change. */
export function withDeploys(entries: readonly AuditEntry[]): Line[] {
  const lines: Line[] = [];
  for (const entry of entries) {
    const at = lines.findIndex(
      ({ from, after }) => from === 'start' && entry.from === 'start' && after === entry.after,
    );
    const known = lines[at];
    if (known !== undefined && Date.parse(known.at) - Date.parse(entry.at) < DEPLOY_MS) {
      lines[at] = { ...known, starts: (known.starts ?? 1) + 1 };
    } else lines.push(entry);
  }
  return lines;
}

export function Timeline({ entries, empty }: { entries: readonly Line[]; empty: string }): JSX.Element {
  if (entries.length === 0) return <Empty title={empty} />;
  return (
    <ul class="list timeline">
      {entries.map((entry) => (
        <Entry key={`${entry.at} ${entry.who} ${entry.tenant} ${entry.name} ${entry.action}`} entry={entry} />
      ))}
    </ul>
  );
}

function Entry({ entry }: { entry: Line }): JSX.Element {
  const { at, from, action, tenant, reason, until } = entry;
  return (
    <li class="event">
      <span class="when">
        <Time iso={at} />
      </span>
      <p>
        <strong>{whoDidIt(entry)} </strong>
        {whatWasDone(entry)}
        {action === 'reload' || action === 'start' ? null : (
          <> for {tenant === null ? 'all tenants' : <Name id={tenant} />}</>
        )}
        {until !== null && action === 'set' ? (
          <>
            {' '}
            until <Time iso={until} />
          </>
        ) : null}
        {from === 'fleet' ? ' (on another replica)' : ''}
        {reason === '' ? null : <span class="quiet">: {reason}</span>}
      </p>
    </li>
  );
}

function whoDidIt({ from, who, starts = 1 }: Line): string {
  if (from === 'time') return 'its time was over:';
  if (from !== 'start') return who;
  return starts > 1 ? `${starts} replicas` : `replica ${who}`;
}

function whatWasDone({ from, action, name, before, after }: AuditEntry): string {
  const set = `set ${name} to ${valueText(after)} (was ${valueText(before)})`;
  if (from === 'overrides') {
    if (name !== 'overrides') return set;
    return after === null ? 'has no limits any more' : 'has limits';
  }
  switch (action) {
    case 'start':
      return `started, version ${valueText(after)}`;
    case 'reload':
      return 'read the overrides again';
    case 'set':
      return set;
    case 'end':
      return `${name}: ${valueText(before)} ended`;
    default:
      return `took back ${name}: ${valueText(before)}`;
  }
}

/** Nothing where nothing is set. */
export function SetForATime({ controls }: { controls: readonly Control[] }): JSX.Element | null {
  const { actions } = useApp();
  if (controls.length === 0) return null;
  return (
    <Panel id="controls" title="Set for a time">
      <ul class="list">
        {controls.map(({ tenant, name, value, by, reason, until }) => (
          <li key={`${tenant} ${name}`} class="event wide">
            <p>
              {tenant === null ? 'all tenants' : <Name id={tenant} />}{' '}
              <strong>
                {name}: {valueText(value)}
              </strong>{' '}
              until <Time iso={until} />{' '}
              <span class="quiet">
                ({duration(Math.max(0, (Date.parse(until) - Date.now()) / 1000))} left), by {by}: {reason}
              </span>
            </p>
            <button
              type="button"
              onClick={() => actions.change({ kind: 'take back', tenant, name, before: valueText(value) })}
            >
              Take back {name}
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
