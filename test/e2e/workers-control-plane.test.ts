/** The one control plane over several workers, as its operators see it: in real processes, with faults. */
import { existsSync, type FSWatcher, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { inTwoWorkers } from '../admin/fixtures.js';
import { eventually } from '../doors/http/fixtures.js';

interface Status {
  readonly overrides: { readonly hash: string; readonly failures: number };
  readonly workers: {
    readonly serving: number;
    readonly restarts: number;
    readonly each: readonly { readonly worker: number; readonly pid: number; readonly limitsHash: string }[];
  };
}

const withRate = (rate: number) => `overrides: { a: { ingestion_rate: ${rate} } }`;

t.test('each change of the overrides is kept once, and right', async (t) => {
  const folder = join(t.testdir(), 'kept');
  const edge = await inTwoWorkers(t, { 'overrides.keep_in': folder }, withRate(1));
  t.ok(await eventually(() => existsSync(folder)));
  const kept = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  t.ok(await eventually(() => kept()[0] === withRate(1)));
  const written: (string | null)[] = [];
  const watcher: FSWatcher = watch(folder, (event, name) => {
    // A file that takes its place, whole; the one that it is written into is another.
    if (event === 'rename' && !name?.endsWith('.new')) written.push(name);
  });
  t.teardown(() => watcher.close());
  const changes = 6;
  for (let rate = 2; rate < 2 + changes; rate++) {
    writeFileSync(edge.overridesFile, withRate(rate));
    t.match(await (await edge.write('POST', 'reload')).json(), { problem: null, workersBehind: [] });
    t.ok(await eventually(() => kept()[0] === withRate(rate)));
    const { overrides, workers } = await edge.json<Status>('status');
    t.strictSame(
      workers.each.map(({ limitsHash }) => limitsHash),
      [overrides.hash, overrides.hash],
      'and in force in both',
    );
  }
  t.ok(await eventually(() => written.length >= changes));
  t.equal(written.length, changes, 'nobody else writes it');
  t.equal(new Set(written).size, 1);
  t.equal(kept().length, 1, 'and nothing is left beside it');
});

t.test('a stream goes on while a worker is killed and replaced, and what it shows is right', async (t) => {
  const edge = await inTwoWorkers(t);
  for (let i = 0; i < 4; i++) t.equal((await edge.push()).status, 200);
  const stop = new AbortController();
  const response = await fetch(`${edge.url}/api/v1/stream?range=5m`, { signal: stop.signal });
  let text = '';
  let ended = false;
  const reading = (async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  })()
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  const events = <T>(name: string): T[] =>
    text
      .split('\n\n')
      .filter((event) => event.startsWith(`event: ${name}\ndata: `) && event.endsWith('}'))
      .map((event) => JSON.parse(event.slice(event.indexOf('{'))));
  const latest = () => events<Status>('status').at(-1)?.workers;
  t.ok(await eventually(() => latest()?.serving === 2));
  const victim = latest()!.each[0]!;
  process.kill(victim.pid, 'SIGKILL');
  t.ok(await eventually(() => latest()?.serving === 2 && latest()?.restarts === 1), 'it is replaced');
  t.not(latest()!.each.find(({ worker }) => worker === victim.worker)?.pid, victim.pid);
  const pushed = () =>
    events<{ tenants: { id: string; pushesPerSecond: number }[]; range: { seconds: number } }>('tenants').map(
      ({ tenants, range }) => Math.round((tenants[0]?.pushesPerSecond ?? 0) * range.seconds),
    );
  const seen = pushed();
  t.ok(
    seen.every((count, i) => count >= (seen[i - 1] ?? 0)),
    `${seen}: what was counted does not fall with the worker`,
  );
  t.equal(seen.at(-1), 4);
  t.equal((await edge.push()).status, 200);
  t.ok(await eventually(() => pushed().at(-1) === 5), 'what comes after it is shown');
  t.notOk(ended, 'over the same connection');
  stop.abort();
  await reading;
});

t.test('a change says which worker is behind, and holds there when it goes on', async (t) => {
  const edge = await inTwoWorkers(t, {}, 'overrides: { a: { ingestion_burst_size: 0 } }');
  const { workers } = await edge.json<Status>('status');
  const { pid, worker } = workers.each[1]!;
  process.kill(pid, 'SIGSTOP');
  t.teardown(() => process.kill(pid, 'SIGCONT'));
  const off = { mode: 'off', ttl: '10m', reason: 'incident' };
  t.match(await (await edge.write('PUT', 'mode', off)).json(), {
    after: 'off',
    workersBehind: [worker],
    note: new RegExp(`worker ${worker} does not answer`),
  });
  process.kill(pid, 'SIGCONT');
  t.match(await (await edge.write('PUT', 'mode', { ...off, reason: 'again' })).json(), { workersBehind: [] });
  for (let i = 0; i < 4; i++) t.equal((await edge.push()).status, 200, 'it is obeyed by whoever answers');
});

t.test('a worker that is replaced in a panic admits no more than the others', async (t) => {
  const edge = await inTwoWorkers(t);
  t.equal((await edge.push()).status, 200);
  const panic = { factor: 0, ttl: '10m', reason: 'Mimir is full' };
  t.match(await (await edge.write('PUT', 'panic', panic)).json(), { after: 0, workersBehind: [] });
  for (let i = 0; i < 4; i++) t.equal((await edge.push()).status, 503);
  const { workers } = await edge.json<Status>('status');
  process.kill(workers.each[0]!.pid, 'SIGKILL');
  t.ok(
    await eventually(async () => {
      const { serving, restarts } = (await edge.json<Status>('status')).workers;
      return serving === 2 && restarts === 1;
    }),
  );
  for (let i = 0; i < 4; i++) t.equal((await edge.push()).status, 503, 'from the first push on');
  t.equal((await edge.write('DELETE', 'panic')).status, 200);
  for (let i = 0; i < 4; i++) t.equal((await edge.push()).status, 200);
});
