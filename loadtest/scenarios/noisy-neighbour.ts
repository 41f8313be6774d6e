/** One tenant sends twenty times what it may. The others, whom a generator of their own measures, see nothing of it. */
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { median } from '../../bench/rounds.js';
import { atLeast, atMost, type Scenario } from '../lab.js';

const ROUNDS = 7;
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
    const duration = `${lab.seconds(8)}s`;
    const others = () =>
      lab.load(edge.url, {
        'tenant-prefix': 'quiet-',
        tenants: 9,
        series: 9000,
        rate: (9 * LIMIT) / 2,
        duration,
      });
    const noisy = (url: string) =>
      lab.load(url, {
        'tenant-prefix': 'noisy-',
        tenants: 1,
        series: 10_000,
        rate: TIMES * LIMIT,
        duration,
      });

    // In quiet rounds the same noise goes past the edge: generators and sink take the same cores from it then.
    const elsewhere = await lab.start(startSink());
    await Promise.all([others(), noisy(edge.url)]);
    const [quietP99, noisyP99, accepted, refused]: number[][] = [[], [], [], []];
    for (let round = 0; round < (lab.smoke ? 1 : ROUNDS); round++) {
      const [quiet] = await Promise.all([others(), noisy(elsewhere.url)]);
      quietP99?.push(quiet.latency.p99);
      const [disturbed, noise] = await Promise.all([others(), noisy(edge.url)]);
      noisyP99?.push(disturbed.latency.p99);
      accepted?.push((100 * disturbed.totals.accepted) / disturbed.totals.due);
      refused?.push((100 * noise.totals.refused) / noise.totals.sent);
      lab.say(
        `  others' p99: ${quietP99?.at(-1)?.toFixed(1)} ms in quiet, ${noisyP99?.at(-1)?.toFixed(1)} ms with the noise`,
      );
    }
    return [
      atMost("others' p99 (median)", median(noisyP99 ?? []), 1.2 * median(quietP99 ?? []), ' ms'),
      atLeast("others' pushes accepted", Math.min(...(accepted ?? [])), 100, ' %'),
      atLeast('of the noise refused', median(refused ?? []), 85, ' %'),
    ];
  },
};
