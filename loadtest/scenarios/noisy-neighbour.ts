/** One tenant sends twenty times what it may. The others, whom a generator of their own measures, see nothing of it. */
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { median } from '../../bench/rounds.js';
import { atLeast, atMost, type Scenario } from '../lab.js';

/** Many and short: what else the machine does moves the p99 of one by half. */
const ROUNDS = 16;
/** Samples a second. */
const LIMIT = 20_000;
const TIMES = 20;
/** Pushes a second, of 500 samples. */
const REQUEST_LIMIT = LIMIT / 500;

export const scenario: Scenario = {
  summary: "one tenant at twenty times its limit: the others' p99 stays",
  async run(lab) {
    const sink = await lab.start(startSink());
    // What is over the request rate is refused unread: decoding it would take CPU from the others.
    const limits =
      `request_rate: ${REQUEST_LIMIT}, request_burst_size: ${REQUEST_LIMIT}, ` +
      `ingestion_rate: ${LIMIT}, ingestion_burst_size: ${2 * LIMIT}`;
    const edge = await lab.start(startEdge(sink.url, [], { limits }));
    const duration = `${lab.seconds(5)}s`;
    const warmup = `${lab.seconds(2)}s`;
    const others = () =>
      lab.load(edge.url, {
        'tenant-prefix': 'quiet-',
        tenants: 9,
        series: 9000,
        rate: (9 * LIMIT) / 2,
        warmup,
        duration,
      });
    const noisy = (url: string) =>
      lab.load(url, {
        'tenant-prefix': 'noisy-',
        tenants: 1,
        series: 10_000,
        rate: TIMES * LIMIT,
        warmup,
        duration,
      });

    // In quiet rounds the same noise goes past the edge: generators and sink take the same cores from it then.
    const elsewhere = await lab.start(startSink());
    await Promise.all([others(), noisy(edge.url)]);
    const quietP99: number[] = [];
    const noisyP99: number[] = [];
    const accepted: number[] = [];
    const refused: number[] = [];
    const inQuiet = async () => {
      const [quiet] = await Promise.all([others(), noisy(elsewhere.url)]);
      quietP99.push(quiet.latency.p99);
    };
    const withNoise = async () => {
      const [disturbed, noise] = await Promise.all([others(), noisy(edge.url)]);
      noisyP99.push(disturbed.latency.p99);
      accepted.push((100 * disturbed.totals.accepted) / disturbed.totals.due);
      refused.push((100 * noise.totals.refused) / noise.totals.sent);
    };
    for (let round = 0; round < (lab.smoke ? 1 : ROUNDS); round++) {
      // Each goes first in every other round.
      for (const half of round % 2 === 0 ? [inQuiet, withNoise] : [withNoise, inQuiet]) await half();
      lab.say(
        `  others' p99: ${quietP99.at(-1)?.toFixed(1)} ms in quiet, ${noisyP99.at(-1)?.toFixed(1)} ms with the noise`,
      );
    }
    lab.say(
      `  medians: ${median(quietP99).toFixed(1)} ms in quiet, ${median(noisyP99).toFixed(1)} ms with the noise`,
    );
    // Of each round by itself: its halves are seconds apart, and have the same machine.
    const times = noisyP99.map((p99, round) => p99 / (quietP99[round] ?? p99));
    return [
      atMost("others' p99, of what it is in quiet (median of rounds)", 100 * median(times), 120, ' %'),
      atLeast("others' pushes accepted", Math.min(...accepted), 100, ' %'),
      atLeast('of the noise refused', median(refused), 85, ' %'),
    ];
  },
};
