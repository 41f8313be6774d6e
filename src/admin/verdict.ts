/**
 * The answer to the first question at night: is something wrong, and is it the edge's fault, Mimir's, or a tenant's? Console
 * and `mimir-edge top` show what is said here, and say nothing of their own.
 */
import { counted, duration, short, took } from '../base/amounts.js';
import { isEdges, isMimirsTrouble, REASON_NAMES } from '../enforce/reasons.js';
import { type AddressStatus, upstreamState } from '../upstream/address-health.js';
import type { Edge, EdgeStatus } from './edge.js';
import { addressesOf, type FleetAddress } from './fleet-addresses.js';
import { guardProblems } from './guard-problems.js';
import { type TenantUsage, usageOf } from './tenant-usage.js';
import { type FleetTimes, fleetTimes, type TimesView, timesView } from './times-view.js';
import { type UpstreamView, upstreamView } from './upstream-view.js';

/** `quiet`: nothing is known, because nothing was asked of it. `near`: somebody should know. `bad`: somebody should act. */
export const LEVELS = ['quiet', 'good', 'near', 'bad'] as const;
export type Level = (typeof LEVELS)[number];
export type Of = 'edge' | 'mimir' | 'tenants';

export interface Problem {
  readonly of: Of;
  readonly level: 'near' | 'bad';
  readonly text: string;
}

/** One figure and one line under it. */
export interface Part {
  readonly level: Level;
  readonly figure: string;
  readonly note: string;
}

export interface Verdict {
  readonly level: Level;
  /** Whose fault it is, the worst first; empty: nothing is wrong. */
  readonly faults: readonly Of[];
  readonly title: string;
  readonly mimir: Part;
  readonly edge: Part;
  readonly tenants: Part & { readonly losing: number; readonly near: number; readonly inShadow: number };
  /** The worst first. */
  readonly problems: readonly Problem[];
}

/** What another replica says of itself. */
interface OtherReplica {
  readonly replica: string;
  readonly draining: boolean;
  readonly problems: readonly Problem[];
  readonly pushTimes: TimesView | null;
  readonly upstream: Pick<UpstreamView, 'addresses' | 'times'>;
}

/** What is measured everywhere, put together. */
interface Measured {
  /** That there are, with those that do not answer. */
  readonly replicas: number;
  readonly addresses: readonly FleetAddress[];
  readonly answers: FleetTimes;
  readonly pushes: FleetTimes;
}

/** From here on a tenant is near its limit. */
export const NEAR = 0.8;

interface Losing {
  readonly losing: number;
  readonly near: number;
  readonly inShadow: number;
  readonly lostPerSecond: number;
  readonly tenants: number;
  readonly samplesPerSecond: number;
  /** What was held back for no fault of the tenants'. */
  readonly byEdge: number;
  readonly byMimir: number;
}

/** `others`: what is wrong there and not here is told, too. `silent`: they do not answer. `known`: with those that can not be asked. */
export function verdictOf(
  edge: Edge,
  others: readonly OtherReplica[] = [],
  silent: readonly string[] = [],
  known = 1 + others.length + silent.length,
): Verdict {
  const status = edge.status();
  const losing = losingNow(edge);
  const own = [...mimirProblems(status, losing), ...edgeProblems(edge, status, losing)];
  const problems = [
    ...own,
    ...problemsElsewhere(own, others),
    ...silentProblems(silent),
    ...tenantProblems(edge),
    ...guardProblems(edge),
  ].sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
  const measured = measuredOf(edge, status, others, known);
  const mimir = mimirPart(measured, problems);
  const edgePart = partOfEdge(edge, status, measured, problems);
  const tenants = tenantsPart(losing);
  const faults = (['mimir', 'edge', 'tenants'] as const).filter(
    (of) => ({ mimir, edge: edgePart, tenants })[of].level === 'bad',
  );
  const near = [mimir, edgePart, tenants].some(({ level }) => level === 'near');
  return {
    level: faults.length > 0 ? 'bad' : near ? 'near' : 'good',
    faults,
    title: titleOf(mimir, edgePart, tenants, measured),
    mimir,
    edge: edgePart,
    tenants,
    problems,
  };
}

function measuredOf(
  { usage }: Edge,
  { upstream, pushTimes }: EdgeStatus,
  others: readonly OtherReplica[],
  replicas: number,
): Measured {
  const own = { replica: usage.name, upstream: upstreamView(upstream), pushTimes: timesView(pushTimes) };
  const each = [own, ...others];
  return {
    replicas,
    addresses: addressesOf(each),
    answers: fleetTimes(each.map(({ upstream }) => upstream.times)),
    pushes: fleetTimes(each.map(({ pushTimes }) => pushTimes)),
  };
}

/** What is wrong with this replica, and with Mimir as it sees it. */
export function troubleOf(edge: Edge, status: EdgeStatus): Problem[] {
  const losing = losingNow(edge);
  return [...mimirProblems(status, losing), ...edgeProblems(edge, status, losing)];
}

/** One of each kind: what all have in common is told once. One that is stopping is on its way out. */
function problemsElsewhere(own: readonly Problem[], others: readonly OtherReplica[]): Problem[] {
  const all = others
    .filter(({ draining }) => !draining)
    .flatMap(({ replica, problems }) => problems.map((one) => ({ replica, ...one })));
  return KINDS.flatMap(([of, level]) => {
    const isKnown = own.some((one) => one.of === of && (one.level === level || one.level === 'bad'));
    const its = all.filter((one) => one.of === of && one.level === level);
    const [first] = its;
    if (isKnown || first === undefined) return [];
    const more = new Set(its.map(({ replica }) => replica)).size - 1;
    const who = more === 0 ? first.replica : `${first.replica} and ${more} more`;
    return [{ of, level, text: `Replica ${who}: ${first.text}` }];
  });
}

const KINDS = [
  ['mimir', 'bad'],
  ['mimir', 'near'],
  ['edge', 'bad'],
  ['edge', 'near'],
] as const;

function silentProblems(silent: readonly string[]): Problem[] {
  const [first] = silent;
  if (first === undefined) return [];
  const who =
    silent.length === 1 ? `Replica ${first} does` : `Replicas ${first} and ${silent.length - 1} more do`;
  return [{ of: 'edge', level: 'near', text: `${who} not answer other replicas.` }];
}

/** Over the last minute. */
function losingNow(edge: Edge): Losing {
  const seconds = edge.history.seconds('1m', edge.now());
  const { each, sums } = usageOf(edge, '1m');
  let [losing, near, inShadow, byEdge, byMimir] = [0, 0, 0, 0, 0];
  for (const one of each) {
    if (one.totals.shadowed.samplesAtLeast > 0) inShadow++;
    if (one.totals.refused.samplesAtLeast > 0) {
      const held = heldBack(edge, one);
      byEdge += held.byEdge;
      byMimir += held.byMimir;
      if (held.byEdge + held.byMimir < one.totals.refused.samplesAtLeast) losing++;
    } else if (one.utilisation >= NEAR && one.tenant.mode === 'enforce') near++;
  }
  return {
    losing,
    near,
    inShadow,
    lostPerSecond: sums.refused.samples / seconds,
    tenants: each.length,
    samplesPerSecond: sums.samples / seconds,
    byEdge,
    byMimir,
  };
}

function heldBack(edge: Edge, { tenant }: TenantUsage): { byEdge: number; byMimir: number } {
  const lost = edge.history.reasons(tenant, '1m', 'refused');
  let [byEdge, byMimir] = [0, 0];
  for (const reason of REASON_NAMES) {
    const { pushes = 0, samples = 0 } = lost[reason] ?? {};
    if (isEdges(reason)) byEdge += Math.max(pushes, samples);
    else if (isMimirsTrouble(reason)) byMimir += Math.max(pushes, samples);
  }
  return { byEdge, byMimir };
}

function titleOf(mimir: Part, edge: Part, tenants: Verdict['tenants'], { addresses }: Measured): string {
  const wrong: string[] = [];
  if (mimir.level === 'bad')
    wrong.push(upstreamState(addresses) === 'down' ? 'Mimir does not answer' : 'Mimir fails');
  if (edge.level === 'bad') wrong.push('the edge has a problem');
  if (tenants.losing > 0)
    wrong.push(tenants.losing === 1 ? 'one tenant loses samples' : `${tenants.losing} tenants lose samples`);
  const well = [...(mimir.level === 'good' ? ['Mimir'] : []), ...(edge.level === 'good' ? ['the edge'] : [])];
  const rest =
    well.length === 0 ? '' : ` ${capital(well.join(' and '))} ${well.length > 1 ? 'are' : 'is'} well.`;
  if (wrong.length > 0) return `${capital(wrong.join(', and '))}.${rest}`;
  if (edge.level === 'near' || mimir.level === 'near')
    return `Nothing is lost, but something needs a look.${rest}`;
  return `The edge is well, and nothing is lost.${mimir.level === 'good' ? ' Mimir answers.' : ''}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function worst(of: Of, problems: readonly Problem[]): Level {
  const its = problems.filter((one) => one.of === of);
  return its.some(({ level }) => level === 'bad') ? 'bad' : its.length > 0 ? 'near' : 'good';
}

function mimirPart({ replicas, addresses, answers }: Measured, problems: readonly Problem[]): Part {
  const level = worst('mimir', problems);
  if (addresses.length === 0) {
    return {
      level: 'quiet',
      figure: 'not seen',
      note: 'Envoy sends the pushes on: what Mimir answers is not seen here.',
    };
  }
  const answered = sum(addresses, ({ answered }) => answered);
  const failed = sum(addresses, ({ failed }) => failed);
  const well = addresses.filter(({ state }) => state === 'well' || state === 'idle').length;
  if (answered + failed === 0 && level === 'good') {
    return {
      level: 'quiet',
      figure: 'quiet',
      note: `${counted(addresses.length, 'address', 'addresses')}. Nothing was sent to Mimir in the last ten seconds.`,
    };
  }
  const share = answered + failed === 0 ? 0 : (failed / (answered + failed)) * 100;
  const notes = [
    p99Text(answers, replicas) ?? 'p99 not known',
    `${share === 0 ? '0' : share.toFixed(2)} % of ${counted(answered + failed, 'request', 'requests')} failed`,
  ];
  return {
    level,
    figure: `${well} of ${addresses.length} well`,
    note: `${notes.join(' · ')} in the last ten seconds`,
  };
}

/** "p99 41 ms", of how many replicas where not all have told. Undefined: nothing is known. */
function p99Text({ p99Seconds, replicas: told }: FleetTimes, replicas: number): string | undefined {
  if (p99Seconds === undefined) return undefined;
  return `p99 ${took(p99Seconds)}${told < replicas ? ` of ${told} of ${replicas} replicas` : ''}`;
}

function partOfEdge(edge: Edge, status: EdgeStatus, measured: Measured, problems: readonly Problem[]): Part {
  const { ledger, workers, overrides } = status;
  const age = Math.max(0, (Date.now() - overrides.goodAtMs) / 1000);
  const notes = [
    overrides.sources.length === 0
      ? 'no overrides'
      : overrides.stale
        ? `limits can not be read for ${duration(age)}`
        : 'limits current',
    ledger === undefined ? 'nothing is shared' : ledger.state === 'up' ? 'Redis up' : 'Redis does not answer',
    ...(workers === undefined ? [] : [`${workers.serving} of ${workers.wanted} workers`]),
    ...(edge.mode() === 'enforce' ? [] : [`mode ${edge.mode()}`]),
    p99Text(measured.pushes, measured.replicas) ?? [],
  ].flat();
  return {
    level: worst('edge', problems),
    // Not as many as share buckets: of these each worker is one.
    figure: counted(measured.replicas, 'replica', 'replicas'),
    note: notes.join(' · '),
  };
}

function tenantsPart({ losing, near, inShadow, lostPerSecond, tenants }: Losing): Verdict['tenants'] {
  return {
    level: losing > 0 ? 'bad' : near > 0 ? 'near' : tenants === 0 ? 'quiet' : 'good',
    figure: tenants === 0 ? 'none yet' : `${short(lostPerSecond)} samples/s lost`,
    note: `${losing} of ${counted(tenants, 'tenant', 'tenants')} · ${near} near a limit · ${inShadow} in shadow`,
    losing,
    near,
    inShadow,
  };
}

function mimirProblems({ upstream }: EdgeStatus, { byMimir }: Losing): Problem[] {
  const { breaker, admission, addresses } = upstream;
  const found: Problem[] = [];
  if (breaker !== undefined && breaker.state !== 'closed') {
    const what =
      breaker.mode === 'act'
        ? breaker.state === 'open'
          ? 'Pushes are answered 503 and not sent to Mimir'
          : 'Pushes are sent to Mimir one at a time'
        : 'The breaker is open, and only watches (upstream.breaker)';
    found.push({
      of: 'mimir',
      level: 'bad',
      text: `${what}, for ${duration(breaker.sinceSeconds)}: ${breaker.cause ?? ''}.`,
    });
  }
  if (admission?.limit !== undefined && admission.inFlight >= admission.limit) {
    const what =
      admission.mode === 'act'
        ? `tenants share what it takes, and ${admission.waiting} pushes wait`
        : 'all of it is sent on (upstream.fairness)';
    found.push({
      of: 'mimir',
      level: byMimir > 0 ? 'bad' : 'near',
      text: `Mimir is slower than usual and can have ${short(admission.limit)} items under way, of ${short(admission.inFlight)}: ${what}.`,
    });
  }
  for (const name of upstream.unresolved)
    found.push({
      of: 'mimir',
      level: 'near',
      text: `The name ${name} in upstream.url can not be resolved now.`,
    });
  for (const address of addresses) found.push(...trouble(address));
  return found;
}

/** What an address does to the pushes that are sent to it, if that is not well. */
function trouble({
  address,
  state,
  answered,
  failed,
  lastFailure,
  sinceSeconds,
  sentTo,
}: AddressStatus): Problem[] {
  if (state === 'well' || state === 'idle') return [];
  const all = answered + failed;
  const what =
    state === 'down' ? `answers none of ${all} requests well` : `fails ${failed} of ${all} requests`;
  const last = lastFailure === undefined ? '' : ` Last: ${lastFailure.message}.`;
  const out = sentTo === 'in' ? '' : ' It is left out for now.';
  const text = `Mimir at ${address} ${what} (last 10 s), for ${duration(sinceSeconds)}.${last}${out} Its senders come again, and are not charged.`;
  return [{ of: 'mimir', level: state === 'down' || failed * 2 > all ? 'bad' : 'near', text }];
}

function edgeProblems(edge: Edge, status: EdgeStatus, { byEdge }: Losing): Problem[] {
  const { overrides, ledger, bytesInFlight, workers } = status;
  const found: Problem[] = [];
  const say = (level: Problem['level'], text: string): void => {
    found.push({ of: 'edge', level, text });
  };
  if (status.draining) say('bad', 'This replica is stopping.');
  else if (!status.ready) say('bad', 'Not ready: the overrides were not read yet.');
  if (edge.mode() !== 'enforce') {
    const how = edge.controls.get('', 'mode') === undefined ? 'by the settings' : 'for a time';
    const what =
      edge.mode() === 'off'
        ? 'Enforcement is off for all tenants'
        : 'Shadow mode: all pushes pass, refusals are only counted';
    say('near', `${what} (${how}).`);
  }
  for (const [its, part] of Object.entries(edge.admitted()))
    if (part < 1)
      say(
        'near',
        `A panic is on: tenants of priority ${its} may use ${Math.round(part * 100)} % of their rates.`,
      );
  if (overrides.stale) {
    const age = (Date.now() - overrides.goodAtMs) / 1000;
    say(
      'bad',
      `The overrides can not be used, for ${duration(age)}; the last good limits stay. ${overrides.lastError}`,
    );
  }
  const sharing = edge.controls.status();
  if (ledger?.state === 'degraded') {
    say(
      'bad',
      `Redis does not answer, for ${duration(ledger.sinceSeconds)}: each replica serves its share. ${ledger.lastError?.message ?? ''}`,
    );
  } else if (sharing.shared && !sharing.reachable) {
    say('near', `Temporary changes can not be shared with other replicas: ${sharing.lastError}`);
  }
  if (bytesInFlight.used > bytesInFlight.capacity * NEAR)
    say('bad', 'Nearly as many body bytes are held as may be: the next pushes get 503.');
  for (const { worker, hangs } of workers?.each ?? [])
    if (hangs) say('bad', `Worker ${worker} does not answer: what is said of it is of before.`);
  if (workers !== undefined && workers.serving < workers.wanted)
    say('near', `${workers.serving} of ${workers.wanted} workers serve.`);
  if (byEdge > 0)
    say(
      'bad',
      `The edge itself held back ${short(byEdge)} samples in the last minute; their senders come again.`,
    );
  if (edge.history.withoutRoom > 0)
    say(
      'near',
      'History has no room for some tenants: their rates are shown as 0. Raise admin.history_max_bytes.',
    );
  return found;
}

/** Of the last five minutes: a push that names nobody is somebody's mistake. */
function tenantProblems(edge: Edge): Problem[] {
  const { refused } = edge.history.totals(edge.unattributed(), '5m');
  if (refused.pushes === 0) return [];
  return [
    {
      of: 'tenants',
      level: 'near',
      text: `${counted(refused.pushes, 'push', 'pushes')} named no valid tenant: refused in the last five minutes.`,
    },
  ];
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
