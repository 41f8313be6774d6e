/** Mimir goes away and comes back. Senders hear that they should come again, and in the end nothing is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { atLeast, atMost, check, megabytes, type Scenario } from '../lab.js';

const RETRYABLE = ['200', '502', '503', '504'];
const RATE = 100_000;

export const scenario: Scenario = {
  summary: 'the upstream goes away for a third of the run: every push is delivered in the end',
  async run(lab) {
    const sink = await lab.start(startSink());
    const port = Number(new URL(sink.url).port);
    const edge = await lab.start(startEdge(sink.url));
    const seconds = lab.seconds(30);
    await lab.load(edge.url, { rate: RATE, duration: `${lab.seconds(5)}s` });
    const endWatch = lab.watchMemory(edge);
    const before = edge.rssBytes();
    const loading = lab.load(edge.url, {
      rate: RATE,
      duration: `${seconds}s`,
      retry: true,
      'max-in-flight': 20_000,
    });
    await delay((1000 * seconds) / 3);
    await lab.stop(sink);
    await delay((1000 * seconds) / 3);
    await lab.start(startSink(port));
    const { totals, answers, refusal } = await loading;
    lab.say(`  answers: ${JSON.stringify(answers)}, retries: ${totals.retries}`);
    return [
      atLeast('pushes delivered', (100 * totals.accepted) / totals.due, 100, ' %'),
      check(
        'every answer is 200 or tells the sender to come again',
        Object.keys(answers).join(', '),
        Object.keys(answers).every((kind) => RETRYABLE.includes(kind)),
      ),
      atLeast('pushes that saw the outage', refusal.count, 1),
      atMost('p99 of refusals', refusal.p99, 250, ' ms'),
      atMost('memory at its peak', megabytes(Math.max(...endWatch())), 1.5 * megabytes(before), ' MB'),
    ];
  },
};
