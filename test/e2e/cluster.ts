/** A cluster, as far as an edge or kubectl can tell. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { FakeApiServer } from '../overrides/fake-api-server.js';

const TLS = new URL('../../../test/data/tls/', import.meta.url).pathname;

/** An API server, and a kubeconfig that leads to it. With TLS, because kubectl sends no token without. */
export async function cluster(t: Test) {
  const server = new FakeApiServer({
    cert: readFileSync(join(TLS, 'server.crt')),
    key: readFileSync(join(TLS, 'server.key')),
  });
  await server.listen();
  t.teardown(() => server.close());
  server.token = 'the-token';
  const folder = t.testdir();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'edge', namespace: 'mimir' } }],
      clusters: [
        { name: 'fake', cluster: { server: server.url, 'certificate-authority': join(TLS, 'ca.crt') } },
      ],
      users: [{ name: 'edge', user: { token: 'the-token' } }],
    }),
  );
  return { server, folder, kubeconfig };
}

export const limits = (burst: number) =>
  `overrides: { a: { ingestion_rate: 0, ingestion_burst_size: ${burst} } }`;
