/** Ten minutes at the knee, or as many as `--minutes` says: nothing is lost, and memory does not grow. */

import { startEdge, startSink } from '../../bench/peers/processes.js';
import { median } from '../../bench/rounds.js';
import { findKnee, KNEE_LOAD, NO_KNEE } from '../knee.js';
import { atLeast, atMost, megabytes, type Scenario } from '../lab.js';

export const scenario: Scenario = {
  summary: 'ten minutes at the knee (--minutes N): everything accepted, memory flat',
  async run(lab) {
    const sink = await lab.start(startSink());
    const edge = await lab.start(startEdge(sink.url));
    const knee = await findKnee(lab, edge.url);
    if (knee === 0) return [NO_KNEE];
    const endWatch = lab.watchMemory(edge);
    const { totals, latency } = await lab.load(edge.url, {
      ...KNEE_LOAD,
      rate: knee,
      churn: '2%/min',
      duration: `${lab.seconds(60 * lab.minutes)}s`,
    });
    const memory = endWatch();
    const tenth = (index: number) =>
      median(memory.slice((index * memory.length) / 10, ((index + 1) * memory.length) / 10 + 1));
    lab.say(
      `  memory by tenths of the time: ${Array.from({ length: 10 }, (_, i) => megabytes(tenth(i)).toFixed(0)).join(', ')} MB`,
    );
    lab.say(
      `  p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms, max ${latency.max.toFixed(0)} ms`,
    );
    return [
      atLeast('pushes accepted', (100 * totals.accepted) / totals.due, 99.9, ' %'),
      atMost('memory at the end', megabytes(tenth(9)), 1.1 * megabytes(tenth(2)), ' MB'),
    ];
  },
};
