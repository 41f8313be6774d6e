/** The highest rate with a p99 below 10 ms, and whether four fifths of it hold. */
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { findKnee, KNEE_LOAD, P99_BOUND_MS } from '../knee.js';
import { atLeast, atMost, type Scenario } from '../lab.js';

const LEAST_SAMPLES_PER_SECOND = 250_000;

export const scenario: Scenario = {
  summary: 'the highest rate at which everything is accepted with a p99 below 10 ms',
  async run(lab) {
    const sink = await lab.start(startSink());
    const edge = await lab.start(startEdge(sink.url));
    const knee = await findKnee(lab, edge.url);
    const found = atLeast('samples/s at the knee', knee, LEAST_SAMPLES_PER_SECOND);
    if (knee === 0) return [found];
    const { totals, latency } = await lab.load(edge.url, {
      ...KNEE_LOAD,
      rate: 0.8 * knee,
      duration: `${lab.seconds(20)}s`,
    });
    return [
      found,
      atMost('p99 at four fifths of it', latency.p99, P99_BOUND_MS, ' ms'),
      atLeast('pushes accepted there', (100 * totals.accepted) / totals.due, 100, ' %'),
    ];
  },
};
