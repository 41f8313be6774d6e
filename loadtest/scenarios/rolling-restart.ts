/** Two edges behind nginx are restarted, one after the other, under load. No sender sees it. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasNginx, type Peer, startEdge, startNginx, startSink } from '../../bench/peers/processes.js';
import { atLeast, check, type Lab, type Scenario } from '../lab.js';

export const scenario: Scenario = {
  summary: 'two edges behind nginx are restarted under load: every push is accepted',
  missing: () => (hasNginx() ? undefined : 'nginx is not installed'),
  async run(lab) {
    const sink = await lab.start(startSink());
    const edges = [await start(lab, sink), await start(lab, sink)];
    const nginx = await lab.start(startNginx(...edges.map(({ url }) => url)));
    const seconds = lab.seconds(20);
    const loading = lab.load(nginx.url, { rate: 100_000, duration: `${seconds}s` });
    for (const edge of edges) {
      await delay((1000 * seconds) / 5);
      await lab.stop(edge);
      await start(lab, sink, Number(new URL(edge.url).port));
    }
    const { totals, answers, latency } = await loading;
    lab.say(`  p99 ${latency.p99.toFixed(1)} ms, max ${latency.max.toFixed(0)} ms`);
    return [
      atLeast('pushes accepted', (100 * totals.accepted) / totals.due, 100, ' %'),
      check('no answer but 200', JSON.stringify(answers), Object.keys(answers).join() === '200'),
    ];
  },
};

function start(lab: Lab, sink: Peer, port?: number): Promise<Peer> {
  return lab.start(startEdge(sink.url, ['--shutdown.delay=500ms'], port === undefined ? {} : { port }));
}
