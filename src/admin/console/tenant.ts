/** One tenant: what it sends against what it may, what it loses and what to do about it. */
import { changes, plain, refusals } from './activity.js';
import { type Chart, figure } from './charts.js';
import { h } from './dom.js';
import { bytes, duration, lossText, number, time, value } from './format.js';
import type { Actions, State } from './state.js';
import { byLoss, meter } from './tenants.js';
import type { LimitStep, Tenant, TopMetric } from './types.js';

export function tenantPage(state: State, actions: Actions): HTMLElement[] {
  const { tenantId = '', tenant, tenantProblem } = state;
  const back = h('p', { key: 'back' }, h('a', { href: '#/' }, '← all tenants'));
  if (tenant === undefined || tenant.id !== tenantId) {
    return [
      back,
      h('div', { class: 'title', key: 'title' }, heading(tenantId)),
      h('p', { class: 'empty' }, tenantProblem ?? 'Waiting for its figures.'),
    ];
  }
  return [
    back,
    title(tenant, actions),
    ...(changes(tenant.controls, actions) ? [changes(tenant.controls, actions) as HTMLElement] : []),
    figures(tenant),
    h(
      'section',
      { class: 'card', 'aria-labelledby': 'charts-title' },
      h('h2', { id: 'charts-title' }, 'Over time'),
      rangeChoice(state, actions),
      ...chartsOf(tenant).map(figure),
      limitChanges(tenant),
    ),
    why(tenant, state),
    refusals(tenant.denials, state.reasons, false),
    ...(tenant.topMetrics.active.length > 0 ? [metrics(tenant)] : []),
    limits(tenant, actions),
  ];
}

/** Everything that is drawn for a tenant. */
export function chartsOf(tenant: Tenant): Chart[] {
  const { history } = tenant;
  const common = { endMs: Date.parse(history.end), stepSeconds: history.stepSeconds };
  const allowed = (name: string): Pick<Chart, 'limit' | 'marks'> => ({
    limit: stepsOf(history.limits[name] ?? []),
    marks: history.changes
      .filter(({ limit }) => limit === name)
      .map(({ at, before, after }) => ({ atMs: Date.parse(at), text: `${value(before)} → ${value(after)}` })),
  });
  const byReason = (
    lost: Tenant['history']['refusedPerSecond'],
    letPass: Tenant['history']['refusedPerSecond'],
  ): Chart['lines'] =>
    [
      ...Object.entries(lost),
      ...Object.entries(letPass).map(([name, points]) => [`${name} (let pass)`, points] as const),
    ]
      .slice(0, 4)
      .map(([label, points], index) => ({ label, points, dashed: index % 2 === 1 }));
  const losses = [
    {
      id: 'chart-lost',
      title: 'Lost samples a second',
      lines: byReason(history.lostSamplesPerSecond, history.shadowLostSamplesPerSecond),
    },
    {
      id: 'chart-refused',
      title: 'Refused pushes a second',
      lines: byReason(history.refusedPerSecond, history.shadowedPerSecond),
    },
  ];
  return [
    {
      id: 'chart-items',
      title: 'Items a second',
      unit: '',
      ...common,
      lines: [{ label: 'samples, histograms, exemplars and metadata', points: history.perSecond.items }],
      ...allowed('ingestion_rate'),
    },
    {
      id: 'chart-pushes',
      title: 'Pushes a second',
      unit: '',
      ...common,
      lines: [{ label: 'pushes', points: history.perSecond.pushes }],
      ...allowed('request_rate'),
    },
    ...(tenant.activeSeries === null
      ? []
      : [
          {
            id: 'chart-series',
            title: 'Active series',
            unit: '',
            ...common,
            lines: [{ label: 'series that this replica has seen', points: history.activeSeries }],
            ...allowed(seriesLimit(history.limits)),
          },
        ]),
    ...losses
      .filter(({ lines }) => lines.length > 0)
      .map((chart) => ({ ...chart, ...common, unit: '', limit: [], marks: [] })),
  ];
}

/** Of the two limits on series the one that holds now. */
function seriesLimit(limits: Tenant['history']['limits']): string {
  const active = limits['max_active_series_per_user']?.at(-1)?.value;
  return typeof active === 'number' && active > 0
    ? 'max_active_series_per_user'
    : 'max_global_series_per_user';
}

/** Where a limit was off there is no line: 0 allows everything, but for a rate of items. */
function stepsOf(steps: readonly LimitStep[]): Chart['limit'] {
  return steps.map(({ from, value: level }) => ({
    fromMs: Date.parse(from),
    level: typeof level === 'number' && level > 0 ? level : undefined,
  }));
}

/** Gets the focus when the tenant is opened. */
function heading(id: string): HTMLElement {
  return h('h2', { id: 'tenant-title', tabindex: '-1' }, id);
}

function title(tenant: Tenant, actions: Actions): HTMLElement {
  return h(
    'div',
    { class: 'title', key: 'title' },
    heading(tenant.id),
    h('span', {}, `mode ${tenant.mode} `, h('span', { class: 'quiet' }, `(${tenant.modeSource})`)),
    h(
      'button',
      {
        type: 'button',
        // What it says of itself beside its name has no mode of its own.
        onclick: () =>
          actions.change({ kind: 'mode', tenant: tenant.id.replace(/:.*/, ''), before: tenant.mode }),
      },
      'Change mode',
    ),
    h('span', { class: 'quiet' }, `Rates over the last ${duration(Math.round(tenant.range.seconds))}`),
  );
}

function figures(tenant: Tenant): HTMLElement {
  const all: readonly (readonly [string, HTMLElement])[] = [
    ['Samples/s', number(tenant.samplesPerSecond)],
    ['Pushes/s', number(tenant.pushesPerSecond)],
    ['Lost samples/s', number(tenant.lostSamplesPerSecond)],
    ['Lost series/s', number(tenant.lostSeriesPerSecond)],
    ['Refused pushes/s', number(tenant.refusedPerSecond)],
    ['On the wire', bytes(tenant.bytesPerSecond, '/s')],
    ...tenant.limits.map(({ limit, ratio }): [string, HTMLElement] => [limit, meter(ratio, limit, false)]),
  ];
  return h(
    'dl',
    { class: 'figures', 'aria-label': `${tenant.id}, last ${tenant.range.name}` },
    ...all.map(([name, figure]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, figure))),
  );
}

function rangeChoice({ chartRange }: State, actions: Actions): HTMLElement {
  const choice = (range: State['chartRange']): HTMLElement =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(range === chartRange),
        onclick: () => actions.chart(range),
      },
      range === '1h' ? 'Last hour' : 'Last day',
    );
  return h('div', { class: 'group', role: 'group', 'aria-label': 'Time shown' }, choice('1h'), choice('24h'));
}

/** All that changed in the time shown, charted or not. */
function limitChanges({ history }: Tenant): HTMLElement | false {
  return (
    history.changes.length > 0 &&
    h(
      'div',
      { key: 'limit-changes' },
      h('h3', {}, 'Limits that changed in this time'),
      h(
        'ul',
        { class: 'list' },
        ...[...history.changes]
          .reverse()
          .slice(0, 20)
          .map(({ at, limit, before, after }) =>
            h(
              'li',
              { key: `${at} ${limit}` },
              h('p', {}, time(at), ' ', h('strong', {}, limit), ` ${value(before)} → ${value(after)}`),
            ),
          ),
      ),
    )
  );
}

function why(tenant: Tenant, { reasons }: State): HTMLElement {
  const losses = [
    ...byLoss(tenant.lost).map(([name, loss]) => ({ name, loss, note: '' })),
    ...byLoss(tenant.shadowLost).map(([name, loss]) => ({ name, loss, note: ' (let pass: shadow)' })),
  ];
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'why-title' },
    h('h2', { id: 'why-title' }, `What is lost, and why (last ${tenant.range.name})`),
    losses.length === 0
      ? h('p', { class: 'empty' }, 'Nothing is.')
      : h(
          'ul',
          { class: 'list' },
          ...losses.map(({ name, loss, note }) => {
            const facts = reasons.get(name);
            return h(
              'li',
              { key: `${name}${note}` },
              h('p', {}, h('strong', {}, name), ` ${lossText(loss)}${note}`),
              facts !== undefined && h('p', {}, facts.meaning, ' ', h('em', {}, plain(facts.remedy))),
            );
          }),
        ),
  );
}

function metrics({ topMetrics }: Tenant): HTMLElement {
  const list = (
    title: string,
    top: readonly TopMetric[],
    count: (metric: TopMetric) => number,
  ): HTMLElement =>
    h(
      'div',
      { key: title },
      h('h3', {}, title),
      h(
        'ol',
        {},
        ...top.map((metric) =>
          h('li', {}, h('code', {}, metric.name ?? 'not named yet'), ' ', number(count(metric))),
        ),
      ),
    );
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'metrics-title' },
    h('h2', { id: 'metrics-title' }, 'Metrics with the most series'),
    h(
      'div',
      { class: 'columns' },
      list('Active', topMetrics.active, ({ series }) => series),
      list('New in the last minutes', topMetrics.new, ({ newSeries }) => newSeries),
    ),
  );
}

const SOURCES = {
  temporary: 'set for a time',
  overrides: 'overrides',
  settings: 'settings',
};

function sourceOf({ source, of }: Tenant['limitsInForce'][number]): string {
  if (source !== 'default') return SOURCES[source];
  return of === 'mimir' ? 'Mimir’s default' : 'the edge’s default';
}

function limits(tenant: Tenant, actions: Actions): HTMLElement {
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'limits-title' },
    h('h2', { id: 'limits-title' }, 'Limits'),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'limits-title' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...['Limit', 'Value', 'From', 'For a time'].map((name) => h('th', { scope: 'col' }, name)),
          ),
        ),
        h(
          'tbody',
          {},
          ...tenant.limitsInForce
            .filter(({ name }) => name !== 'mode')
            .map((one) => {
              const { name, value: now, detail, changeable } = one;
              return h(
                'tr',
                { key: name },
                h('th', { scope: 'row' }, name),
                h('td', {}, value(now)),
                h('td', {}, sourceOf(one), detail !== null && h('span', { class: 'quiet' }, ` ${detail}`)),
                h(
                  'td',
                  {},
                  changeable &&
                    h(
                      'button',
                      {
                        type: 'button',
                        'aria-label': `Change ${name}`,
                        onclick: () =>
                          actions.change({ kind: 'limit', tenant: tenant.id, name, before: value(now) }),
                      },
                      'Change',
                    ),
                ),
              );
            }),
        ),
      ),
    ),
  );
}
