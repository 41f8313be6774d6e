/**
 * The edge as threads of one process, for a bench. Threads can not share a listening socket, so each has a port of its
 * own: what threads would cost if they could.
 */
import { Worker } from 'node:worker_threads';

const [main = '', upstream = '', config = '', ...ports] = process.argv.slice(2);
for (const port of ports) {
  new Worker(main, {
    argv: [
      'serve',
      `--config=${config}`,
      `--upstream.url=${upstream}`,
      `--listen.proxy=127.0.0.1:${port}`,
      '--listen.admin=127.0.0.1:0',
      '--log.level=error',
    ],
  });
}
