import { X509Certificate } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import grpc from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { exportEnvoyDoor } from '#src/doors/envoy/envoy-metrics.js';
import { TlsFiles } from '#src/doors/envoy/grpc/tls-files.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped } from '../../telemetry/scraped.js';
import { eventually } from '../http/fixtures.js';
import { check, client, door, type GivenDoorOptions } from './fixtures.js';

const data = new URL('../../../../test/data/tls/', import.meta.url).pathname;
const read = (name: string) => readFileSync(join(data, name));

/** Copies of the test's certificate, key and CA, which may be replaced. */
function files(t: Test): { cert: string; key: string; clientCa: string } {
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(data, folder, { recursive: true });
  return {
    cert: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
    clientCa: join(folder, 'ca.crt'),
  };
}

function renew({ cert, key }: { cert: string; key: string }): void {
  writeFileSync(cert, read('renewed.crt'));
  writeFileSync(key, read('renewed.key'));
}

async function serve(t: Test, tls: GivenDoorOptions['door']) {
  const served = await door({ door: tls ?? {} });
  t.teardown(() => served.stop());
  return served;
}

/** The name in the certificate that a new connection gets. */
function nameOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', reject).once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

t.test('with a client CA only clients with its certificates are served', async (t) => {
  const served = await serve(t, { tls: new TlsFiles(files(t)) });
  const known = client(
    served.port,
    grpc.credentials.createSsl(read('ca.crt'), read('server.key'), read('server.crt')),
  );
  t.equal((await check(known).response).status.code, 0);
  const stranger = client(served.port, grpc.credentials.createSsl(read('ca.crt')));
  await t.rejects(check(stranger).response, { code: grpc.status.UNAVAILABLE });
  const plain = client(served.port);
  await t.rejects(check(plain).response, { code: grpc.status.UNAVAILABLE });
  t.equal(served.outcomes.length, 1);
  for (const one of [known, stranger, plain]) one.close();
});

t.test('without a client CA nobody has to show one', async (t) => {
  const served = await serve(t, { tls: new TlsFiles({ ...files(t), clientCa: undefined }) });
  const caller = client(served.port, grpc.credentials.createSsl(read('ca.crt')));
  t.equal((await check(caller).response).status.code, 0);
  caller.close();
});

t.test('a renewed certificate is served to new connections, and old ones go on', async (t) => {
  const names = { ...files(t), clientCa: undefined };
  const served = await serve(t, { tls: new TlsFiles(names) });
  const caller = client(served.port, grpc.credentials.createSsl(read('ca.crt')));
  t.equal((await check(caller).response).status.code, 0);
  t.equal(await nameOf(served.port), 'localhost');

  writeFileSync(names.cert, 'half a certif');
  const metrics = new Metrics();
  exportEnvoyDoor(metrics, served.door);
  const failures = async () =>
    (await scraped(metrics)).get('mimir_edge_grpc_certificate_failures_total') ?? 0;
  t.ok(await eventually(async () => (await failures()) > 0));
  t.equal(await nameOf(served.port), 'localhost', 'what can not be used leaves the one before');

  renew(names);
  t.ok(await eventually(async () => (await nameOf(served.port)) === 'renewed'));
  t.equal((await check(caller).response).status.code, 0, 'the connection of before');
  caller.close();
});

t.test('a client CA file that holds no certificate leaves the one before in force', async (t) => {
  const names = files(t);
  const served = await serve(t, { tls: new TlsFiles(names) });
  const stranger = () => client(served.port, grpc.credentials.createSsl(read('ca.crt')));
  const whole = read('ca.crt').toString();
  const damaged = whole.replace(/(?<=-\n)[^\n]+/, (line) => 'A'.repeat(line.length));
  for (const content of ['', '\n', 'no PEM', read('server.key').toString(), damaged, `${whole}${damaged}`]) {
    const before = served.door.tlsFailures;
    writeFileSync(names.clientCa, content);
    t.ok(await eventually(() => served.door.tlsFailures > before));
    const caller = stranger();
    await t.rejects(check(caller).response, { code: grpc.status.UNAVAILABLE }, 'nobody comes in without');
    caller.close();
  }
  const known = client(
    served.port,
    grpc.credentials.createSsl(read('ca.crt'), read('server.key'), read('server.crt')),
  );
  t.equal((await check(known).response).status.code, 0, 'nor is anybody locked out');
  known.close();
  for (const content of ['', 'no PEM']) {
    writeFileSync(names.clientCa, content);
    t.throws(() => new TlsFiles(names), /client_ca_file .* has no certificate/);
  }
});

t.test('a certificate that is not valid today is not taken', async (t) => {
  const names = { ...files(t), clientCa: undefined };
  let today = Date.now();
  const tls = new TlsFiles(names, () => today);
  const warnings: unknown[] = [];
  let renewals = 0;
  const { validTo, validFrom } = new X509Certificate(read('renewed.crt'));
  today = Date.parse(validTo) + 1000;
  tls.watch(
    5,
    () => renewals++,
    (error) => warnings.push(error),
  );
  renew(names);
  t.ok(await eventually(() => warnings.length > 0));
  t.match(String(warnings[0]), /expired on /);
  t.match(String(tls.context.cert), read('server.crt').toString());
  today = Date.parse(validFrom) - 1000;
  t.ok(await eventually(() => /not valid before /.test(String(warnings.at(-1)))));
  t.equal(renewals, 0);
  today = Date.parse(validFrom) + 1000;
  t.ok(await eventually(() => renewals === 1), 'it is taken once it is valid');
  t.match(String(tls.context.cert), read('renewed.crt').toString());
  await tls.close();
});

t.test('who does not speak TLS, or nothing within it, is cut off in time', async (t) => {
  const served = await serve(t, {
    headerTimeoutMs: 300,
    maxConnections: 2,
    tls: new TlsFiles({ ...files(t), clientCa: undefined }),
  });
  const speechless = connectTcp(served.port, '127.0.0.1').resume();
  const options = { port: served.port, host: '127.0.0.1', rejectUnauthorized: false };
  const within = connect({ ...options, ALPNProtocols: ['h2'] }).on('error', () => {});
  const both = [speechless.on('error', () => {}), within.resume()];
  t.ok(await eventually(() => served.door.connections === 2), 'they count before they have spoken');
  const third = connectTcp(served.port, '127.0.0.1')
    .on('error', () => {})
    .resume();
  t.ok(await eventually(() => third.closed));
  t.ok(await eventually(() => both.every(({ closed }) => closed)));
  t.equal(served.door.connections, 0);
  const caller = client(served.port, grpc.credentials.createSsl(read('ca.crt')));
  t.equal((await check(caller).response).status.code, 0);
  caller.close();
});

t.test('a certificate that can not be used is said at the start', async (t) => {
  const names = files(t);
  t.throws(() => new TlsFiles({ ...names, cert: '/nowhere' }), { code: 'ENOENT' });
  writeFileSync(names.key, 'no key');
  t.throws(() => new TlsFiles(names));
});
