/** Whoever holds connections to the admin listener, probes are answered, and memory is bounded. */
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { AdminServer } from '#src/admin/admin-server.js';
import { eventually, rawExchange } from '../doors/http/fixtures.js';

interface Given {
  readonly port: number;
  /** Lets the metrics be made that are asked for. */
  readonly make: () => void;
}

/** An admin listener whose metrics are made when the test says so. */
async function admin(t: Test, waits = false): Promise<Given> {
  let make = (): void => {};
  const made = new Promise<void>((resolve) => {
    make = resolve;
  });
  const server = new AdminServer(
    { host: '127.0.0.1', port: 0, names: [], onBug: (error) => t.fail(String(error)) },
    {
      async *metrics() {
        if (waits) await made;
        yield 'metric 1\n';
      },
      readiness: () => ({ ready: true, details: {} }),
      healthy: () => true,
    },
  );
  const { port } = await server.start();
  t.teardown(() => server.stop());
  return { port, make };
}

/** A client that reads nothing; `gone` once the other side has ended it. */
function client(t: Test, port: number, bytes = ''): Promise<Socket & { gone: boolean }> {
  return new Promise((resolve) => {
    const socket = Object.assign(connect(port, '127.0.0.1'), { gone: false });
    t.teardown(() => socket.destroy());
    socket
      .on('error', () => {})
      .on('close', () => {
        socket.gone = true;
      });
    socket.once('connect', () => {
      if (bytes !== '') socket.write(bytes);
      resolve(socket);
    });
  });
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

for (const [what, bytes] of [
  ['say nothing', ''],
  ['do not end their heads', 'GET /metrics HTTP/1.1\r\nHost:'],
] as const) {
  t.test(`connections that ${what} keep no probe out: the oldest makes room`, async (t) => {
    const { port } = await admin(t);
    const all: Awaited<ReturnType<typeof client>>[] = [];
    for (let n = 0; n < 100; n++) all.push(await client(t, port, bytes));
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      t.match(await rawExchange(port, get(path)), /^HTTP\/1\.1 200 /, path);
    }
    for (const one of all) one.resume();
    t.ok(await eventually(() => all.slice(0, 3).every(({ gone }) => gone)), 'the oldest are gone');
  });
}

t.test('requests that are under way keep no probe out, and are not cut for it', async (t) => {
  const { port, make } = await admin(t, true);
  let refused = 0;
  const all: Awaited<ReturnType<typeof client>>[] = [];
  for (let n = 0; n < 90; n++) {
    const one = await client(t, port, get('/metrics'));
    one.on('data', (data) => {
      if (data.toString('latin1').startsWith('HTTP/1.1 503 ')) refused++;
    });
    all.push(one);
  }
  t.ok(await eventually(() => refused === 10));
  for (const path of ['/healthz', '/readyz']) t.match(await rawExchange(port, get(path)), /^HTTP\/1\.1 200 /);
  t.ok(await eventually(() => all.filter(({ gone }) => gone).length === 10), 'those that were refused');
  make();
});
