/**
 * An upstream that takes so many samples a second, twenty tenants that offer less than their shares of it, and two that offer ten times
 * theirs: the twenty see nothing of the two, who share the rest. With fair admission and without it, with nginx before the edge and
 * without it.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { LoadReport } from '#src/loadtest/report.js';
import { hasNginx, type Peer, startEdge, startNginx } from '../../bench/peers/processes.js';
import { printTable } from '../../bench/rounds.js';
import { atLeast, atMost, type Check, type Lab, type Scenario, startMimir } from '../lab.js';

/** Of a push; fewer where less is taken, so that there are pushes enough for a p99. */
const MOST_SAMPLES = 1000;
const LEAST_PUSHES_PER_SECOND = 40;
const WORKERS = 8;
const QUIET = 20;
const GREEDY = 2;
/** Of its share, what a quiet tenant offers; a greedy one offers ten times as much as it has. */
const QUIET_PART = 0.9;
const TIMES = 10;
const LEARNING_SECONDS = 6;
const WARMUP_SECONDS = 5;
const LOUD_SECONDS = 30;
/** Time that a push may wait, in times that a worker needs for one. */
const WAIT_PUSHES = 12;

interface Way {
  readonly name: string;
  readonly fairness: 'act' | 'off';
  readonly nginx: boolean;
  readonly inSmoke: boolean;
}

const WAYS: readonly Way[] = [
  { name: 'fair', fairness: 'act', nginx: false, inSmoke: false },
  { name: 'fair, behind nginx', fairness: 'act', nginx: true, inSmoke: true },
  { name: 'not fair', fairness: 'off', nginx: false, inSmoke: true },
  { name: 'not fair, behind nginx', fairness: 'off', nginx: true, inSmoke: false },
];

interface Found {
  readonly way: Way;
  readonly quietP99: number;
  readonly loudP99: number;
  /** Per cent of the pushes of the twenty. */
  readonly accepted: number;
  /** Samples a second. */
  readonly theirs: number;
  readonly greedy: readonly number[];
  /** Part of what the upstream takes, in per cent. */
  readonly goodput: number;
}

export const scenario: Scenario = {
  summary: 'twenty tenants within their shares see nothing of two at ten times theirs',
  async run(lab) {
    const ways = WAYS.filter(({ nginx, inSmoke }) => (!nginx || hasNginx()) && (!lab.smoke || inSmoke));
    const found: Found[] = [];
    for (const way of ways) found.push(await runOne(lab, way));
    printTable([
      ['', 'p99 in quiet', 'p99 beside the two', 'accepted', 'the twenty', 'the two', 'goodput'],
      ...found.map(rowOf),
    ]);
    return found.filter(({ way }) => way.fairness === 'act').flatMap(checksOf);
  },
};

async function runOne(lab: Lab, way: Way): Promise<Found> {
  const share = lab.rate / (QUIET + GREEDY);
  const samples = Math.min(MOST_SAMPLES, Math.round(lab.rate / LEAST_PUSHES_PER_SECOND));
  const pushMs = (1000 * WORKERS * samples) / lab.rate;
  const mimir = await lab.start(startMimir({ workers: WORKERS, pushMs, thrashAt: 10 * WORKERS }));
  const edge = await lab.start(
    startEdge(mimir.url, [
      `--upstream.fairness=${way.fairness}`,
      `--upstream.capacity_learning=${lab.seconds(LEARNING_SECONDS)}s`,
      `--upstream.capacity_floor=${samples}`,
      `--upstream.fair_wait=${Math.round(WAIT_PUSHES * pushMs)}ms`,
    ]),
  );
  const front = way.nginx ? await lab.start(startNginx(edge.url)) : edge;
  const load = (prefix: string, tenants: number, rate: number, seconds: number): Promise<LoadReport> =>
    lab.load(front.url, {
      'tenant-prefix': prefix,
      tenants,
      series: tenants * samples,
      'series-per-push': samples,
      connections: 192,
      'max-in-flight': 20_000,
      rate,
      warmup: `${lab.seconds(WARMUP_SECONDS)}s`,
      duration: `${seconds}s`,
    });
  const others = (seconds: number) => load('quiet-', QUIET, QUIET * share * QUIET_PART, seconds);
  await others(lab.seconds(LEARNING_SECONDS));
  const quiet = await others(lab.seconds(LOUD_SECONDS));
  const [loud, greedy, taken] = await Promise.all([
    others(lab.seconds(LOUD_SECONDS)),
    load('greedy-', GREEDY, GREEDY * share * TIMES, lab.seconds(LOUD_SECONDS)),
    takenPerSecond(mimir, lab),
  ]);
  for (const peer of new Set<Peer>([front, edge, mimir])) await lab.stop(peer);
  const perSecond = (samples: number, { seconds }: LoadReport) => samples / seconds;
  const theirs = perSecond(loud.totals.samplesAccepted, loud);
  const each = greedy.tenants.map(({ samples }) => perSecond(samples, greedy));
  return {
    way,
    quietP99: quiet.latency.p99,
    loudP99: loud.latency.p99,
    accepted: (100 * loud.totals.accepted) / loud.totals.due,
    theirs,
    greedy: each,
    goodput: (100 * taken * samples) / lab.rate,
  };
}

/** Pushes, while both are under way. */
async function takenPerSecond(mimir: Peer, lab: Lab): Promise<number> {
  const count = async (): Promise<number> => Number(await (await request(`${mimir.url}/taken`)).body.text());
  // Generators take a moment to start, and another to end.
  await delay(1000 * (lab.seconds(WARMUP_SECONDS) + 2));
  const [before, beganMs] = [await count(), performance.now()];
  await delay(1000 * Math.max(1, lab.seconds(LOUD_SECONDS) - 5));
  return (1000 * ((await count()) - before)) / (performance.now() - beganMs);
}

function rowOf({ way, quietP99, loudP99, accepted, theirs, greedy, goodput }: Found): string[] {
  return [
    way.name,
    `${quietP99.toFixed(0)} ms`,
    `${loudP99.toFixed(0)} ms (${(loudP99 / quietP99).toFixed(2)} x)`,
    `${accepted.toFixed(2)} %`,
    `${theirs.toFixed(0)}/s`,
    greedy.map((one) => `${one.toFixed(0)}/s`).join(' + '),
    `${goodput.toFixed(1)} %`,
  ];
}

function checksOf({ way, quietP99, loudP99, accepted, greedy, goodput }: Found): Check[] {
  return [
    atLeast(`${way.name}: pushes of the twenty accepted`, accepted, 99.9, ' %'),
    atMost(`${way.name}: their p99, of what it is in quiet`, (100 * loudP99) / quietP99, 150, ' %'),
    atLeast(`${way.name}: goodput, of what the upstream takes`, goodput, 95, ' %'),
    atLeast(
      `${way.name}: what the one of the two gets, of what the other does`,
      (100 * Math.min(...greedy)) / Math.max(...greedy),
      80,
      ' %',
    ),
  ];
}
