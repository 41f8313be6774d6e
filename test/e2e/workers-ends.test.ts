/** How workers and their primary end: by signals, together, one without the other, and before they serve. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { eventually, listen, upstream } from '../doors/http/fixtures.js';
import { MAIN, start } from './processes.js';
import { overrides, readily, readyz, Senders, startWorkers } from './worker-senders.js';

/** One that has ended and that nobody has waited for has no command line any more. */
function alive(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8') !== '';
}

for (const balanced of [true, false]) {
  const name = balanced ? 'whose senders follow its readiness' : 'whose senders do not look';
  t.test(
    `SIGTERM under load, ${name}: all that was accepted arrived, and the whole ends with 0`,
    async (t) => {
      let n = 0;
      const mimir = await upstream((_req, res) => {
        // Some are under way for longer than the delay.
        setTimeout(() => res.end(), n++ % 10 === 0 ? 1500 : 10);
      });
      t.teardown(() => mimir.close());
      const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`, '--shutdown.delay=1s']);
      const { each } = await readyz(edge);
      const senders = new Senders(t, edge, 12);
      senders.run(10);
      await eventually(() => senders.accepted > 50);
      edge.child.kill('SIGTERM');
      await eventually(() => edge.output().includes('stopping'));
      t.equal((await fetch(`${edge.admin}/readyz`)).status, 503);
      if (balanced) await senders.stop();
      t.equal(await edge.exit, 0);
      await senders.stop();
      t.equal(mimir.arrived.length, senders.accepted, 'nothing is lost, and nothing twice');
      // Who connects at the very end finds nobody, and comes again.
      const allowed = ['200', '429', ...(balanced ? [] : ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET'])];
      const others = [...senders.seen.keys()].filter((outcome) => !allowed.includes(outcome));
      t.strictSame(others, [], `seen: ${JSON.stringify([...senders.seen])}`);
      t.notOk(each.some(({ pid }) => alive(pid)));
    },
  );
}

t.test('a primary that is stopped for a while holds up no push, and all is shared again later', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${overrides(t, 'a: { ingestion_rate: 1e6, ingestion_burst_size: 2e6 }')}`,
  ]);
  const senders = new Senders(t, edge, 4);
  await senders.once();
  senders.run(20);
  edge.child.kill('SIGSTOP');
  // Longer than any call to it may take: workers that need nothing from it say nothing of it.
  await delay(3000);
  const before = senders.accepted;
  t.ok(await eventually(() => senders.accepted > before + 100), 'each worker serves its share');
  edge.child.kill('SIGCONT');
  t.ok(
    await readily(edge, ({ each }) => each.length === 2 && each.every(({ ledger }) => ledger.state === 'up')),
  );
  await senders.stop();
  t.strictSame([...senders.seen.keys()], ['200']);
});

t.test('workers whose primary is killed let pushes under way end, and are gone', async (t) => {
  const answers: (() => void)[] = [];
  const mimir = await upstream((_req, res) => {
    answers.push(() => res.end());
  });
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`]);
  const { each } = await readyz(edge);
  const senders = new Senders(t, edge, 6);
  const pushes = senders.once();
  await eventually(() => answers.length === 6);
  edge.child.kill('SIGKILL');
  await edge.exit;
  const orphaned = () => edge.output().split('the primary process is gone').length - 1;
  t.ok(await eventually(() => orphaned() === 2), 'both know');
  for (const answer of answers) answer();
  await pushes;
  t.strictSame([...senders.seen], [['200', 6]]);
  t.ok(await eventually(() => !each.some(({ pid }) => alive(pid)), 30_000), 'no worker is left behind');
});

t.test('a second signal ends the primary and its workers at once', async (t) => {
  const mimir = await upstream(() => {});
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`]);
  const { each } = await readyz(edge);
  const senders = new Senders(t, edge, 2);
  const pushes = senders.once();
  await eventually(() => mimir.arrived.length === 2);
  edge.child.kill('SIGTERM');
  await eventually(() => edge.output().includes('stopping'));
  edge.child.kill('SIGTERM');
  t.equal(await edge.exit, 1);
  t.ok(await eventually(() => !each.some(({ pid }) => alive(pid)), 30_000));
  await pushes;
  t.notOk(senders.seen.has('200'));
});

t.test('workers that can not start end the start, and say why', async (t) => {
  const taken = createServer();
  const { port } = new URL(await listen(taken));
  t.teardown(() => taken.close());
  const edge = start(t, process.execPath, [
    MAIN,
    'serve',
    '--workers=2',
    `--listen.proxy=127.0.0.1:${port}`,
    '--listen.admin=127.0.0.1:0',
    '--upstream.url=http://127.0.0.1:1',
  ]);
  t.equal(await edge.exit, 1);
  t.match(edge.output(), /listen.proxy: can not listen on .*: the address is in use/);
});
