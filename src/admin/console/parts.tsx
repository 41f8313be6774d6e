/** The small things that views are made of. */
import type { ComponentChildren, JSX } from 'preact';
import { counted } from '../../base/amounts.js';
import { limitText } from '../../base/limit-words.js';
import { Num, percent } from './format.js';
import { tenantHash } from './route.js';
import { useApp } from './state.js';
import type { Level, Points, Scope } from './types.js';

/** Told apart by shape as well as by colour. */
const SHAPES: Readonly<Record<Level, string>> = { good: '●', quiet: '○', near: '▲', bad: '■' };
const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  good: 'well',
  quiet: 'not known',
  near: 'needs a look',
  bad: 'wrong',
};

export function Dot({ level }: { level: Level }): JSX.Element {
  return (
    <span class={`dot ${level}`}>
      <span aria-hidden="true">{SHAPES[level]}</span>
      <span class="unseen">{LEVEL_WORDS[level]}: </span>
    </span>
  );
}

interface PanelProps {
  readonly id: string;
  readonly title: string;
  /** Beside the title. */
  readonly beside?: ComponentChildren;
  readonly children: ComponentChildren;
  /** It is all that the view shows, and its title that of the view. */
  readonly isView?: boolean;
}

export function Panel({ id, title, beside, children, isView }: PanelProps): JSX.Element {
  const Heading = isView ? 'h1' : 'h2';
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <div class="panel-head">
        <Heading id={`${id}-title`}>{title}</Heading>
        {beside}
      </div>
      {children}
    </section>
  );
}

/** One line of a list of facts: what it is, and how it is. */
export function Pair({ of, children }: { of: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{of}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface HeadsProps {
  readonly columns: readonly string[];
  /** Those of them that are numbers: they end where their numbers do. */
  readonly numbers?: readonly string[];
}

export function Heads({ columns, numbers = [] }: HeadsProps): JSX.Element {
  return (
    <thead>
      <tr>
        {columns.map((title) => (
          <th key={title} scope="col" class={numbers.includes(title) ? 'num' : ''}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface CellProps {
  /** What it says of itself where its row is a card and has no heads. */
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Cell({ label, class: kind, children }: CellProps): JSX.Element {
  return (
    <td class={kind} data-label={label}>
      {children}
    </td>
  );
}

/** A number of a row that becomes a card; red where it is a loss, and there is one. */
export function NumberCell({
  label,
  value,
  isLoss = false,
}: {
  label: string;
  value: number;
  isLoss?: boolean;
}): JSX.Element {
  return (
    <Cell label={label} class={`num ${isLoss && value > 0 ? 'lost' : ''}`}>
      <Num value={value} />
    </Cell>
  );
}

/** There is nothing, nothing yet, or it could not be had: what it is, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}

export function Loading({ what }: { what: string }): JSX.Element {
  if (useApp().state.connection === 'lost') {
    return (
      <Empty title={`There is no connection to read ${what}.`}>It is read as soon as the edge answers.</Empty>
    );
  }
  return (
    <div class="empty" aria-busy="true">
      <p class="quiet">Reading {what} …</p>
      <div class="bone" />
      <div class="bone" />
      <div class="bone" />
    </div>
  );
}

export function Failed({ what, problem }: { what: string; problem: Error }): JSX.Element {
  return (
    <div class="empty" role="alert">
      <p class="empty-title bad-text">{what} could not be read.</p>
      <p>{problem.message}. It is tried again by itself.</p>
    </div>
  );
}

/** A name that is shorter is mostly shown whole; where there is no room even for it, its end is left out. */
const LONG = 24;
const TAIL = 12;

/** How many characters of a name stand before what is shown of it in any case. */
function headOf(id: string): number {
  if (id.length <= LONG) return id.length;
  const separator = id.slice(-TAIL).search(/[-_.]/);
  return id.length - TAIL + (separator > TAIL / 2 || separator < 0 ? 0 : separator);
}

/** A name that has no room loses its middle: what differs is mostly at the end, from some separator on. */
export function Name({ id, focusKey }: { id: string; focusKey?: string }): JSX.Element {
  const at = headOf(id);
  return (
    <a
      class="name"
      href={tenantHash(id)}
      title={id}
      aria-label={at < id.length ? id : undefined}
      data-row={focusKey}
    >
      <span class="name-head">{id.slice(0, at)}</span>
      {at < id.length ? <span class="name-tail">{id.slice(at)}</span> : null}
    </a>
  );
}

export function levelOf(ratio: number): Level {
  return ratio > 1 ? 'bad' : ratio >= 0.8 ? 'near' : 'good';
}

/** Whom the figures are of, and how old they are; who is missing in them needs a look. */
export function ScopeNote({ scope }: { scope: Scope }): JSX.Element {
  const { of, replicas, known, silent, ageSeconds, note } = scope;
  if (of !== 'fleet') return <span class="note scope">{note ?? 'of this machine'}</span>;
  const whom =
    silent.length === 0 ? counted(replicas, 'replica', 'replicas') : `${replicas} of ${known} replicas`;
  return (
    <span class={`note scope ${silent.length === 0 ? '' : 'some'}`} title={note ?? ''}>
      of {whom}, {Math.round(ageSeconds)} s old
      {silent.length === 0
        ? ''
        : `; no answer from ${silent[0]}${silent.length > 1 ? ` and ${silent.length - 1} more` : ''}`}
    </span>
  );
}

const METER_WORDS: Readonly<Record<Level, string>> = {
  good: '',
  quiet: '',
  near: ', near it',
  bad: ', above it',
};

interface MeterProps {
  readonly ratio: number;
  readonly limit: string;
  /** In place of the limit's name. */
  readonly note?: string;
}

/** How much of a limit is asked for: as a bar, a number and, where it matters, a shape and a word. */
export function Meter({ ratio, limit, note }: MeterProps): JSX.Element {
  const level = levelOf(ratio);
  const of = note ?? `of its ${limitText(limit)}`;
  return (
    <span class={`meter ${level}`} title={`${percent(ratio)} of ${limit}`}>
      <progress max={1} value={Math.min(1, ratio)} aria-label={`use of ${limit}`} />
      <span class="meter-note">
        <span class="meter-ratio">
          {level === 'good' ? '' : `${SHAPES[level]} `}
          {percent(ratio)}
        </span>{' '}
        {of}
        <span class="unseen">{METER_WORDS[level]}</span>
      </span>
    </span>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly value: T;
  readonly onChoose: (value: T) => void;
}

/** One of a few: all are in sight, the one that holds is pressed. */
export function Choice<T extends string>({ label, options, value, onChoose }: ChoiceProps<T>): JSX.Element {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([one, text]) => (
        <button key={one} type="button" aria-pressed={one === value} onClick={() => onChoose(one)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

/** Of charts; which one is in the address. */
export function RangeChoice({ range }: { range: string }): JSX.Element {
  const { actions } = useApp();
  return (
    <Choice
      label="Time shown"
      value={range}
      options={[
        ['1h', 'Last hour'],
        ['24h', 'Last day'],
      ]}
      onChoose={(chosen) => actions.params({ range: chosen === '1h' ? '' : chosen })}
    />
  );
}

/** What is searched for is in the address; `/` comes here (main.tsx). A view has one. */
export function SearchField({ of }: { of: string }): JSX.Element {
  const { state, actions } = useApp();
  return (
    <label class="search" for="search">
      <span class="unseen">Search</span>
      <input
        id="search"
        type="search"
        maxLength={150}
        placeholder={`${of} ( / )`}
        value={state.route.params.get('search') ?? ''}
        onInput={(event) => actions.params({ search: event.currentTarget.value })}
      />
    </label>
  );
}

/** In words for those who do not see it; nothing where nothing is known. */
export function Spark({
  points,
  label,
  kind,
}: {
  points: Points;
  label: string;
  kind: 'traffic' | 'loss';
}): JSX.Element {
  const most = Math.max(...points.map(Number));
  const step = 100 / Math.max(1, points.length - 1);
  const height = (point: number): string => (23 - (most > 0 ? (point / most) * 21 : 0)).toFixed(1);
  return (
    <svg
      class={`spark ${most > 0 ? kind : ''}`}
      viewBox="0 0 100 24"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {runsOf(points).map(([from, run]) => {
        // A point alone is as wide as the step that it is of.
        const drawn = run.length > 1 ? run : [...run, ...run];
        const x = (at: number): string => ((from + at + run.length - drawn.length) * step).toFixed(1);
        const line = drawn.map((point, at) => `${x(at)},${height(point)}`).join(' ');
        return (
          <>
            {most > 0 ? <polygon points={`${x(0)},24 ${line} ${x(drawn.length - 1)},24`} /> : null}
            <polyline points={line} />
          </>
        );
      })}
    </svg>
  );
}

/** Of what is known: where each begins. */
function runsOf(points: Points): [from: number, run: number[]][] {
  const runs: [number, number[]][] = [];
  for (const [at, point] of points.entries()) {
    if (point === null) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1].length === at) last[1].push(point);
    else runs.push([at, [point]]);
  }
  return runs;
}
