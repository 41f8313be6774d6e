/** What is around every view: where one can go, how the edge is, and what can be changed for all of it. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { counted, duration } from '../../base/amounts.js';
import { timeText } from './format.js';
import { Dot } from './parts.js';
import { hashOf, type View } from './route.js';
import { type Stale, useApp } from './state.js';
import type { Status } from './types.js';

const PLACES: readonly (readonly [View, string])[] = [
  ['overview', 'Overview'],
  ['tenants', 'Tenants'],
  ['changes', 'Changes'],
  ['senders', 'Senders'],
  ['advice', 'Advice'],
  ['trials', 'Trials'],
  ['upstream', 'Upstream'],
  ['fleet', 'Fleet'],
];

export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  const { state } = useApp();
  const { status, connection } = state;
  const [old] = state.stale.values();
  const places = useRef<HTMLDivElement>(null);
  // Where there is no room for all of them, the one that is shown is in sight.
  useEffect(
    () =>
      places.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }),
    [state.route.view],
  );
  return (
    <div class="app">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Go to the content
      </button>
      <nav aria-label="Views">
        <div class="places" ref={places}>
          <a class="brand" href="#/">
            <i aria-hidden="true" />
            mimir-edge
          </a>
          {PLACES.map(([view, title]) => (
            <a key={view} href={hashOf(view)} aria-current={state.route.view === view ? 'page' : undefined}>
              {title} {status === undefined ? null : <Badge view={view} status={status} />}
            </a>
          ))}
        </div>
      </nav>
      <div class="page">
        <Head />
        <main
          id="main"
          tabIndex={-1}
          class={(connection === 'lost' || old !== undefined) && !state.needsToken ? 'old' : ''}
        >
          {old === undefined || connection === 'lost' ? null : <Old {...old} />}
          {children}
        </main>
      </div>
    </div>
  );
}

/** The edge is there, and did not answer what was asked of it. */
function Old({ readAt, problem }: Stale): JSX.Element {
  return (
    <p class="said old-note" role="status">
      <Dot level="near" />
      What is shown is of {timeText(readAt, true)} and could not be read anew: {problem.message}. It is tried
      again by itself.
    </p>
  );
}

/** How many need somebody. */
function Badge({ view, status }: { view: View; status: Status }): JSX.Element | null {
  const { verdict, upstream } = status;
  const count = {
    tenants: verdict.tenants.losing,
    upstream: upstream.addresses.filter(({ state }) => state === 'failing' || state === 'down').length,
    fleet: verdict.problems.filter(({ of, level }) => of === 'edge' && level === 'bad').length,
  }[view as string];
  if (count === undefined || count === 0) return null;
  return <b class="badge">{count}</b>;
}

function Head(): JSX.Element {
  const { state, actions } = useApp();
  const { status } = state;
  return (
    <header>
      <Connection />
      {status === undefined ? null : (
        <span class="quiet wide-only">
          {status.version}, up {duration(status.uptimeSeconds)}
        </span>
      )}
      <span class="space" />
      {status === undefined ? null : (
        <button
          type="button"
          aria-label={`Mode: ${status.mode}`}
          onClick={() => actions.change({ kind: 'mode', tenant: null, before: status.mode })}
        >
          <span class="wide-only">Mode: </span>
          {status.mode}
        </button>
      )}
      <button type="button" onClick={() => actions.change({ kind: 'panic' })}>
        Panic …
      </button>
      <button type="button" aria-label="Reload overrides" onClick={() => actions.change({ kind: 'reload' })}>
        Reload<span class="wide-only"> overrides</span>
      </button>
      {state.hasToken ? (
        <button type="button" onClick={() => actions.token('')}>
          Forget token
        </button>
      ) : null}
    </header>
  );
}

function Connection(): JSX.Element {
  const { connection, lastEventAt, status, needsToken } = useApp().state;
  const ofWhom = status === undefined ? 'nothing yet' : counted(status.replicas, 'replica', 'replicas');
  const text = {
    connecting: 'Connecting',
    live: (
      <>
        <span class="wide-only">Live, </span>
        {ofWhom}
      </>
    ),
    lost: `Connection lost${lastEventAt === undefined ? '' : `: what is shown is of ${timeText(lastEventAt, true)}`}. Trying again.`,
  }[connection];
  if (needsToken) {
    return (
      <span class="connection" role="status" id="connection">
        <Dot level="quiet" />
        No permission to read
      </span>
    );
  }
  const level = ({ connecting: 'quiet', live: 'good', lost: 'bad' } as const)[connection];
  return (
    <span class={`connection ${connection}`} role="status" id="connection">
      <Dot level={level} />
      {text}
    </span>
  );
}

/** Asked for when reading needs one. */
export function TokenForm(): JSX.Element {
  const { actions } = useApp();
  const take = (event: SubmitEvent): void => {
    event.preventDefault();
    actions.token(String(new FormData(event.currentTarget as HTMLFormElement).get('token') ?? ''));
  };
  return (
    <form class="panel token" onSubmit={take}>
      <h1>Reading needs a token</h1>
      <p class="quiet">
        It is in the file that admin.tokens_file names, and is kept until this page is closed.
      </p>
      <label for="read-token">Token</label>
      <input id="read-token" name="token" type="password" autocomplete="off" required />
      <button type="submit" class="main">
        Go on
      </button>
    </form>
  );
}
