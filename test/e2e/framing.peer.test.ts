/** What the edge takes, nginx and HAProxy read as it does, or refuse: no two proxies in a row see different requests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { edge, eventually, type GivenUpstream, upstream } from '../doors/http/fixtures.js';
import { NEXT, ROWS, type Row } from '../doors/http/framing-rows.js';
import { freePort } from '../free-port.js';
import { needs, start } from './processes.js';

/** A proxy before Mimir. Answers its port. */
type StartJudge = (t: Test, folder: string, mimir: string) => Promise<number>;

const JUDGES: readonly (readonly [name: string, version: string, begin: StartJudge])[] = [
  ['nginx', '-v', startNginx],
  ['haproxy', '-v', startHaproxy],
];

async function startNginx(t: Test, folder: string, mimir: string): Promise<number> {
  const port = await freePort();
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; pid ${join(folder, 'pid')}; error_log stderr crit;
    events {}
    http {
      access_log off; ${temp.join(' ')}
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass ${mimir}; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`,
  );
  start(t, 'nginx', ['-p', folder, '-c', file, '-e', 'stderr']);
  return port;
}

async function startHaproxy(t: Test, folder: string, mimir: string): Promise<number> {
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend all
  bind 127.0.0.1:${port}
  default_backend mimir
backend mimir
  server mimir ${mimir.replace('http://', '')}
`,
  );
  start(t, 'haproxy', ['-db', '-f', file]);
  return port;
}

/** All that comes back until the connection ends or so many answers have begun and the last is whole. */
function talk(port: number, bytes: string, answers: number): Promise<string[]> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const statuses = () =>
      [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => String(status));
    const done = () => {
      socket.destroy();
      resolve(statuses());
    };
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (statuses().length >= answers && received.endsWith('\r\n\r\n')) done();
    });
    socket.on('end', done).on('error', done).on('close', done);
    socket.write(bytes, 'latin1');
  });
}

/** What became of a request and of the one behind it: refused, or the body of the first and whether the second came. */
async function outcome(port: number, mimir: GivenUpstream, { bytes }: Row): Promise<string> {
  mimir.arrived.length = 0;
  const isLast = !bytes.endsWith(NEXT);
  const statuses = await talk(port, bytes, isLast ? 1 : 2);
  const bodies = mimir.arrived.map(({ url, body }) => `${url} ${JSON.stringify(body.toString('latin1'))}`);
  if (statuses[0] !== '200')
    return bodies.length === 0 ? 'refused' : `${statuses[0]}, but ${bodies.join(', ')}`;
  return bodies.join(', ');
}

for (const [name, version, begin] of JUDGES) {
  t.test(`what the edge takes, ${name} reads as it does, or refuses`, async (t) => {
    if (!needs(t, name, [version])) return;
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const folder = t.testdir({});
    mkdirSync(folder, { recursive: true });
    const port = await begin(t, folder, mimir.url);
    t.ok(
      await eventually(async () => (await talk(port, `${NEXT}${NEXT}`, 2)).length === 2),
      `${name} serves`,
    );
    const proxy = await edge(mimir.url);
    t.teardown(() => proxy.stop());
    let taken = 0;
    let same = 0;
    for (const row of ROWS.filter(({ body }) => body !== undefined)) {
      const ours = await outcome(proxy.port, mimir, row);
      const theirs = await outcome(port, mimir, row);
      taken++;
      if (theirs === ours) same++;
      else if (theirs !== 'refused') t.equal(theirs, ours, row.name);
    }
    t.ok(taken > 60, `${taken} are taken`);
    t.ok(same > taken / 2, `${name} takes ${same} of them, too`);
    t.comment(`${name} takes ${same} of ${taken}`);
  });
}
