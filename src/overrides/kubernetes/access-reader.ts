/**
 * Finds the API server through the pod's service account, or a kubeconfig. Both are read for each request, because tokens
 * and certificates are rotated in place.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Access } from './access.js';
import { readKubeconfig } from './kubeconfig.js';

export type ReadAccess = () => Promise<Access>;

/** Where Kubernetes mounts a pod's own account. */
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

interface AccessOptions {
  /** Empty: the pod's service account. */
  readonly kubeconfig: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the pod's account is mounted; for tests. */
  readonly accountFolder?: string;
}

export function accessReader({ kubeconfig, env, accountFolder }: AccessOptions): ReadAccess {
  if (kubeconfig !== '') return () => readKubeconfig(kubeconfig);
  return () => readPodAccess(env, accountFolder ?? ACCOUNT_FOLDER);
}

async function readPodAccess(env: AccessOptions['env'], folder: string): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host) {
    throw new Error(
      'overrides.kubeconfig is needed outside of a cluster (KUBERNETES_SERVICE_HOST is not set: this is no pod)',
    );
  }
  const read = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const [token, ca, namespace] = await Promise.all([read('token'), read('ca.crt'), read('namespace')]);
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: namespace.trim(),
    token: token.trim(),
    tls: { ca },
  };
}
