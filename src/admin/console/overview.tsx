/** The first screen: whose fault it is, what is lost and by whom, and what was changed meanwhile. */
import type { JSX } from 'preact';
import { lossText, short } from '../../base/amounts.js';
import { limitText } from '../../base/limit-words.js';
import { ChartView, less, startMark } from './chart.js';
import { Num, rangeText, Time, timeText, useText } from './format.js';
import {
  Dot,
  Empty,
  Failed,
  Heads,
  Loading,
  levelOf,
  Meter,
  Name,
  Panel,
  RangeChoice,
  ScopeNote,
  Spark,
} from './parts.js';
import { useReading } from './reading.js';
import { Refusals } from './refusals.js';
import { hashOf } from './route.js';
import { useApp } from './state.js';
import { SetForATime, Timeline, withDeploys } from './timeline.js';
import type { Loser, Overview, Part, Verdict } from './types.js';

const ENTRIES = 8;

export function OverviewView(): JSX.Element {
  const { state } = useApp();
  const range = state.route.params.get('range') === '24h' ? '24h' : '1h';
  const { data, problem } = useReading<Overview>(`overview?range=${range}`);
  const verdict = data?.verdict ?? state.status?.verdict;
  if (verdict === undefined) {
    return problem === undefined ? (
      <Loading what="how the edge is" />
    ) : (
      <Failed what="The overview" problem={problem} />
    );
  }
  return (
    <>
      <VerdictView verdict={verdict} losers={data?.losers ?? []} />
      <Problems verdict={verdict} />
      {data === undefined ? (
        <Panel id="samples" title="Samples a second, all tenants">
          {problem === undefined ? (
            <Loading what="what was sent and lost" />
          ) : (
            <Failed what="What was sent and lost" problem={problem} />
          )}
        </Panel>
      ) : (
        <>
          <Panel
            id="samples"
            title="Samples a second, all tenants"
            beside={
              <span class="beside">
                <ScopeNote scope={data.scope} />
                <RangeChoice range={range} />
              </span>
            }
          >
            <SamplesChart overview={data} />
          </Panel>
          <Losers overview={data} />
        </>
      )}
      <SetForATime controls={state.status?.controls ?? []} />
      <div class="two">
        <Panel id="changed" title="What changed" beside={<a href={hashOf('changes')}>All changes</a>}>
          <Timeline
            entries={withDeploys(state.audit).slice(0, ENTRIES)}
            empty="Nothing since this process started."
          />
        </Panel>
        {data === undefined ? null : <ByReason overview={data} />}
      </div>
      <Refusals denials={state.denials} withTenant />
    </>
  );
}

function VerdictView({ verdict, losers }: { verdict: Verdict; losers: readonly Loser[] }): JSX.Element {
  const { mimir, edge, tenants } = verdict;
  return (
    <section class={`verdict ${verdict.level}`} aria-label="How it is">
      <div class="verdict-first">
        <p class="key">
          <Dot level={verdict.level} />
          {verdict.level === 'bad'
            ? 'What is wrong'
            : verdict.level === 'near'
              ? 'Worth a look'
              : 'All is well'}
        </p>
        <h1>{verdict.title}</h1>
        <p class="note">{toldOf(losers).slice(0, 3).map(said).join('; ')}</p>
      </div>
      <PartView name="Mimir" part={mimir} href={hashOf('upstream')} />
      <PartView name="Edge" part={edge} href={hashOf('fleet')} />
      <PartView name="Tenants" part={tenants} href={hashOf('tenants')} />
    </section>
  );
}

/** Those that lose; where nobody does, those that are near a limit. */
function toldOf(losers: readonly Loser[]): readonly Loser[] {
  const losing = losers.filter((one) => one.losing);
  return losing.length > 0
    ? losing
    : losers.filter(({ use }) => use !== null && levelOf(use.ratio) !== 'good');
}

function said({ id, losing, reasons, since, use }: Loser): string {
  if (!losing) return `${id}: near ${limitNamed(use)}`;
  const [first] = reasons;
  return `${id}: ${first?.brief ?? 'refused'}${since === null ? '' : `, since ${timeText(new Date(since))}`}`;
}

function PartView({ name, part, href }: { name: string; part: Part; href: string }): JSX.Element {
  return (
    <a class="part" href={href} id={`part-${name.toLowerCase()}`}>
      <span class="key">
        <Dot level={part.level} />
        {name}
      </span>
      <span class="figure">{part.figure}</span>
      <span class="note">{part.note}</span>
    </a>
  );
}

const OF_WHOM = { edge: 'Edge', mimir: 'Mimir', tenants: 'Tenants' } as const;

/** In sentences, the worst first. */
function Problems({ verdict }: { verdict: Verdict }): JSX.Element | null {
  if (verdict.problems.length === 0) return null;
  return (
    <ul class="problems" aria-label="What to know">
      {verdict.problems.map(({ of, level, text }) => (
        <li key={text} class={level}>
          <Dot level={level} />
          <strong>{OF_WHOM[of]}</strong> <span>{text}</span>
        </li>
      ))}
    </ul>
  );
}

function SamplesChart({ overview }: { overview: Overview }): JSX.Element {
  const { history, marks } = overview;
  if (history.offered.every((rate) => rate === null))
    return <Empty title="The first ten seconds are not over yet." />;
  return (
    <ChartView
      chart={{
        id: 'chart-samples',
        title: 'Passed on and lost',
        unit: 'count',
        endMs: Date.parse(history.end),
        stepSeconds: history.stepSeconds,
        height: 210,
        untitled: true,
        lines: [
          {
            label: 'passed on to Mimir',
            points: less(history.offered, history.lost),
            colour: 'traffic',
            filled: true,
          },
          { label: 'lost at the edge', points: history.lost, colour: 'loss', filled: true },
          ...(history.letPass.some((count) => (count ?? 0) > 0)
            ? [
                {
                  label: 'let pass by shadow mode',
                  points: history.letPass,
                  colour: 'third',
                  dashed: true,
                } as const,
              ]
            : []),
        ],
        marks: [
          ...startMark(history.since),
          ...marks.map(({ at, text }) => ({ atMs: Date.parse(at), text })),
        ],
      }}
    />
  );
}

function Losers({ overview }: { overview: Overview }): JSX.Element {
  const { losers, now } = overview;
  return (
    <Panel
      id="losers"
      title="Who loses what, and why"
      beside={
        <a href={hashOf('tenants')}>
          {now.tenants === 1 ? 'The only tenant' : `All ${short(now.tenants)} tenants`}
        </a>
      }
    >
      {now.tenants === 0 ? (
        <Empty title="No tenant has sent anything yet.">Point a sender, or NGINX, at the proxy port.</Empty>
      ) : losers.length === 0 ? (
        <Empty title="Nobody loses anything, and nobody is near a limit." />
      ) : (
        <table class="rows losers">
          <Heads
            columns={[
              'Tenant',
              'Lost samples/s',
              'Why',
              'Limit',
              `Last ${rangeText(overview.range.name)}`,
              'Since',
            ]}
            numbers={['Lost samples/s', 'Since']}
          />
          <tbody>
            {losers.map((one) => (
              <LoserRow key={one.id} one={one} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function limitNamed(use: Loser['use']): string {
  return use === null ? 'a limit' : `its ${limitText(use.limit)}`;
}

function LoserRow({ one }: { one: Loser }): JSX.Element {
  const { use, reasons } = one;
  const [first, ...others] = reasons;
  return (
    <tr>
      <th scope="row">
        <Name id={one.id} />
        {one.mode === 'enforce' ? null : <span class="tag">{one.mode}</span>}
      </th>
      <td class={`num ${one.losing ? 'lost' : ''}`}>
        {one.losing && one.lostSamplesPerSecond === 0 ? (
          <Num value={one.refusedPerSecond} unit="pushes/s" />
        ) : (
          <>
            <Num value={one.lostSamplesPerSecond} />
            <span class="card-unit"> samples/s lost</span>
          </>
        )}
      </td>
      <td class="why">
        {first === undefined ? (
          <span class="pill near">near {limitNamed(use)}</span>
        ) : (
          <>
            <span class={`pill ${one.losing ? 'bad' : 'over'}`}>{first.brief}</span>{' '}
            <span class="note">
              {first.reason} {lossText(first)}
              {others.map((other) => `; ${other.reason} ${lossText(other)}`)}
            </span>
          </>
        )}
      </td>
      <td class="use">
        {use === null ? (
          <span class="note">no limit with a rate</span>
        ) : (
          <Meter ratio={use.ratio} limit={use.limit} note={useText(use)} />
        )}
      </td>
      <td class="trend">
        <Spark
          points={one.spark}
          kind="loss"
          label={`lost samples of ${one.id} over time, at most ${short(Math.max(...one.spark.map(Number)))} a second`}
        />
      </td>
      <td class="num since">
        {one.since === null ? (
          '–'
        ) : (
          <>
            <span class="card-unit">since </span>
            <Time iso={one.since} />
          </>
        )}
        {one.until === null ? null : (
          <span class="note">
            {' '}
            to <Time iso={one.until} />
          </span>
        )}
      </td>
    </tr>
  );
}

function ByReason({ overview }: { overview: Overview }): JSX.Element {
  const { lostByReason } = overview.history;
  return (
    <Panel id="by-reason" title={`Lost by reason, last ${rangeText(overview.range.name)}`}>
      {lostByReason.length === 0 ? (
        <Empty title="Nothing was lost." />
      ) : (
        <table class="rows facts">
          <tbody>
            {lostByReason.map(({ reason, brief, samples, pushes }) => (
              <tr key={reason}>
                <th scope="row">
                  {brief} <code class="quiet">{reason}</code>
                </th>
                <td class="num">
                  {samples > 0 ? (
                    <Num value={samples} unit="samples" />
                  ) : (
                    <Num value={pushes} unit={pushes === 1 ? 'push' : 'pushes'} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
