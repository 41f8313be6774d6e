/** Is it well? The head of the page: state, what is wrong in plain words, the figures of the whole edge. */
import { hasToken } from './client.js';
import { h } from './dom.js';
import { bytes, duration, number, percent } from './format.js';
import type { Actions, State } from './state.js';
import type { Address, Status } from './types.js';

export function head(state: State, actions: Actions): HTMLElement {
  const { status } = state;
  return h(
    'header',
    { class: 'head' },
    h('h1', {}, h('a', { href: '#/' }, 'mimir-edge')),
    status !== undefined &&
      h('span', { class: 'quiet' }, `${status.version}, up ${duration(status.uptimeSeconds)}`),
    connection(state),
    h(
      'div',
      { class: 'actions' },
      status !== undefined &&
        h(
          'button',
          {
            type: 'button',
            onclick: () => actions.change({ kind: 'mode', tenant: null, before: status.mode }),
          },
          `Mode: ${status.mode}`,
        ),
      h('button', { type: 'button', onclick: () => actions.change({ kind: 'reload' }) }, 'Reload overrides'),
      hasToken() && h('button', { type: 'button', onclick: () => actions.token('') }, 'Forget token'),
    ),
  );
}

function connection({ connection, lastEventAt }: State): HTMLElement {
  const text = {
    connecting: 'Connecting',
    live: 'Live',
    lost: `Connection lost${lastEventAt === undefined ? '' : `: what is shown is of ${lastEventAt.toLocaleTimeString()}`}. Trying again.`,
  }[connection];
  return h('span', { class: `connection ${connection}`, role: 'status', id: 'connection' }, text);
}

/** What somebody should know or do, the worst first. Says so when there is nothing. */
export function notices({ status, tenants }: State): HTMLElement {
  const found: (readonly ['bad' | 'warn', string])[] = [];
  if (status !== undefined) {
    const { overrides, ledger, sharing, bytesInFlight } = status;
    found.push(
      ...stopped(status.upstream.breaker),
      ...full(status.upstream.admission),
      ...status.upstream.addresses.flatMap(trouble),
    );
    if (status.draining) found.push(['bad', 'This replica is stopping.']);
    else if (!status.ready) found.push(['bad', 'Not ready: the overrides were not read yet.']);
    if (status.mode !== 'enforce') {
      const what =
        status.mode === 'off'
          ? 'Enforcement is off for all tenants'
          : 'Shadow mode: all pushes pass, refusals are only counted';
      found.push([
        'warn',
        `${what} (${status.modeSource === 'settings' ? 'by the settings' : 'for a time'}).`,
      ]);
    }
    if (overrides.stale) {
      found.push([
        'bad',
        `The overrides can not be used, for ${duration(overrides.staleSeconds)}; the last good limits stay. ${overrides.lastError}`,
      ]);
    }
    if (ledger?.state === 'degraded') {
      found.push([
        'bad',
        `Redis does not answer, for ${duration(ledger.sinceSeconds)}: each replica serves its share. ${ledger.lastError?.message ?? ''}`,
      ]);
    } else if (sharing.shared && !sharing.reachable) {
      found.push(['warn', `Temporary changes can not be shared with other replicas: ${sharing.lastError}`]);
    }
    if (bytesInFlight.used > bytesInFlight.capacity * 0.8) {
      found.push(['bad', 'Nearly as many body bytes are held as may be: the next pushes get 503.']);
    }
    if (status.history.countersWithoutRoom > 0) {
      found.push([
        'warn',
        'History has no room for some tenants: their rates are shown as 0. Raise admin.history_max_bytes.',
      ]);
    }
  }
  const nobody = Object.values(tenants?.withoutTenant.refused ?? {}).reduce((sum, count) => sum + count, 0);
  if (nobody > 0) {
    found.push([
      'warn',
      `${nobody} pushes named no valid tenant, and were refused (last ${tenants?.range.name}).`,
    ]);
  }
  return h(
    'section',
    { 'aria-label': 'What to know', class: 'notices' },
    found.length === 0 && status !== undefined
      ? h(
          'p',
          { class: 'good' },
          `The edge is well: ready, limits current, enforcing. ${mimir(status.upstream)}`,
        )
      : false,
    ...found.map(([kind, text]) =>
      h('p', { class: kind }, h('strong', {}, kind === 'bad' ? 'Problem: ' : 'Note: '), text),
    ),
  );
}

/** What an address of Mimir does to the pushes that are sent to it, if that is not well. */
function trouble(one: Address): (readonly ['bad' | 'warn', string])[] {
  if (one.state === 'well' || one.state === 'idle') return [];
  const all = one.answered + one.failed;
  const what =
    one.state === 'down' ? `answers none of ${all} requests well` : `fails ${one.failed} of ${all} requests`;
  const last = one.lastFailure === null ? '' : ` Last: ${one.lastFailure.message}.`;
  const text = `Mimir at ${one.address} ${what} (last 10 s), for ${duration(one.sinceSeconds)}.${last} Its senders come again, and are not charged.`;
  return [[one.state === 'down' ? 'bad' : 'warn', text]];
}

/** Pushes are not sent to Mimir, or would not be. */
function stopped(breaker: Status['upstream']['breaker']): (readonly ['bad' | 'warn', string])[] {
  if (breaker === null || breaker.state === 'closed') return [];
  const what =
    breaker.mode === 'act'
      ? breaker.state === 'open'
        ? 'Pushes are answered 503 and not sent to Mimir'
        : 'Pushes are sent to Mimir one at a time'
      : 'The breaker is open, and only watches (upstream.breaker)';
  return [['bad', `${what}, for ${duration(breaker.sinceSeconds)}: ${breaker.cause ?? ''}.`]];
}

/** More is sent than Mimir takes. */
function full(admission: Status['upstream']['admission']): (readonly ['warn', string])[] {
  if (admission === null || admission.limit === null || admission.inFlight < admission.limit) return [];
  const { mode, inFlight, limit, waiting } = admission;
  const what =
    mode === 'act'
      ? `tenants share what it takes, and ${waiting} pushes wait`
      : 'all of it is sent on (upstream.fairness)';
  return [
    [
      'warn',
      `Mimir is slower than usual and can have ${number(limit)} items under way, of ${number(inFlight)}: ${what}.`,
    ],
  ];
}

const SENT_TO = { in: 'yes', probing: 'one at a time', out: 'left out' } as const;

/** Nothing where there is one address: it is in the figures. */
export function addressTable({ status }: State): HTMLElement | false {
  const addresses = status?.upstream.addresses ?? [];
  if (addresses.length < 2) return false;
  const heads = ['Address', 'State', 'Sent to', 'Answered', 'Failed', 'Under way', 'Last failure'];
  return h(
    'section',
    { class: 'card', 'aria-label': 'Addresses of Mimir', id: 'addresses' },
    h('h2', {}, 'Addresses of Mimir'),
    h(
      'div',
      { class: 'scroll' },
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
        h('tbody', {}, ...addresses.map(addressRow)),
      ),
    ),
  );
}

function addressRow(one: Address): HTMLElement {
  const back = one.backInSeconds === null ? '' : `, tried in ${duration(one.backInSeconds)}`;
  const cells = [
    one.state,
    SENT_TO[one.sentTo] + back,
    number(one.answered),
    number(one.failed),
    number(one.underWay),
    one.lastFailure === null ? '' : `${one.lastFailure.message}, ${duration(one.lastFailure.secondsAgo)} ago`,
  ];
  return h(
    'tr',
    { key: one.address },
    h('th', { scope: 'row' }, h('code', {}, one.address)),
    ...cells.map((cell) => h('td', {}, cell)),
  );
}

function mimir({ addresses, state }: Status['upstream']): string {
  if (addresses.length === 0) return 'What Mimir answers is not seen here: Envoy sends the pushes on.';
  return state === 'idle' ? 'Nothing was sent to Mimir in the last ten seconds.' : 'Mimir answers.';
}

export function figures({ status, tenants }: State): HTMLElement {
  const totals = tenants?.totals;
  const all: (readonly [string, HTMLElement | string])[] = [];
  if (totals !== undefined) {
    all.push(
      ['Samples/s', number(totals.samplesPerSecond)],
      ['Pushes/s', number(totals.pushesPerSecond)],
      ['Lost samples/s', number(totals.lostSamplesPerSecond)],
      ['Lost series/s', number(totals.lostSeriesPerSecond)],
      ['Refused pushes/s', number(totals.refusedPerSecond)],
      ['Let pass, samples/s', number(totals.shadowLostSamplesPerSecond)],
      ['On the wire', bytes(totals.bytesPerSecond, '/s')],
      ['Tenants', number(totals.tenants)],
    );
  }
  if (status !== undefined) {
    const { used, capacity } = status.bytesInFlight;
    all.push(
      ['Mimir', status.upstream.addresses.length === 0 ? 'not seen' : status.upstream.state],
      ['Replicas', number(status.replicas)],
      ['Body memory', percent(used / capacity)],
      [
        'Limits',
        h(
          'code',
          { title: status.overrides.sources.map(({ name }) => name).join(', ') || 'no overrides' },
          status.overrides.hash.slice(0, 8),
        ),
      ],
    );
  }
  return h(
    'dl',
    { class: 'figures', 'aria-label': `The whole edge, last ${tenants?.range.name ?? ''}` },
    ...all.map(([name, figure]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, figure))),
  );
}

/** Asked for when reading needs one. */
export function tokenForm(actions: Actions): HTMLElement {
  const input = h('input', {
    id: 'read-token',
    name: 'token',
    type: 'password',
    autocomplete: 'off',
    required: true,
  });
  return h(
    'form',
    {
      class: 'card',
      key: 'token',
      onsubmit: (event: Event) => {
        event.preventDefault();
        const form = event.target as HTMLFormElement;
        actions.token(String(new FormData(form).get('token') ?? ''));
      },
    },
    h('h2', {}, 'Reading needs a token'),
    h('p', {}, 'It is in the file that admin.tokens_file names, and is kept until this page is closed.'),
    h('label', { for: 'read-token' }, 'Token'),
    input,
    h('button', { type: 'submit' }, 'Go on'),
  );
}
