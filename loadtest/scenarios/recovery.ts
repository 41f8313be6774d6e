/**
 * An upstream that can be overloaded is away for two minutes. Fifty senders, as Prometheus has them, come back at once with all that
 * they could not send. How long until nobody is behind, and whether the upstream falls over again meanwhile, with fair admission
 * and without it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { roomOf } from '#src/upstream/admission.js';
import { k8s500 } from '../../bench/bodies.js';
import { startEdge } from '../../bench/peers/processes.js';
import { median, printTable } from '../../bench/rounds.js';
import { atLeast, atMost, type Check, type Lab, type Scenario, startMimir } from '../lab.js';
import { RemoteWrite } from '../remote-write.js';

const SENDERS = 50;
/** Prometheus has up to 50; so many have something to do when a sender is far behind. */
const SHARDS = 10;
const SAMPLES = 500;
const WORKERS = 8;
/** Of what the upstream takes: so much is sent when all is well. */
const USED = 0.5;
const OUTAGE_SECONDS = 120;
const STEP_SECONDS = 5;
/** At first senders still wait, up to their longest backoff, and the edge finds out anew what may be under way. */
const FIRST_STEPS = 3;
/** Longer than this nobody waits for it. */
const MOST_SECONDS = 4 * OUTAGE_SECONDS;

interface Found {
  readonly fairness: 'act' | 'off';
  /** From the upstream's return until nobody is behind. */
  readonly seconds: number;
  /** What was not sent meanwhile takes so long at best. */
  readonly leastSeconds: number;
  /** Of what the upstream takes, in the worst five seconds before that, and in those between. */
  readonly worst: number;
  readonly usual: number;
  readonly refused: number;
  readonly lost: number;
}

export const scenario: Scenario = {
  summary: 'after an outage of two minutes fifty senders come back at once: it does not fall over again',
  async run(lab) {
    const found = [await runOne(lab, 'act'), await runOne(lab, 'off')];
    printTable([
      [
        'fairness',
        'until nobody is behind',
        'at best',
        'taken (median)',
        'in the worst 5 s',
        'told to wait',
        'lost',
      ],
      ...found.map(({ fairness, seconds, leastSeconds, worst, usual, refused, lost }) => [
        fairness,
        seconds > MOST_SECONDS ? `not in ${MOST_SECONDS} s` : `${seconds.toFixed(0)} s`,
        `${leastSeconds.toFixed(0)} s`,
        `${usual.toFixed(0)} %`,
        `${worst.toFixed(0)} %`,
        String(refused),
        String(lost),
      ]),
    ]);
    return found.filter(({ fairness }) => fairness === 'act').flatMap(checksOf);
  },
};

function checksOf({ seconds, leastSeconds, worst, lost }: Found): Check[] {
  return [
    atMost('time until nobody is behind, of what it takes at best', seconds / leastSeconds, 1.5),
    atLeast(
      'taken in the worst five seconds after the first fifteen, of what the upstream takes',
      worst,
      75,
      ' %',
    ),
    atMost('pushes lost', lost, 0),
  ];
}

async function runOne(lab: Lab, fairness: Found['fairness']): Promise<Found> {
  const takes = lab.rate / SAMPLES;
  const model = { workers: WORKERS, pushMs: (1000 * WORKERS) / takes, thrashAt: 16 * WORKERS };
  const mimir = await lab.start(startMimir(model));
  const edge = await lab.start(
    startEdge(mimir.url, [
      `--upstream.fairness=${fairness}`,
      `--upstream.capacity_learning=${lab.seconds(6)}s`,
      `--upstream.capacity_floor=${WORKERS * roomOf(SAMPLES)}`,
    ]),
  );
  const senders = new RemoteWrite({
    target: edge.url,
    tenants: Array.from({ length: SENDERS }, (_, i) => `sender-${i}`),
    pushesPerSecond: (takes * USED) / SENDERS,
    shards: SHARDS,
    bodyOf: () => k8s500.snappy,
  });
  await delay(1000 * lab.seconds(15));
  await lab.kill(mimir);
  await delay(1000 * lab.seconds(OUTAGE_SECONDS));
  const again = await lab.start(startMimir(model, Number(new URL(mimir.url).port)));
  const backMs = performance.now();
  const behind = senders.backlog;
  const steps = await untilNobodyIsBehind(senders, lab, takes);
  lab.say(`  taken with fairness ${fairness}: ${steps.map((part) => part.toFixed(0)).join(' ')} %`);
  const seconds = (performance.now() - backMs) / 1000;
  await senders.finish(30_000);
  for (const peer of [edge, again]) await lab.stop(peer);
  return {
    fairness,
    seconds,
    leastSeconds: behind / (takes * (1 - USED)),
    // The last one has the end in it.
    worst: Math.min(...steps.slice(FIRST_STEPS, -1)),
    usual: median(steps),
    refused: (senders.answers[503] ?? 0) + (senders.answers[502] ?? 0) + (senders.answers[504] ?? 0),
    lost: senders.backlog,
  };
}

/** Of each few seconds, what was taken, in per cent of what the upstream takes. */
async function untilNobodyIsBehind(senders: RemoteWrite, lab: Lab, takes: number): Promise<number[]> {
  const stepMs = 1000 * (lab.smoke ? 1 : STEP_SECONDS);
  const untilMs = performance.now() + 1000 * (lab.smoke ? 30 : MOST_SECONDS);
  const steps: number[] = [];
  let accepted = senders.accepted;
  for (let beganMs = performance.now(); beganMs < untilMs; ) {
    await delay(stepMs);
    const nowMs = performance.now();
    steps.push((100_000 * (senders.accepted - accepted)) / (nowMs - beganMs) / takes);
    accepted = senders.accepted;
    beganMs = nowMs;
    // As many as are on their way when all is well, and some more.
    if (senders.backlog <= SENDERS) break;
  }
  return steps;
}
