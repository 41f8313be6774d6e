/** The table of tenants: who loses data and why, and who is close to a limit. */
import { h } from './dom.js';
import { bytes, lossText, number, percent, short } from './format.js';
import { type Actions, PAGE, RANGES, type Range, type State, type Table } from './state.js';
import type { Losses, TenantRow } from './types.js';

const COLUMNS: readonly (readonly [sort: string, title: string])[] = [
  ['id', 'Tenant'],
  ['lost', 'Lost samples/s'],
  ['samples', 'Samples/s'],
  ['pushes', 'Pushes/s'],
  ['bytes', 'On the wire'],
  ['series', 'Series'],
  ['utilisation', 'Nearest limit'],
];

export function tenantTable(state: State, actions: Actions): HTMLElement {
  const { tenants, table } = state;
  return h(
    'section',
    { 'aria-labelledby': 'tenants-title', class: 'card' },
    h('h2', { id: 'tenants-title' }, 'Tenants'),
    controls(table, actions),
    tenants === undefined
      ? h('p', { class: 'empty' }, 'Waiting for the first figures.')
      : tenants.tenants.length === 0
        ? h('p', { class: 'empty' }, emptySentence(state))
        : h(
            'div',
            { class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'tenants-title' },
            h(
              'table',
              { class: 'tenants', onkeydown: moveByKey },
              h(
                'thead',
                {},
                h(
                  'tr',
                  {},
                  ...COLUMNS.map(([sort, title]) => headCell(sort, title, table, actions)),
                  h('th', { scope: 'col' }, 'Why'),
                ),
              ),
              h('tbody', {}, ...tenants.tenants.map(row)),
            ),
          ),
    tenants !== undefined && tenants.matching > PAGE && pages(tenants.matching, table, actions),
  );
}

function emptySentence({ table, tenants }: State): string {
  if (table.search !== '' && (tenants?.totals.tenants ?? 0) > 0)
    return `No tenant in memory has “${table.search}” in its name.`;
  return 'No tenant has sent anything yet. Point a sender, or NGINX, at the proxy port.';
}

function controls(table: Table, actions: Actions): HTMLElement {
  const quick = (title: string, sort: string): HTMLElement =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(table.sort === sort && table.order === 'desc'),
        onclick: () => actions.show({ sort, order: 'desc', offset: 0 }),
      },
      title,
    );
  return h(
    'div',
    { class: 'controls' },
    h(
      'label',
      { class: 'search' },
      'Search ',
      h('input', {
        id: 'search',
        type: 'search',
        maxlength: '150',
        placeholder: 'part of a name ( / )',
        oninput: (event: Event) =>
          actions.show({ search: (event.target as HTMLInputElement).value, offset: 0 }),
      }),
    ),
    h(
      'div',
      { class: 'group', role: 'group', 'aria-label': 'Show first' },
      quick('Losing most', 'lost'),
      quick('Near a limit', 'utilisation'),
      quick('Busiest', 'samples'),
    ),
    h(
      'label',
      {},
      'Over ',
      h(
        'select',
        {
          id: 'range',
          onchange: (event: Event) =>
            actions.show({ range: (event.target as HTMLSelectElement).value as Range }),
        },
        ...RANGES.map((range) => h('option', { value: range, selected: range === table.range }, range)),
      ),
    ),
  );
}

function headCell(sort: string, title: string, table: Table, actions: Actions): HTMLElement {
  const current = table.sort === sort;
  const order =
    current && table.order === 'desc'
      ? 'asc'
      : current || sort === 'id'
        ? sort === 'id' && !current
          ? 'asc'
          : 'desc'
        : 'desc';
  const arrow = current ? (table.order === 'desc' ? ' ↓' : ' ↑') : '';
  return h(
    'th',
    {
      scope: 'col',
      'aria-sort': current ? (table.order === 'desc' ? 'descending' : 'ascending') : 'none',
    },
    h(
      'button',
      { type: 'button', onclick: () => actions.show({ sort, order, offset: 0 }) },
      title,
      h('span', { 'aria-hidden': 'true' }, arrow),
    ),
  );
}

function row(tenant: TenantRow): HTMLElement {
  return h(
    'tr',
    { key: tenant.id },
    h(
      'th',
      { scope: 'row' },
      tenantLink(tenant.id),
      tenant.mode !== 'enforce' && h('span', { class: 'tag' }, tenant.mode),
    ),
    lost(tenant),
    h('td', {}, number(tenant.samplesPerSecond)),
    h('td', {}, number(tenant.pushesPerSecond)),
    h('td', {}, bytes(tenant.bytesPerSecond, '/s')),
    h('td', {}, tenant.activeSeries === null ? '–' : number(tenant.activeSeries)),
    h('td', {}, use(tenant)),
    h('td', { class: 'why' }, why(tenant)),
  );
}

/** Pushes that were refused unread lost samples that nobody counted. */
function lost(tenant: TenantRow): HTMLElement {
  const { lostSamplesPerSecond: samples, refusedPerSecond, shadowLostSamplesPerSecond: shadowed } = tenant;
  const loses = samples > 0 || refusedPerSecond > 0;
  return h(
    'td',
    { class: loses ? 'refused' : '' },
    number(loses ? samples : shadowed),
    samples === 0 && loses && h('span', { class: 'quiet' }, ` and ${short(refusedPerSecond)} pushes/s`),
    !loses && shadowed > 0 && h('span', { class: 'quiet' }, ' let pass'),
  );
}

export function tenantLink(id: string): HTMLElement {
  return h('a', { href: `#/tenants/${encodeURIComponent(id)}` }, id);
}

function use(tenant: TenantRow): HTMLElement | string {
  const nearest = [...tenant.limits].sort((a, b) => b.ratio - a.ratio)[0];
  return nearest === undefined ? 'no limit' : meter(nearest.ratio, nearest.limit);
}

const LEVEL_WORDS = { '': [], near: ['close'], over: ['above it'] } as const;

/** Length, number and word: nothing is said by colour alone. */
export function meter(ratio: number, limit: string, named = true): HTMLElement {
  const level = ratio > 1 ? 'over' : ratio > 0.8 ? 'near' : '';
  return h(
    'span',
    { class: `meter ${level}` },
    h('progress', { max: '1', value: Math.min(1, ratio), 'aria-label': `use of ${limit}` }),
    ` ${percent(ratio)} `,
    h('span', { class: 'quiet' }, [named ? `of ${limit}` : 'of the limit', ...LEVEL_WORDS[level]].join(', ')),
  );
}

function why({ lost, shadowLost }: TenantRow): string {
  const words = (losses: Losses, note: string): string[] =>
    byLoss(losses).map(([reason, loss]) => `${reason} ${lossText(loss)}${note}`);
  return [...words(lost, ''), ...words(shadowLost, ' (let pass)')].join('; ');
}

/** The reason that cost most samples first. */
export function byLoss(losses: Losses): [string, Losses[string]][] {
  return Object.entries(losses).sort(([, a], [, b]) => b.samples - a.samples || b.pushes - a.pushes);
}

function pages(matching: number, table: Table, actions: Actions): HTMLElement {
  const { offset } = table;
  const step = (title: string, to: number): HTMLElement =>
    h(
      'button',
      { type: 'button', disabled: to < 0 || to >= matching, onclick: () => actions.show({ offset: to }) },
      title,
    );
  return h(
    'nav',
    { class: 'pages', 'aria-label': 'Pages of tenants' },
    step('Previous', offset - PAGE),
    h('span', {}, `${offset + 1} to ${Math.min(offset + PAGE, matching)} of ${matching}`),
    step('Next', offset + PAGE),
  );
}

/** Arrow keys, or j and k, go from tenant to tenant. */
function moveByKey(event: KeyboardEvent): void {
  const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (by === undefined) return;
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('tbody a')];
  const next = links[links.indexOf(document.activeElement as HTMLElement) + by];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
