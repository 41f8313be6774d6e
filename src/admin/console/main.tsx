/** The console: follows the stream, keeps the state, and shows the view that the address names. */
import { type ComponentType, render } from 'preact';
import { AdviceView } from './advice.js';
import { ChangeDialog } from './change.js';
import { ChangesView } from './changes.js';
import { follow, hasToken, read, useToken } from './client.js';
import { FleetView } from './fleet.js';
import { OverviewView } from './overview.js';
import { hashOf, readRoute, type View } from './route.js';
import { SendersView } from './senders.js';
import { Shell, TokenForm } from './shell.js';
import { type Actions, AppContext, type State } from './state.js';
import { cameFromTable, TenantView } from './tenant.js';
import { TenantsView } from './tenants.js';
import { TrialsView } from './trials.js';
import type { AuditEntry, Denial, Reason, Status } from './types.js';
import { UpstreamView } from './upstream.js';

const VIEWS: Readonly<Record<View, ComponentType>> = {
  overview: OverviewView,
  tenants: TenantsView,
  changes: ChangesView,
  senders: SendersView,
  advice: AdviceView,
  trials: TrialsView,
  upstream: UpstreamView,
  fleet: FleetView,
};

let state: State = {
  route: readRoute(location.hash),
  connection: 'connecting',
  lastEventAt: undefined,
  needsToken: false,
  hasToken: false,
  status: undefined,
  denials: [],
  audit: [],
  reasons: new Map(),
  stale: new Map(),
  tick: 0,
  dialog: undefined,
};

let endStream = (): void => {};

const actions: Actions = {
  params(params) {
    const { view, tenant, params: before } = state.route;
    const hash = hashOf(view, { ...Object.fromEntries(before), ...params }, tenant);
    history.replaceState(history.state, '', hash);
    update({ route: readRoute(hash) });
  },
  token(text) {
    useToken(text);
    update({ needsToken: false, hasToken: hasToken() });
    connect();
  },
  stale(path, problem, readAt) {
    const isStale = problem !== undefined && readAt !== undefined;
    if (isStale === state.stale.has(path)) return;
    const stale = new Map(state.stale);
    if (isStale) stale.set(path, { problem, readAt });
    else stale.delete(path);
    update({ stale });
  },
  change: (change) => update({ dialog: change }),
  closeDialog: () => update({ dialog: undefined }),
};

function update(changed: Partial<State>): void {
  state = { ...state, ...changed };
  show();
}

function show(): void {
  const root = document.getElementById('page');
  if (root === null) return;
  const { route, needsToken, dialog } = state;
  const Current = VIEWS[route.view];
  render(
    <AppContext.Provider value={{ state, actions }}>
      <Shell>
        {needsToken ? (
          <TokenForm />
        ) : route.tenant === undefined ? (
          <Current />
        ) : (
          // Anew for each: what was read of one is not shown as another's.
          <TenantView key={route.tenant} id={route.tenant} />
        )}
      </Shell>
      {dialog === undefined ? null : <ChangeDialog change={dialog} />}
    </AppContext.Provider>,
    root,
  );
}

function connect(): void {
  endStream();
  // Rows are read by the view that shows them.
  endStream = follow('limit=1', {
    event: take,
    state(connected, why) {
      update({
        connection: connected ? 'live' : 'lost',
        needsToken: why?.status === 401,
        ...(connected ? { lastEventAt: new Date() } : {}),
      });
    },
  });
}

function take(name: string, data: unknown): void {
  switch (name) {
    case 'status':
      if (state.reasons.size === 0) void loadReasons();
      update({ status: data as Status, tick: state.tick + 1 });
      break;
    case 'denials':
      update({ denials: (data as { denials: Denial[] }).denials });
      break;
    case 'audit':
      update({ audit: (data as { entries: AuditEntry[] }).entries });
      break;
  }
}

async function loadReasons(): Promise<void> {
  const { reasons } = await read<{ reasons: Reason[] }>('reasons').catch(() => ({ reasons: [] }));
  update({ reasons: new Map(reasons.map((reason) => [reason.name, reason])) });
}

function follows(event: HashChangeEvent): void {
  const before = readRoute(new URL(event.oldURL).hash);
  const route = readRoute(location.hash);
  const opened = route.tenant !== undefined && before.view === 'tenants' && before.tenant === undefined;
  if (opened && history.state === null) history.replaceState('from table', '');
  document.title = `${route.tenant ?? (route.view === 'overview' ? '' : route.view)} – mimir-edge`.replace(
    /^ – /,
    '',
  );
  update({ route });
  if (before.view !== route.view || before.tenant !== route.tenant) scrollTo(0, 0);
}

function typedKey(event: KeyboardEvent): void {
  const { target, key } = event;
  const typing =
    target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    document.querySelector('dialog[open]') !== null;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === '/' && !typing) {
    event.preventDefault();
    if (document.getElementById('search') === null) location.hash = hashOf('tenants');
    focusSearch();
  } else if (key === 'Escape' && target instanceof HTMLInputElement && target.id === 'search') {
    target.blur();
  } else if (key === 'Escape' && !typing && state.route.tenant !== undefined) {
    if (cameFromTable()) history.back();
    else location.hash = hashOf('tenants');
  }
}

/** The view may have to be shown first. */
function focusSearch(tries = 20): void {
  const search = document.getElementById('search');
  if (search !== null) search.focus();
  else if (tries > 0) setTimeout(() => focusSearch(tries - 1), 25);
}

addEventListener('hashchange', follows);
addEventListener('keydown', typedKey);
// What was there until this ran is not the view's.
document.getElementById('page')?.replaceChildren();
show();
connect();
