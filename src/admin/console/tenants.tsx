/** The table of tenants: who loses data and why, and who is close to a limit. Ten thousand rows are as quick as ten. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, lossText, short } from '../../base/amounts.js';
import { read } from './client.js';
import { Bytes, byLoss, Num, rangeText } from './format.js';
import {
  Choice,
  Empty,
  Failed,
  Loading,
  Meter,
  Name,
  Panel,
  ScopeNote,
  SearchField,
  Spark,
} from './parts.js';
import { RANGES, useApp } from './state.js';
import type { LimitUse, TenantRow, Tenants } from './types.js';
import { type Shown, scrollToRow, useWindowed } from './windowed.js';

const COLUMNS: readonly (readonly [sort: string, title: string])[] = [
  ['id', 'Tenant'],
  ['lost', 'Lost samples/s'],
  ['samples', 'Samples/s'],
  ['pushes', 'Pushes/s'],
  ['bytes', 'On the wire'],
  ['series', 'Series'],
  ['utilisation', 'Nearest limit'],
];

const SHOW = [
  ['', 'All'],
  ['losing', 'Losing'],
  ['near', 'Near a limit'],
  ['shadow', 'In shadow'],
] as const;

/** What is asked for at once: a few screens, from a round number on, so that scrolling asks seldom. */
const BLOCK = 50;
/** As style.css has them. */
const ROW = 44;
const CARD = 112;
const NARROW = '(max-width: 700px)';
/** What sticks to the top of the page. */
const ABOVE = 70;
const TYPING_MS = 250;
/** As which what could not be read anew is known. */
const ROWS = 'tenants';

interface Table {
  readonly search: string;
  readonly sort: string;
  readonly order: 'asc' | 'desc';
  readonly range: string;
  readonly show: string;
}

export function TenantsView(): JSX.Element {
  const { state, actions } = useApp();
  const { params } = state.route;
  const sort = params.get('sort') ?? 'lost';
  const table: Table = {
    search: params.get('search') ?? '',
    sort,
    order: (params.get('order') ?? (sort === 'id' ? 'asc' : 'desc')) as Table['order'],
    range: params.get('range') ?? '5m',
    show: params.get('show') ?? '',
  };
  const height = useRowHeight();
  const body = useRef<HTMLTableSectionElement>(null);
  const [rows, problem, first] = useRows(table, body, height);
  const matching = rows?.matching ?? 0;
  return (
    <Panel
      id="tenants"
      isView
      title="Tenants"
      beside={
        rows === undefined ? null : (
          <span class="quiet">
            {howMany(rows, table)} <ScopeNote scope={rows.scope} />
          </span>
        )
      }
    >
      <Filters table={table} />
      {rows === undefined ? (
        problem === undefined ? (
          <Loading what="the table of tenants" />
        ) : (
          <Failed what="The table of tenants" problem={problem} />
        )
      ) : matching === 0 ? (
        <Nobody table={table} all={rows.totals.tenants} />
      ) : (
        <table
          class="rows tenants"
          aria-rowcount={matching + 1}
          onKeyDown={(event) => moveByKey(event, body.current, matching, height)}
        >
          <thead>
            <tr>
              {COLUMNS.map(([one, title]) => (
                <HeadCell
                  key={one}
                  sort={one}
                  title={title}
                  table={table}
                  onSort={(chosen, order) => actions.params({ sort: chosen, order })}
                />
              ))}
              <th scope="col">Last hour</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody ref={body}>
            <Spacer rows={first} height={height} />
            {rows.tenants.map((tenant, index) => (
              <Row key={tenant.id} tenant={tenant} index={first + index} />
            ))}
            <Spacer rows={matching - first - rows.tenants.length} height={height} />
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function howMany({ matching, totals }: Tenants, { search, show }: Table): string {
  return search === '' && show === ''
    ? counted(totals.tenants, 'tenant', 'tenants')
    : `${short(matching)} of ${counted(totals.tenants, 'tenant', 'tenants')}`;
}

function useRowHeight(): number {
  const [narrow, set] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW);
    const changed = (): void => set(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return narrow ? CARD : ROW;
}

/** The rows around what is seen, with each word from the edge anew. The last ones stay until others have come. */
function useRows(
  table: Table,
  body: { readonly current: HTMLTableSectionElement | null },
  height: number,
): [Tenants | undefined, Error | undefined, number] {
  const { state, actions } = useApp();
  const [known, set] = useState<{ rows: Tenants | undefined; problem: Error | undefined; key: string }>({
    rows: undefined,
    problem: undefined,
    key: '',
  });
  const shown: Shown = useWindowed(body, known.rows?.matching ?? 0, height);
  const offset = Math.floor(shown.first / BLOCK) * BLOCK;
  const limit = Math.min(500, Math.max(2 * BLOCK, Math.ceil((shown.end - offset) / BLOCK) * BLOCK));
  const key = new URLSearchParams({
    ...askedFor(table),
    trend: '1h',
    offset: String(offset),
    limit: String(limit),
  }).toString();
  const asked = useRef('');
  const readAt = useRef<Date | undefined>(undefined);
  useEffect(() => () => actions.stale(ROWS, undefined, undefined), []);
  const wanted = useRef(key);
  wanted.current = key;
  useEffect(() => {
    if (state.needsToken) return undefined;
    const ending = new AbortController();
    const ask = async (): Promise<void> => {
      asked.current = key;
      try {
        const rows = await read<Tenants>(`tenants?${key}`, ending.signal);
        if (wanted.current !== key) return;
        readAt.current = new Date();
        actions.stale(ROWS, undefined, undefined);
        // Fewer match than before: what was asked for lies behind the end.
        set({ rows, problem: undefined, key });
      } catch (error) {
        if (ending.signal.aborted) return;
        set((before) => ({ ...before, problem: error as Error }));
        actions.stale(ROWS, error as Error, readAt.current);
      }
    };
    // Typing asks once it pauses; scrolling and time ask at once.
    const isTyping =
      new URLSearchParams(asked.current).get('search') !== (table.search || null) && asked.current !== '';
    const timer = setTimeout(() => void ask(), isTyping ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      // Another table is wanted by now; what was asked for before the last word of the edge may still come.
      if (wanted.current !== key) ending.abort();
    };
  }, [key, state.tick, state.needsToken]);
  return [known.rows, known.problem, known.rows?.offset ?? 0];
}

function askedFor({ search, sort, order, range, show }: Table): Record<string, string> {
  return { sort, order, range, ...(search === '' ? {} : { search }), ...(show === '' ? {} : { show }) };
}

function Nobody({ table, all }: { table: Table; all: number }): JSX.Element {
  if (all === 0) {
    return (
      <Empty title="No tenant has sent anything yet.">Point a sender, or NGINX, at the proxy port.</Empty>
    );
  }
  if (table.search !== '') return <Empty title={`No tenant in memory has “${table.search}” in its name.`} />;
  const none = {
    losing: 'No tenant loses anything',
    near: 'No tenant is near a limit',
    shadow: 'No tenant is in shadow mode',
  }[table.show];
  return <Empty title={`${none ?? 'No tenant is here'} (last ${rangeText(table.range)}).`} />;
}

function Filters({ table }: { table: Table }): JSX.Element {
  const { actions } = useApp();
  return (
    <div class="filters">
      <SearchField of="Search a name" />
      <Choice
        label="Show"
        options={SHOW}
        value={table.show as (typeof SHOW)[number][0]}
        onChoose={(show) => actions.params({ show })}
      />
      <label for="sort" class="narrow-only">
        Sort{' '}
        <select
          id="sort"
          value={table.sort}
          onChange={(event) => actions.params({ sort: event.currentTarget.value, order: '' })}
        >
          {COLUMNS.map(([sort, title]) => (
            <option key={sort} value={sort}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label for="range">
        Over{' '}
        <select
          id="range"
          value={table.range}
          onChange={(event) => actions.params({ range: event.currentTarget.value })}
        >
          {RANGES.map((range) => (
            <option key={range} value={range}>
              {range}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

interface HeadCellProps {
  readonly sort: string;
  readonly title: string;
  readonly table: Table;
  readonly onSort: (sort: string, order: string) => void;
}

/** Pressed again, it turns round. A name goes up first, a number down. */
function HeadCell({ sort, title, table, onSort }: HeadCellProps): JSX.Element {
  const current = table.sort === sort;
  const firstOrder = sort === 'id' ? 'asc' : 'desc';
  const next = current ? (table.order === 'desc' ? 'asc' : 'desc') : firstOrder;
  const state = current ? (table.order === 'desc' ? 'descending' : 'ascending') : 'none';
  return (
    <th scope="col" aria-sort={state} class={sort === 'id' || sort === 'utilisation' ? '' : 'num'}>
      <button type="button" class="bare" onClick={() => onSort(sort, next === firstOrder ? '' : next)}>
        {title}
        <span aria-hidden="true">{current ? (table.order === 'desc' ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  );
}

function Spacer({ rows, height }: { rows: number; height: number }): JSX.Element | null {
  if (rows <= 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can have the focus
    <tr aria-hidden="true" class="spacer" style={{ height: `${rows * height}px` }}>
      <td />
    </tr>
  );
}

function Row({ tenant, index }: { tenant: TenantRow; index: number }): JSX.Element {
  const most = nearest(tenant.limits);
  return (
    <tr aria-rowindex={index + 2}>
      <th scope="row">
        <Name id={tenant.id} focusKey={String(index)} />
        {tenant.mode === 'enforce' ? null : <span class="tag">{tenant.mode}</span>}
      </th>
      <td class={`num ${tenant.lostSamplesPerSecond > 0 || tenant.refusedPerSecond > 0 ? 'lost' : ''}`}>
        <Lost tenant={tenant} />
      </td>
      <td class="num wide">
        <Num value={tenant.samplesPerSecond} />
      </td>
      <td class="num wide">
        <Num value={tenant.pushesPerSecond} />
      </td>
      <td class="num wide">
        <Bytes value={tenant.bytesPerSecond} unit="/s" />
      </td>
      <td class="num wide">{tenant.activeSeries === null ? '–' : <Num value={tenant.activeSeries} />}</td>
      <td class="use">
        {most === undefined ? (
          <span class="note">no limit</span>
        ) : (
          <Meter ratio={most.ratio} limit={most.limit} />
        )}
      </td>
      <td class="trend">
        <Spark
          points={tenant.trend ?? []}
          kind="traffic"
          label={`samples a second of ${tenant.id} in the last hour`}
        />
      </td>
      <td class="why">
        <Why tenant={tenant} />
      </td>
    </tr>
  );
}

/** Pushes where no sample of them was read. */
function Lost({ tenant }: { tenant: TenantRow }): JSX.Element {
  const { lostSamplesPerSecond, refusedPerSecond, shadowLostSamplesPerSecond } = tenant;
  const unit = <span class="card-unit"> samples/s lost</span>;
  if (lostSamplesPerSecond > 0) {
    return (
      <>
        <Num value={lostSamplesPerSecond} />
        {unit}
      </>
    );
  }
  if (refusedPerSecond > 0) return <Num value={refusedPerSecond} unit="pushes/s" />;
  if (shadowLostSamplesPerSecond > 0) {
    return (
      <>
        <Num value={shadowLostSamplesPerSecond} /> <span class="quiet">let pass</span>
      </>
    );
  }
  return (
    <>
      <Num value={0} />
      {unit}
    </>
  );
}

function nearest(limits: readonly LimitUse[]): LimitUse | undefined {
  return [...limits].sort((a, b) => b.ratio - a.ratio)[0];
}

/** Two lines at most: the tenant's own page has the rest. */
function Why({ tenant }: { tenant: TenantRow }): JSX.Element {
  const { reasons } = useApp().state;
  const losses = [
    ...byLoss(tenant.lost).map(([reason, loss]) => ({ reason, loss, note: '' })),
    ...byLoss(tenant.shadowLost).map(([reason, loss]) => ({ reason, loss, note: ' (let pass)' })),
  ];
  const [first] = losses;
  if (first === undefined) {
    return (
      <span class="card-unit">
        nothing lost of <Num value={tenant.samplesPerSecond} unit="samples/s" />
      </span>
    );
  }
  const text = losses.map(({ reason, loss, note }) => `${reason} ${lossText(loss)}${note}`).join('; ');
  return (
    <>
      <span class={`pill ${first.note === '' ? 'bad' : 'near'}`}>
        {reasons.get(first.reason)?.brief ?? first.reason}
      </span>
      <span class="note clipped" title={text}>
        {text}
      </span>
    </>
  );
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  j: 1,
  ArrowUp: -1,
  k: -1,
  PageDown: 12,
  PageUp: -12,
};

/** Arrow keys, or j and k, go from tenant to tenant; Home and End to the first and the last. Enter opens it: it is a link. */
function moveByKey(event: KeyboardEvent, body: HTMLElement | null, count: number, height: number): void {
  const at = Number((event.target as HTMLElement).dataset?.['row'] ?? Number.NaN);
  const by = STEPS[event.key];
  const edge = { Home: 0, End: count - 1 }[event.key];
  if (Number.isNaN(at) || (by === undefined && edge === undefined)) return;
  event.preventDefault();
  const row = Math.max(0, Math.min(count - 1, edge ?? at + (by ?? 0)));
  scrollToRow(body, row, height, ABOVE);
  focusRow(body, row);
}

/** It may have to be read first. */
function focusRow(body: HTMLElement | null, row: number, tries = 40): void {
  const link = body?.querySelector<HTMLElement>(`a[data-row="${row}"]`);
  if (link) link.focus({ preventScroll: true });
  else if (tries > 0) setTimeout(() => focusRow(body, row, tries - 1), 50);
}
