/** Files that settings name: said in one line when they are missing, and read again on SIGHUP, which no sender notices. */
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { eventually, listen, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { MAIN, type StartedEdge, startEdge, start as startProcess } from './processes.js';
import { Senders, startWorkers } from './worker-senders.js';

const TLS = new URL('../../../test/data/tls', import.meta.url).pathname;
const [FIRST, SECOND] = ['first-token-0123456789', 'second-token-0123456789'];

const start = (t: Test, workers: number, flags: string[]): Promise<StartedEdge> =>
  workers === 1 ? startEdge(t, flags) : startWorkers(t, workers, flags);

function hangUp(edge: StartedEdge): Promise<boolean> {
  const before = edge.output().split('were read again').length;
  edge.child.kill('SIGHUP');
  return eventually(() => edge.output().split('were read again').length > before);
}

const setMode = (edge: StartedEdge, token: string) =>
  fetch(`${edge.admin}/api/v1/mode`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ mode: 'enforce', ttl: '1h', reason: 'a test' }),
  }).then(({ status }) => status);

for (const workers of [1, 2]) {
  const how = workers === 1 ? 'in one process' : 'with two workers';

  t.test(`overrides, tokens and the log level are read again ${how}, under load`, async (t) => {
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const folder = t.testdir();
    const [config, overrides, tokens] = ['edge.yaml', 'overrides.yaml', 'tokens'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    writeFileSync(config, 'log: { level: info }');
    writeFileSync(overrides, 'overrides: { a: { request_rate: 1e6, request_burst_size: 1e6 } }');
    writeFileSync(tokens, `alice write ${FIRST}\n`);
    const edge = await start(t, workers, [
      `--config=${config}`,
      `--upstream.url=${mimir.url}`,
      `--overrides.file=${overrides}`,
      `--admin.tokens_file=${tokens}`,
    ]);
    const senders = new Senders(t, edge, 4);
    senders.run(20);
    t.ok(await eventually(() => senders.accepted > 10));

    writeFileSync(config, 'log: { level: error }\nmode: shadow');
    writeFileSync(overrides, 'overrides: { a: { request_rate: 2e6, request_burst_size: 1e6 } }');
    writeFileSync(tokens, `alice write ${SECOND}\n`);
    edge.child.kill('SIGHUP');
    const rate = async () => {
      const { tenants } = (await (await fetch(`${edge.admin}/api/v1/limits`)).json()) as {
        tenants: { limits: { request_rate: number } }[];
      };
      return tenants[0]?.limits.request_rate;
    };
    t.ok(await eventually(async () => (await rate()) === 2e6), 'overrides');
    t.ok(await eventually(async () => (await setMode(edge, SECOND)) === 200), 'tokens');
    t.equal(await setMode(edge, FIRST), 401);
    t.notMatch(edge.output(), /set mode of all tenants/, 'information is not logged any more');

    writeFileSync(config, 'log: { level: info }\nmode: shadow');
    t.ok(await hangUp(edge));
    t.equal(await setMode(edge, SECOND), 200);
    const says = (what: RegExp) => eventually(() => what.test(edge.output()));
    t.ok(await says(/"msg":"alice set mode of all tenants to enforce/), 'and then it is again');
    t.ok(await says(/"settings":\["mode"\],"msg":"these settings need a restart/));

    t.match(edge.output(), /"msg":"were read again: the log level, tokens, overrides"/);

    writeFileSync(overrides, 'overrides: { a: { request_rate: many } }');
    writeFileSync(tokens, 'alice write short\n');
    t.ok(await hangUp(edge));
    t.match(
      edge.output(),
      /"read":\["the log level"\],"failed":\["tokens: line 1[^"]*","overrides: .*many.*stays as it was/,
      'what can not be used is named, with why',
    );

    writeFileSync(config, 'log: { levle: info }');
    t.ok(await hangUp(edge));
    t.match(edge.output(), /levle.*the settings can not be used: they stay as they were/);

    const accepted = senders.accepted;
    t.ok(await eventually(() => senders.accepted > accepted + 10), 'pushes go on');
    await senders.stop();
    t.strictSame([...senders.seen.keys()], ['200'], 'and none was cut off or refused');
    t.notMatch(edge.output(), /stopping|has ended/);
    t.equal(await edge.stop(), 0);
  });

  t.test(`the CA of the upstream is read again ${how}`, async (t) => {
    const mimir = createServer(
      { cert: readFileSync(join(TLS, 'server.crt')), key: readFileSync(join(TLS, 'server.key')) },
      (req, res) => req.resume().on('end', () => res.end()),
    );
    const { port } = new URL(await listen(mimir));
    t.teardown(() => mimir.close().closeAllConnections());
    const ca = join(t.testdir(), 'ca.crt');
    copyFileSync(join(TLS, 'renewed.crt'), ca);
    const edge = await start(t, workers, [
      `--upstream.url=https://127.0.0.1:${port}`,
      `--upstream.tls.ca_file=${ca}`,
    ]);
    const before = new Senders(t, edge, 4);
    await before.once();
    t.strictSame([...before.seen.keys()], ['502']);
    writeFileSync(ca, '');
    t.ok(await hangUp(edge));
    t.ok(
      await eventually(() =>
        /upstream.tls.ca_file can not be used: the last good one stays/.test(edge.output()),
      ),
    );
    copyFileSync(join(TLS, 'ca.crt'), ca);
    t.ok(await hangUp(edge));
    t.ok(
      await eventually(async () => {
        const after = new Senders(t, edge, 4);
        await after.once();
        return after.accepted === 4;
      }),
      'whoever connects from now on trusts the new one',
    );
  });
}

for (const workers of [1, 2]) {
  const how = workers === 1 ? 'in one process' : 'with two workers';

  t.test(`the certificate of Envoy's door is read again ${how}, and one that is none is named`, async (t) => {
    const folder = t.testdir();
    const [cert, key] = [join(folder, 'grpc.crt'), join(folder, 'grpc.key')];
    const put = (name: string) => {
      copyFileSync(join(TLS, `${name}.crt`), cert);
      copyFileSync(join(TLS, `${name}.key`), key);
    };
    put('server');
    const port = await freePort();
    const edge = await start(t, workers, [
      '--envoy.enabled=true',
      `--listen.grpc=127.0.0.1:${port}`,
      `--envoy.tls.cert_file=${cert}`,
      `--envoy.tls.key_file=${key}`,
    ]);
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
        socket.once('error', reject);
        socket.once('secureConnect', () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
      });
    const fingerprint = (name: string) =>
      new X509Certificate(readFileSync(join(TLS, `${name}.crt`))).fingerprint256;
    t.equal(await shown(), fingerprint('server'));

    writeFileSync(cert, 'no certificate');
    t.ok(await hangUp(edge));
    t.match(
      edge.output(),
      /"failed":\["certificates and passwords: envoy\.tls\.cert_file: [^"]*no certificate in PEM/,
    );
    t.equal(await shown(), fingerprint('server'), 'the last good one stays');

    put('renewed');
    t.ok(await hangUp(edge));
    t.match(edge.output(), /"msg":"were read again: the log level, certificates and passwords"/);
    t.ok(await eventually(async () => (await shown()) === fingerprint('renewed')));
    t.equal(await edge.stop(), 0);
  });
}

t.test('a file that is missing ends the start in one line, in one process and with workers', async (t) => {
  const missing = join(t.testdir(), 'missing');
  const starts = [
    ['1', 'upstream.tls.ca_file'],
    ['2', 'upstream.tls.ca_file'],
    ['1', 'state.redis.password_file'],
    ['2', 'admin.tokens_file'],
    ['1', 'envoy.tls.cert_file'],
    ['1', 'state.hash_key_file'],
  ] as const;
  const started = starts.map(([workers, setting]) =>
    startProcess(t, process.execPath, [
      MAIN,
      'serve',
      `--workers=${workers}`,
      '--upstream.url=https://localhost:1',
      '--listen.proxy=127.0.0.1:0',
      '--listen.admin=127.0.0.1:0',
      `--${setting}=${missing}`,
      ...(setting === 'envoy.tls.cert_file'
        ? [`--envoy.tls.key_file=${missing}`, '--envoy.enabled=true']
        : []),
    ]),
  );
  for (const [index, { exit, output }] of started.entries()) {
    t.equal(await exit, 1, output());
    t.match(output(), new RegExp(`^mimir-edge: ${starts[index]![1]}: ENOENT[^\\n]*\\n$`));
  }
});
