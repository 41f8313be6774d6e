import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { freePort } from '../free-port.js';
import { charge, eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';

const required = process.env['REQUIRE_PEERS'] === '1';
const missing: string | false =
  redisMissing ||
  (spawnSync('openssl', ['version']).status === 0 || required ? false : 'openssl is not installed');

/** Names localhost, and is its own CA. */
function makeCertificate(t: Test, cert: string, key: string): void {
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', cert],
  ]);
  t.equal(made.status, 0, 'a certificate');
}

t.test('certificates are read again for each connection', { skip: missing }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  makeCertificate(t, cert, key);
  const tlsPort = await freePort();
  const redis = await RedisServer.start([
    ...['--tls-port', `${tlsPort}`, '--tls-cert-file', cert, '--tls-key-file', key],
    ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'yes'],
  ]);
  t.teardown(() => redis.stop());
  const { client } = await redisClient(t, `rediss://localhost:${tlsPort}`, {
    caFile: cert,
    certFile: cert,
    keyFile: key,
  });
  t.equal(client.status().state, 'up');
  await redis.kill();
  t.ok(await eventually(() => client.status().state === 'degraded'));
  // All three files are others when it comes back.
  makeCertificate(t, cert, key);
  await redis.run();
  t.ok(await eventually(() => client.status().state === 'up'));
  const bucket = client.bucket('tls', 'items', { rate: 0, capacity: 10 }, performance.now());
  t.ok((await charge(bucket, 10)).granted);
});

t.test('TLS: rediss:// with a CA and a client certificate from files', { skip: missing }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  makeCertificate(t, cert, key);
  const tlsPort = await freePort();
  const redis = await RedisServer.start([
    ...['--tls-port', `${tlsPort}`, '--tls-cert-file', cert, '--tls-key-file', key],
    ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'yes'],
  ]);
  t.teardown(() => redis.stop());

  const url = `rediss://localhost:${tlsPort}`;
  const trusted = await redisClient(t, url, { caFile: cert, certFile: cert, keyFile: key });
  t.equal(trusted.client.status().state, 'up');
  const bucket = trusted.client.bucket('tls', 'items', { rate: 0, capacity: 10 }, performance.now());
  t.ok((await charge(bucket, 10)).granted);
  t.notOk((await charge(bucket, 1)).granted);

  const stranger = await redisClient(t, url, { connectTimeoutMs: 300 });
  t.equal(stranger.client.status().state, 'degraded', 'without the CA nothing is trusted');
  t.ok(await eventually(() => stranger.client.status().lastError?.kind === 'connection'));
  t.match(stranger.client.status().lastError?.message, /certificate/);
});
