/** Commands as processes of their own: what they end with, and how a signal ends them. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../cli/run.js';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { MAIN, start, startEdge } from './processes.js';

function runAlone(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

t.test('the exit code is that of the command, and its words go to the right stream', async (t) => {
  t.match(runAlone('--version'), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' });
  t.match(runAlone('nonsense'), { status: 2, stdout: '', stderr: /there is no command nonsense/ });
});

t.test('top shows the table of a running edge, and says why when it can not', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const config = join(t.testdir(), 'edge.yaml');
  writeFileSync(config, 'limits: { ingestion_rate: 100, ingestion_burst_size: 600 }');
  const edge = await startEdge(t, [`--config=${config}`, `--upstream.url=${mimir.url}`]);
  for (let i = 0; i < 3; i++) await send(edge.proxy);
  const top = (...args: string[]) => run(['top', '--once', ...args]);
  const { status, stdout } = await top(`--url=${edge.admin}/`);
  t.match(stdout, /^mimir-edge \S+, 1 replica, /);
  t.equal(status, 0);
  const lines = stdout.split('\n');
  t.strictSame(
    lines.filter((line) => line.length > 80),
    [],
    'it fits 80 columns',
  );
  const unfolded = stdout.replaceAll(/\n {2}(?! )/g, ' ');
  t.match(unfolded, /1 tenants, .* samples\/s, .* lost, .* pushes\/s refused .*of this machine\)\n/);
  t.match(
    unfolded,
    /\n■ One tenant loses samples. Mimir and the edge are well. Mimir +1 of 1 well: p99 .* Edge +1 replica: .* · p99 [\d.]+\s[µm]?s Tenants +.* samples\/s lost: 1 of 1 tenant .*\n/,
  );
  t.match(
    unfolded,
    /\n\ntenant +lost\/s +samples\/s.*nearest limit\na +[\d.]+(\sk)? +.*% ingestion rate +rate_limited 1\sk samples, 1\sk series, 2 pushes\n/s,
  );
  t.match(await top(`--url=${edge.admin}`, '--sort=beauty'), { status: 2, stderr: /sort is one of/ });
  t.match(await top('--url=nowhere'), { status: 2, stderr: /--url needs/ });
  const readyz = async () => (await fetch(`${edge.admin}/readyz`)).json();
  t.match(await readyz(), { ready: true, upstream: { addresses: [{ address: mimir.url }] } });
  await mimir.close();
  for (let i = 0; i < 3; i++)
    t.equal((await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'b' })).status, 502);
  const failing = (await top(`--url=${edge.admin}`)).stdout.replaceAll('\n  ', ' ');
  t.match(failing, /\n■ Mimir (fails|does not answer)/);
  t.match(failing, /\n[■▲] Mimir at http:\S+ (fails|answers none of) .*Last: unreachable: .*ECONNREFUSED/);
  t.match(await readyz(), { ready: true, upstream: { state: /^(failing|down)$/ } });
  t.match(
    edge.output(),
    /"level":40,.*"msg":"http:\S+ is (failing|down): in the last 10 s .*(ECONNREFUSED|the connection ended)/,
  );
  const gone = `http://127.0.0.1:${await freePort()}`;
  t.match(await top(`--url=${gone}`), {
    status: 1,
    stderr: new RegExp(`^mimir-edge: no answer from ${gone}: ECONNREFUSED; .*\\n$`),
  });
});

t.test(
  'demo runs by itself, refuses the noisy tenant and the broken bodies, and ends with a summary',
  async (t) => {
    const { status, stdout, stderr } = await runAlone('demo', '--seconds', '4');
    t.equal(status, 0, stderr);
    t.match(stdout, /team-noisy .*rate_limited \d+/);
    t.match(stdout, /team-broken .*edge_malformed_body \d+/);
    t.match(stdout, /team-shadow \(shadow\)/);
    const [, received, accepted, refused, arrived] =
      stdout.match(/(\d+) pushes received, (\d+) accepted, (\d+) refused; (\d+) arrived/) ?? [];
    t.equal(Number(received), Number(accepted) + Number(refused));
    t.equal(arrived, accepted, 'what was accepted is what arrived');
    t.ok(Number(refused) > 0);
    t.match(await run(['demo', '--seconds', 'soon']), { status: 2, stderr: /--seconds needs a number/ });
  },
);

t.test('demo ends on Ctrl-C', async (t) => {
  const demo = start(t, process.execPath, [MAIN, 'demo']);
  t.ok(await eventually(() => /overrides.yaml/.test(demo.output()), 60_000), 'it runs');
  t.equal(await demo.stop('SIGINT'), 0);
  t.match(demo.output(), /pushes received/);
});
