/** Mimir as the edge meets it: its addresses, the breaker, and how much it takes. */
import type { JSX } from 'preact';
import { duration, shortBytes } from '../../base/amounts.js';
import { Num, percent } from './format.js';
import { Guards } from './guards.js';
import { Cell, Dot, Empty, Failed, Heads, Loading, NumberCell, Pair, Panel, ScopeNote } from './parts.js';
import { useReading } from './reading.js';
import { useApp } from './state.js';
import type { Address, FleetAddress, Level, Replicas, Status } from './types.js';

const SENT_TO = { in: 'yes', probing: 'one at a time', out: 'left out' } as const;
const EXPECTED = ['2xx', '4xx', '5xx', 'no answer'];
const COUNTS = ['Answered', 'Failed', 'Under way'];
const LEVELS: Readonly<Record<Address['state'], Level>> = {
  idle: 'quiet',
  well: 'good',
  failing: 'near',
  down: 'bad',
};

export function UpstreamView(): JSX.Element {
  const { status } = useApp().state;
  if (status === undefined) return <Loading what="how Mimir is" />;
  const { upstream, verdict } = status;
  return (
    <>
      <div class="title">
        <h1>Upstream</h1>
        <p class="quiet">
          {verdict.mimir.figure} · {verdict.mimir.note}
        </p>
      </div>
      <FromAll />
      <Addresses addresses={upstream.addresses} />
      <div class="two">
        <Breaker breaker={upstream.breaker} />
        <Capacity admission={upstream.admission} />
      </div>
      <Guards panic={status.panic} />
      <Answers upstream={upstream} />
    </>
  );
}

/** Nothing where there is one replica: it is the one below. */
function FromAll(): JSX.Element | null {
  const { data, problem } = useReading<Replicas>('replicas', 2);
  if (data === undefined && problem !== undefined) {
    return <Failed what="How all replicas see Mimir" problem={problem} />;
  }
  if (data === undefined || data.replicas.length < 2) return null;
  return (
    <Panel
      id="addresses-of-all"
      title="Addresses of Mimir, as all replicas see them"
      beside={<ScopeNote scope={data.scope} />}
    >
      <table class="rows addresses">
        <Heads columns={['Address', 'State', ...COUNTS, 'Seen otherwise by']} numbers={COUNTS} />
        <tbody>
          {data.addresses.map((one) => (
            <tr key={one.address}>
              <AddressName one={one} />
              <td>
                <Dot level={LEVELS[one.state]} />
                {one.state}
              </td>
              <Counts of={one} />
              <Cell label="seen otherwise by" class="why">
                {otherwise(one)}
              </Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

/** Those that see it in another state, or leave it out. */
function otherwise({ state, replicas }: FleetAddress): JSX.Element | string {
  const others = replicas.filter(
    (one) => (one.state !== state && one.state !== 'idle') || one.sentTo !== 'in',
  );
  if (others.length === 0) return <span class="quiet">nobody</span>;
  return others
    .map((one) => `${one.replica}: ${one.state}${one.sentTo === 'in' ? '' : `, ${SENT_TO[one.sentTo]}`}`)
    .join('; ');
}

export function Addresses({ addresses }: { addresses: readonly Address[] }): JSX.Element {
  return (
    <Panel
      id="addresses"
      title="Addresses of Mimir, as this replica sees them"
      beside={<span class="note">in the last ten seconds</span>}
    >
      {addresses.length === 0 ? (
        <Empty title="No address is known here.">
          Envoy sends the pushes on: what Mimir answers is not seen here.
        </Empty>
      ) : (
        <table class="rows addresses">
          <Heads
            columns={['Address', 'State', 'Sent to', ...COUNTS, 'Takes', 'Last failure']}
            numbers={[...COUNTS, 'Takes']}
          />
          <tbody>
            {addresses.map((one) => (
              <AddressRow key={one.address} one={one} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function AddressRow({ one }: { one: Address }): JSX.Element {
  const back = one.backInSeconds === null ? '' : `, tried in ${duration(one.backInSeconds)}`;
  return (
    <tr>
      <AddressName one={one} />
      <td>
        <Dot level={LEVELS[one.state]} />
        {one.state} <span class="quiet">for {duration(one.sinceSeconds)}</span>
      </td>
      <Cell label="sent to">
        {SENT_TO[one.sentTo]}
        {back}
      </Cell>
      <Counts of={one} />
      <Cell label="takes" class="num">
        {one.limit === null ? <span class="quiet">not known</span> : <Num value={one.limit} unit="items" />}
        {one.gradient === null ? null : <span class="note"> {percent(one.gradient)} as fast as usual</span>}
      </Cell>
      <Cell label="last failure" class="why">
        {one.lastFailure === null ? (
          <span class="quiet">none yet</span>
        ) : (
          `${one.lastFailure.message}, ${duration(one.lastFailure.secondsAgo)} ago`
        )}
      </Cell>
    </tr>
  );
}

function AddressName({ one }: { one: Address | FleetAddress }): JSX.Element {
  return (
    <th scope="row">
      <code>{one.address}</code>
      {one.zone === '' ? null : <span class="tag">{one.zone}</span>}
    </th>
  );
}

function Counts({ of }: { of: Address | FleetAddress }): JSX.Element {
  return (
    <>
      <NumberCell label="answered" value={of.answered} />
      <NumberCell label="failed" value={of.failed} isLoss />
      <NumberCell label="under way" value={of.underWay} />
    </>
  );
}

function Breaker({ breaker }: { breaker: Status['upstream']['breaker'] }): JSX.Element {
  return (
    <Panel id="breaker" title="Breaker">
      {breaker === null ? (
        <Empty title="Nothing is known of it yet." />
      ) : (
        <dl class="pairs">
          <Pair of="State">
            <Dot level={breaker.state === 'closed' ? 'good' : 'bad'} />
            {breaker.state} <span class="quiet">for {duration(breaker.sinceSeconds)}</span>
          </Pair>
          <Pair of="When it opens">
            {{ act: 'pushes are answered 503', observe: 'it only watches', off: 'it is off' }[breaker.mode]}
          </Pair>
          <Pair of="Answered in Mimir’s place">
            <Num value={breaker.refused} unit="pushes" />
          </Pair>
          {breaker.cause === null ? null : <Pair of="Why">{breaker.cause}</Pair>}
        </dl>
      )}
    </Panel>
  );
}

function Capacity({ admission }: { admission: Status['upstream']['admission'] }): JSX.Element {
  return (
    <Panel id="capacity" title="What Mimir takes">
      {admission === null ? (
        <Empty title="All that comes is sent.">With upstream.fairness tenants share what Mimir takes.</Empty>
      ) : (
        <dl class="pairs">
          <Pair of="Under way">
            <Num value={admission.inFlight} unit="items" />
            {admission.limit === null ? (
              <span class="quiet"> – how many it takes is not known yet</span>
            ) : (
              <>
                {' '}
                of <Num value={admission.limit} /> that it takes
              </>
            )}
          </Pair>
          <Pair of="Waiting">
            <Num value={admission.waiting} unit="pushes" />{' '}
            <span class="quiet">({shortBytes(admission.waitingBytes)})</span>
          </Pair>
          <Pair
            of={admission.mode === 'act' ? 'Waited since the start' : 'Would have waited since the start'}
          >
            <Num value={admission.waited} unit="pushes" />
          </Pair>
          <Pair of="Turned away since the start">
            <Num value={admission.turnedAway} unit="pushes" />
          </Pair>
        </dl>
      )}
    </Panel>
  );
}

function Answers({ upstream }: { upstream: Status['upstream'] }): JSX.Element {
  // What Mimir seldom or never answers is told when it does.
  const answers = [...Object.entries(upstream.responses), ['no answer', upstream.failures] as const].filter(
    ([code, count]) => count > 0 || EXPECTED.includes(code),
  );
  answers.sort(([a], [b]) => EXPECTED.indexOf(a) - EXPECTED.indexOf(b));
  return (
    <Panel id="answers" title="Mimir’s answers since the start">
      {answers.every(([, count]) => count === 0) ? (
        <Empty title="None yet." />
      ) : (
        <dl class="figures">
          {answers.map(([code, count]) => (
            <div key={code}>
              <dt>{code}</dt>
              <dd>
                <Num value={count} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  );
}
