/** What a connection to a cluster makes of nodes that come and go while slots are moved. */
import { once } from 'node:events';
import type { Cluster } from 'ioredis';
import t, { type Test } from 'tap';
import { connectRedis } from '#src/shared/redis/connection.js';
import { eventually } from '../contract.js';
import { plainRedis } from '../fixtures.js';
import { type FakeNode, fakeNode } from './fake-cluster.js';

t.setTimeout(20_000);

async function connect(t: Test, node: FakeNode): Promise<Cluster> {
  const options = { ...plainRedis([`redis://127.0.0.1:${node.port}`]), mode: 'cluster' } as const;
  const cluster = connectRedis({ ...options, commandTimeoutMs: 60_000 }) as Cluster;
  cluster.on('error', () => {});
  t.teardown(() => cluster.disconnect());
  const isReady = once(cluster, 'ready');
  await cluster.connect();
  await isReady;
  return cluster;
}

const asksFor = (port: () => number) => () => `-ASK 1 127.0.0.1:${port()}\r\n`;

t.test(
  'what is under way at a node without slots is answered, however often slots are looked at',
  async (t) => {
    let port = 0;
    const from = await fakeNode(
      t,
      asksFor(() => port),
    );
    let answer = () => {};
    const to = await fakeNode(
      t,
      ([name], socket) => {
        if (name !== 'quit') answer = () => void socket.end('+moved\r\n+OK\r\n');
        return undefined;
      },
      from,
    );
    port = to.port;
    const cluster = await connect(t, from);
    const moved = cluster.get('a');
    t.ok(await eventually(() => to.asked.includes('get')));
    await new Promise<void>((resolve) => cluster.refreshSlotsCache(() => resolve()));
    t.ok(await eventually(() => to.asked.includes('quit')), 'its connection is to be closed');
    answer();
    t.equal(await moved, 'moved');
    t.ok(await eventually(() => to.sockets.size === 0), 'and it is');
  },
);

t.test('calls to a node that is being connected to wait for that', async (t) => {
  let port = 0;
  const from = await fakeNode(
    t,
    asksFor(() => port),
  );
  const to = await fakeNode(t, ([, key]) => `+${key}\r\n`, from);
  port = to.port;
  const cluster = await connect(t, from);
  t.strictSame(await Promise.all(['a', 'b', 'c'].map((key) => cluster.get(key))), ['a', 'b', 'c']);
  t.strictSame(
    to.asked.filter((name) => name === 'asking' || name === 'get'),
    ['asking', 'get', 'asking', 'get', 'asking', 'get'],
  );
});

t.test('a node that is gone while ASKING is under way fails the call, and nothing else', async (t) => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  t.teardown(() => process.off('unhandledRejection', note));
  let port = 0;
  const from = await fakeNode(
    t,
    asksFor(() => port),
  );
  const to = await fakeNode(t, () => undefined, from);
  port = to.port;
  const cluster = await connect(t, from);
  // The connection breaks before anything is answered.
  cluster.on('+node', (node) => node.once('ready', () => node.stream.destroy()));
  await t.rejects(cluster.get('a'), { message: 'Connection is closed.' });
  await new Promise(setImmediate);
  t.strictSame(unhandled, []);
});

t.test('a cluster that is not there takes no calls', async (t) => {
  const node = await fakeNode(t, () => '+OK\r\n');
  const cluster = await connect(t, node);
  t.equal(await cluster.get('a'), 'OK');
  cluster.disconnect();
  await t.rejects(cluster.get('a'), { message: /Cluster isn't ready|Connection is closed/ });
});
