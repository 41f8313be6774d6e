import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import grpc from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { TlsFiles } from '#src/doors/envoy/grpc/tls-files.js';
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
  t.ok(await eventually(() => served.door.tlsFailures > 0));
  t.equal(await nameOf(served.port), 'localhost', 'what can not be used leaves the one before');

  renew(names);
  t.ok(await eventually(async () => (await nameOf(served.port)) === 'renewed'));
  t.equal((await check(caller).response).status.code, 0, 'the connection of before');
  caller.close();
});

t.test('a certificate that can not be used is said at the start', async (t) => {
  const names = files(t);
  t.throws(() => new TlsFiles({ ...names, cert: '/nowhere' }), { code: 'ENOENT' });
  writeFileSync(names.key, 'no key');
  t.throws(() => new TlsFiles(names));
});
