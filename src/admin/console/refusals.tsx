/**
 * The last refusals, one of each kind, in plain words. They can be held still. What was opened stays, and stays open, when so
 * many of other kinds come that it is not among the last ones any more.
 */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { plain, short } from '../../base/amounts.js';
import { Time, unmarked } from './format.js';
import { Empty, Name, Panel } from './parts.js';
import { useApp } from './state.js';
import type { Denial, Reason } from './types.js';

const SHOWN = 20;

export function Refusals({
  denials,
  withTenant,
}: {
  denials: readonly Denial[];
  withTenant: boolean;
}): JSX.Element {
  const { state } = useApp();
  const [held, hold] = useState<readonly Denial[] | undefined>(undefined);
  const opened = useRef(new Map<string, Denial>());
  const kinds = withOpened(byKind(held ?? denials), opened.current);
  return (
    <Panel
      id="refusals"
      title="Last refusals"
      beside={
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => hold(held === undefined ? denials : undefined)}
        >
          {held === undefined ? 'Hold still' : 'Held: go on'}
        </button>
      }
    >
      {kinds.length === 0 ? (
        <Empty title="None since this process started." />
      ) : (
        <ul class="list">
          {kinds.map((one) => (
            <Refusal
              key={kindOf(one)}
              one={one}
              facts={state.reasons.get(one.reason)}
              withTenant={withTenant}
              onToggle={(isOpen) => {
                if (isOpen) opened.current.set(kindOf(one), one);
                else opened.current.delete(kindOf(one));
              }}
            />
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** One of each kind, as the last of it was: a list that moves with each second can not be read. */
function byKind(denials: readonly Denial[]): Denial[] {
  const kinds = new Map<string, Denial>();
  for (const one of denials) {
    const last = kinds.get(kindOf(one));
    kinds.set(kindOf(one), last === undefined ? one : { ...last, count: last.count + one.count });
  }
  return [...kinds.values()];
}

/** Those that are open, as they were last, if there is nothing newer. */
function withOpened(kinds: readonly Denial[], opened: Map<string, Denial>): Denial[] {
  const shown = kinds.slice(0, SHOWN);
  for (const key of opened.keys()) {
    const latest = kinds.find((one) => kindOf(one) === key);
    if (latest !== undefined) opened.set(key, latest);
  }
  const others = [...opened].filter(([key]) => !shown.some((one) => kindOf(one) === key));
  return [...shown, ...others.map(([, one]) => one)];
}

function kindOf({ tenant, reason, shadow }: Denial): string {
  return `${tenant} ${reason} ${shadow}`;
}

interface RefusalProps {
  readonly one: Denial;
  readonly facts: Reason | undefined;
  readonly withTenant: boolean;
  readonly onToggle: (isOpen: boolean) => void;
}

function Refusal({ one, facts, withTenant, onToggle }: RefusalProps): JSX.Element {
  const { observed, allowed } = one;
  return (
    <li class="refusal">
      <p>
        <span class="when">
          <Time iso={one.at} seconds />
        </span>
        {withTenant ? one.tenant === null ? 'a push without tenant' : <Name id={one.tenant} /> : null}{' '}
        <strong>{facts?.brief ?? one.reason}</strong> <code class="quiet">{one.reason}</code>
        {one.count > 1 ? <span> × {short(one.count)}</span> : null}
        {observed === null || allowed === null ? null : (
          <span class="quiet">
            : had {plain(observed)}, allowed {plain(allowed)}
          </span>
        )}
        <span class="note"> at {one.replica}</span>
        {one.shadow ? <span class="tag">let pass: shadow</span> : null}
      </p>
      <details onToggle={(event) => onToggle(event.currentTarget.open)}>
        <summary>What it means</summary>
        {facts === undefined ? null : (
          <p>
            {facts.meaning} <em>{unmarked(facts.remedy)}</em>
          </p>
        )}
        <p class="message">The sender was told: {one.message}</p>
      </details>
    </li>
  );
}
