/** The status page: follows the stream, keeps the state, and shows it. */
import { audit, changes, refusals } from './activity.js';
import { openChange } from './change.js';
import { draw } from './charts.js';
import { follow, read, useToken } from './client.js';
import { h, patch } from './dom.js';
import { addressTable, figures, head, notices, tokenForm } from './overview.js';
import { type Actions, PAGE, type State } from './state.js';
import { chartsOf, tenantPage } from './tenant.js';
import { tenantTable } from './tenants.js';
import type { AuditEntry, Denial, Reason, Status, Tenant, Tenants } from './types.js';

const state: State = {
  connection: 'connecting',
  lastEventAt: undefined,
  needsToken: false,
  status: undefined,
  tenants: undefined,
  denials: [],
  audit: [],
  reasons: new Map(),
  table: { range: '5m', search: '', sort: 'lost', order: 'desc', offset: 0 },
  tenantId: undefined,
  tenant: undefined,
  tenantProblem: undefined,
  chartRange: '1h',
};

let endStream = (): void => {};
let restarting: ReturnType<typeof setTimeout> | undefined;

const actions: Actions = {
  show(table) {
    state.table = { ...state.table, ...table };
    render();
    // Typing asks once it pauses.
    clearTimeout(restarting);
    restarting = setTimeout(connect, 'search' in table ? 250 : 0);
  },
  chart(range) {
    state.chartRange = range;
    void loadTenant();
  },
  token(text) {
    useToken(text);
    state.needsToken = false;
    connect();
    render();
  },
  change: (change) => openChange(change, state.status?.sharing.shared ?? false),
};

function connect(): void {
  endStream();
  const { range, search, sort, order, offset } = state.table;
  const query = new URLSearchParams({ range, sort, order, offset: String(offset), limit: String(PAGE) });
  if (search !== '') query.set('search', search);
  endStream = follow(query.toString(), {
    event(name, data) {
      take(name, data);
      render();
    },
    state(connected, why) {
      state.connection = connected ? 'live' : 'lost';
      if (connected) state.lastEventAt = new Date();
      state.needsToken = why?.status === 401;
      render();
    },
  });
}

function take(name: string, data: unknown): void {
  switch (name) {
    case 'status':
      state.status = data as Status;
      if (state.reasons.size === 0) void loadReasons();
      break;
    case 'tenants':
      state.tenants = data as Tenants;
      void loadTenant();
      break;
    case 'denials':
      state.denials = (data as { denials: Denial[] }).denials;
      break;
    case 'audit':
      state.audit = (data as { entries: AuditEntry[] }).entries;
      break;
  }
}

async function loadReasons(): Promise<void> {
  const { reasons } = await read<{ reasons: Reason[] }>('reasons').catch(() => ({ reasons: [] }));
  state.reasons = new Map(reasons.map((reason) => [reason.name, reason]));
  render();
}

async function loadTenant(): Promise<void> {
  const id = state.tenantId;
  if (id === undefined) return;
  try {
    const tenant = await read<Tenant>(`tenants/${encodeURIComponent(id)}?range=${state.chartRange}`);
    if (id !== state.tenantId) return;
    state.tenant = tenant;
    state.tenantProblem = undefined;
  } catch (error) {
    state.tenantProblem = error instanceof Error ? error.message : String(error);
  }
  render();
}

function render(): void {
  const page = document.getElementById('page');
  if (page === null) return;
  const { tenantId, tenant } = state;
  const shown = tenantId === undefined ? overview() : tenantPage(state, actions);
  patch(page, [
    h('a', { href: '#main', class: 'skip', onclick: skip }, 'Go to the content'),
    head(state, actions),
    h(
      'main',
      {
        id: 'main',
        tabindex: '-1',
        key: tenantId ?? 'overview',
        class: state.connection === 'lost' ? 'old' : '',
      },
      ...(state.needsToken ? [tokenForm(actions)] : shown),
    ),
  ]);
  draw(!state.needsToken && tenant !== undefined && tenant.id === tenantId ? chartsOf(tenant) : []);
}

function overview(): HTMLElement[] {
  const controls = changes(state.status?.controls ?? [], actions);
  const addresses = addressTable(state);
  return [
    notices(state),
    figures(state),
    ...(addresses ? [addresses] : []),
    ...(controls ? [controls] : []),
    tenantTable(state, actions),
    refusals(state.denials, state.reasons, true),
    audit(state),
  ];
}

/** The address after # is the page's own way to say which tenant is shown. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function route(): void {
  const [, id] = /^#\/tenants\/(.+)$/.exec(location.hash) ?? [];
  state.tenantId = id === undefined ? undefined : decodeURIComponent(id);
  state.tenantProblem = undefined;
  document.title = state.tenantId === undefined ? 'mimir-edge' : `${state.tenantId} – mimir-edge`;
  render();
  if (state.tenantId === undefined) return;
  document.getElementById('tenant-title')?.focus();
  void loadTenant();
}

addEventListener('hashchange', route);
addEventListener('resize', render);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', render);
addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === '/' && !typing) {
    event.preventDefault();
    document.getElementById('search')?.focus();
  } else if (
    event.key === 'Escape' &&
    state.tenantId !== undefined &&
    !typing &&
    !document.querySelector('dialog[open]')
  ) {
    location.hash = '#/';
  }
});
route();
connect();
