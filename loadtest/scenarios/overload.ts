/**
 * Five times what the edge can carry, with request rates that add up to what it can: what is over them is refused before
 * it is decoded. Pushes of 2,000 series, as Prometheus sends: a generator of one core can offer that much of those.
 */
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { findKnee, NO_KNEE } from '../knee.js';
import { atLeast, atMost, check, megabytes, type Scenario } from '../lab.js';

const TENANTS = 20;
const SERIES_PER_PUSH = 2000;
const TIMES = 5;
const REFUSAL_BOUND_MS = 100;

export const scenario: Scenario = {
  summary: 'five times the knee: goodput stays, memory is flat, refusals are fast',
  async run(lab) {
    const sink = await lab.start(startSink());
    const load = {
      tenants: TENANTS,
      series: TENANTS * SERIES_PER_PUSH,
      'series-per-push': SERIES_PER_PUSH,
      connections: 64,
    };
    const free = await lab.start(startEdge(sink.url));
    const knee = await findKnee(lab, free.url, load);
    await lab.stop(free);

    if (knee === 0) return [NO_KNEE];
    const pushesPerTenant = knee / SERIES_PER_PUSH / TENANTS;
    const limits =
      `request_rate: ${pushesPerTenant}, request_burst_size: ${Math.ceil(pushesPerTenant)}, ` +
      'ingestion_rate: 1e12, ingestion_burst_size: 1e12';
    const edge = await lab.start(startEdge(sink.url, [], { limits }));
    const duration = `${lab.seconds(20)}s`;
    const atKnee = await lab.load(edge.url, { ...load, rate: 0.95 * knee, duration });
    const before = edge.rssBytes();
    const endWatch = lab.watchMemory(edge);
    const over = await lab.load(edge.url, { ...load, rate: TIMES * knee, duration });
    const peak = Math.max(...endWatch());

    const goodput = (report: typeof over) => report.totals.samplesAccepted / report.seconds;
    const offered = over.totals.samplesSent / over.seconds;
    lab.say(`  answers: ${JSON.stringify(over.answers)}, not sent: ${over.totals.notSent}`);
    return [
      atLeast('offered, times the knee', offered / knee, 0.9 * TIMES),
      atLeast('goodput, part of the knee', goodput(over) / goodput(atKnee), 0.9),
      atMost('p99 of refusals', over.refusal.p99, REFUSAL_BOUND_MS, ' ms'),
      atMost('memory at its peak', megabytes(peak), 1.5 * megabytes(before), ' MB'),
      check('no answer but 200 and 429', Object.keys(over.answers).join(', '), onlyKnown(over.answers)),
    ];
  },
};

function onlyKnown(answers: Readonly<Record<string, number>>): boolean {
  return Object.keys(answers).every((kind) => kind === '200' || kind === '429');
}
