/**
 * Two edges behind a real nginx, restarted one after the other under load, again and again. RESTART_SECONDS says for how
 * long: npm run test:restart
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { PUSH_500, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { startNginx } from './nginx-folder.js';
import { needs, startEdge } from './processes.js';

const SECONDS = Number(process.env['RESTART_SECONDS'] ?? 5);
const SENDERS = 8;
const LIMITED = 'limited';

t.test('no push is lost or arrives twice while edges come and go, and senders see no error', async (t) => {
  if (!needs(t, 'nginx', ['-v'])) return;
  const { lost, doubled } = await restarts(t, 'SIGTERM');
  t.equal(lost, 0, 'nothing is lost');
  t.equal(doubled, 0, 'nothing arrives twice');
});

t.test('edges are killed outright: no push is lost; none but those in flight may arrive twice', async (t) => {
  if (!needs(t, 'nginx', ['-v'])) return;
  const { lost, doubled, count } = await restarts(t, 'SIGKILL');
  t.equal(lost, 0, 'nothing is lost');
  t.ok(doubled <= count * SENDERS, 'at most what senders had under way at each kill');
});

async function restarts(
  t: Test,
  signal: NodeJS.Signals,
): Promise<{ lost: number; doubled: number; count: number }> {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const overrides = join(t.testdir(), 'overrides.yaml');
  const unlimited = '{ ingestion_rate: 1e9, ingestion_burst_size: 1e9 }';
  const limited = '{ ingestion_rate: 5000, ingestion_burst_size: 1000 }';
  writeFileSync(overrides, `overrides: { a: ${unlimited}, ${LIMITED}: ${limited} }`);
  const flags = [`--upstream.url=${mimir.url}`, `--overrides.file=${overrides}`, '--shutdown.delay=500ms'];
  const ports = [await freePort(), await freePort()];
  const startAt = (port: number) => startEdge(t, [...flags, `--listen.proxy=127.0.0.1:${port}`]);
  const edges = [await startAt(ports[0]!), await startAt(ports[1]!)];
  const nginx = await startNginx(t, join(t.testdirName, 'nginx'), {
    edges: edges.map(({ proxy }) => proxy),
    mimir: mimir.url,
  });

  const answers = new Map<string, number>();
  const accepted = new Set<string>();
  let [sent, attempts, isOver] = [0, 0, false];
  const sender = async (number: number): Promise<void> => {
    const tenant = number === 0 ? LIMITED : 'a';
    for (let n = 0; !isOver; n++) {
      const id = `${number}-${n}`;
      sent++;
      // As a sender with retry_on_http_429 does: it goes on until the push is taken.
      while (!accepted.has(id)) {
        attempts++;
        const outcome = await push(nginx.url, tenant, id);
        answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
        if (outcome.startsWith('200 ')) accepted.add(id);
        else await delay(100);
      }
    }
  };
  const sending = Promise.all(Array.from({ length: SENDERS }, (_, number) => sender(number)));
  let count = 0;
  for (const until = Date.now() + 1000 * SECONDS; count < 2 || Date.now() < until; count++) {
    // As a rollout does: the next one only when nginx has had time to find the last one again.
    await delay(3000);
    const index = count % 2;
    const code = await edges[index]!.stop(signal);
    if (signal === 'SIGTERM') t.equal(code, 0);
    edges[index] = await startAt(ports[index]!);
  }
  isOver = true;
  await sending;

  const times = new Map<string, number>();
  for (const { headers } of mimir.arrived) {
    const id = String(headers['x-push-id']);
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  const lost = [...accepted].filter((id) => !times.has(id)).length;
  const doubled = [...times.values()].filter((count) => count > 1).length;
  const refused = answers.get('429 edge') ?? 0;
  t.comment(
    `${count} times ${signal}: ${sent} pushes sent, ${accepted.size} accepted, ${refused} refused, ` +
      `${attempts - sent} retried, ${lost} lost, ${doubled} doubled; ${JSON.stringify([...answers])}`,
  );
  t.equal(accepted.size, sent);
  t.ok(refused > 0, 'limits hold meanwhile');
  const unexpected = [...answers.keys()].filter(
    (one) => !['200 edge', '200 fallback', '429 edge'].includes(one),
  );
  t.strictSame(unexpected, []);
  return { lost, doubled, count };
}

async function push(url: string, tenant: string, id: string): Promise<string> {
  const answer = await request(`${url}/api/v1/push`, {
    method: 'POST',
    headers: { 'content-encoding': 'snappy', 'x-scope-orgid': tenant, 'x-push-id': id },
    body: PUSH_500,
  });
  await answer.body.dump();
  return `${answer.statusCode} ${answer.headers['x-mimir-edge-way']}`;
}
