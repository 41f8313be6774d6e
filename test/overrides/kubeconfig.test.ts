import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { accessReader } from '#src/overrides/kubernetes/access-reader.js';
import { readKubeconfig } from '#src/overrides/kubernetes/kubeconfig.js';

function kubeconfig(folder: string, user: object, cluster: object = {}, context: object = {}): string {
  const path = join(folder, 'config');
  writeFileSync(
    path,
    stringify({
      'current-context': 'here',
      contexts: [
        { name: 'there', context: { cluster: 'none', user: 'none' } },
        { name: 'here', context: { cluster: 'c', user: 'u', ...context } },
      ],
      clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
      users: [{ name: 'u', user }],
    }),
  );
  return path;
}

t.test('the current context says where, as whom and in which namespace', async (t) => {
  const folder = t.testdir({ 'ca.pem': 'CA', token: 'from a file\n' });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  t.strictSame(await readKubeconfig(kubeconfig(folder, { token: 'x' })), {
    server: 'https://10.0.0.1:6443',
    namespace: 'default',
    token: 'x',
    tls: {},
  });
  const path = kubeconfig(
    folder,
    {
      'client-certificate-data': base64('CERT'),
      'client-key-data': base64('KEY'),
      tokenFile: 'token',
    },
    { 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' },
    { namespace: 'mimir' },
  );
  t.strictSame(await readKubeconfig(path), {
    server: 'https://10.0.0.1:6443',
    namespace: 'mimir',
    token: 'from a file',
    tls: { ca: 'CA', cert: 'CERT', key: 'KEY', servername: 'kubernetes' },
  });
  const insecure = kubeconfig(folder, {}, { 'insecure-skip-tls-verify': true });
  t.strictSame((await readKubeconfig(insecure)).tls, { rejectUnauthorized: false });
});

t.test('it is read again each time', async (t) => {
  const folder = t.testdir();
  const access = accessReader({ kubeconfig: kubeconfig(folder, { token: 'one' }), env: {} });
  t.equal((await access()).token, 'one');
  kubeconfig(folder, { token: 'two' });
  t.equal((await access()).token, 'two');
});

t.test('what is not supported, or not there, is said by name', async (t) => {
  const folder = t.testdir();
  for (const name of ['exec', 'auth-provider', 'username', 'as']) {
    const path = kubeconfig(folder, { [name]: { command: 'aws' }, token: 'x' });
    await t.rejects(readKubeconfig(path), {
      message: new RegExp(`asks for ${name}, which is not supported`),
    });
  }
  await t.rejects(readKubeconfig(kubeconfig(folder, {}, { 'proxy-url': 'http://p' })), /proxy-url/);
  await t.rejects(readKubeconfig(kubeconfig(folder, {}, {}, { user: 'x' })), /has no user x/);
  await t.rejects(readKubeconfig(kubeconfig(folder, {}, { server: 'nowhere' })), /no server that is a URL/);
  writeFileSync(join(folder, 'config'), '{}');
  await t.rejects(readKubeconfig(join(folder, 'config')), /no current-context/);
  await t.rejects(readKubeconfig(join(folder, 'none')), /ENOENT/);
});

t.test('no message shows what the file has in it', async (t) => {
  const folder = t.testdir();
  const path = kubeconfig(folder, { token: 'secret-token' });
  writeFileSync(path, `${readFileSync(path, 'utf8')}\n  token: secret-token: [`);
  const error = await readKubeconfig(path).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  t.ok(error);
  t.notMatch(error?.message, /secret-token/);
});

t.test('outside of a cluster, and without a kubeconfig, the setting that is needed is named', async (t) => {
  await t.rejects(accessReader({ kubeconfig: '', env: {} })(), /overrides.kubeconfig is needed/);
});
