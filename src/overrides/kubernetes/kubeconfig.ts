/** The current context of a kubeconfig. Options that the edge does not support are an error, never ignored. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Access } from './access.js';

type Fields = Readonly<Record<string, unknown>>;

export async function readKubeconfig(path: string): Promise<Access> {
  // Pretty errors quote lines of the file, which contains tokens.
  const config = fields(parse(await readFile(path, 'utf8'), { prettyErrors: false }));
  const current = text(config, 'current-context');
  if (current === undefined) throw new Error(`${path} has no current-context`);
  const context = named(path, config, 'context', current);
  const cluster = named(path, config, 'cluster', text(context, 'cluster') ?? '');
  const user = named(path, config, 'user', text(context, 'user') ?? '');
  const server = text(cluster, 'server');
  if (server === undefined || !URL.canParse(server))
    throw new Error(`${path}: the cluster of ${current} has no server that is a URL`);
  refuseUnsupported(path, cluster, ['proxy-url']);
  refuseUnsupported(path, user, ['exec', 'auth-provider', 'username', 'password', 'as', 'as-groups']);

  const ca = await fileOrData(path, cluster, 'certificate-authority');
  const cert = await fileOrData(path, user, 'client-certificate');
  const key = await fileOrData(path, user, 'client-key');
  const servername = text(cluster, 'tls-server-name');
  const tokenFile = text(user, 'tokenFile');
  return {
    server: server.replace(/\/+$/, ''),
    namespace: text(context, 'namespace') ?? 'default',
    token:
      tokenFile === undefined
        ? text(user, 'token')
        : (await readFile(beside(path, tokenFile), 'utf8')).trim(),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      ...(cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}),
    },
  };
}

/** Kubeconfigs keep lists of { name, cluster }, { name, user } and { name, context }. */
function named(path: string, config: Fields, what: 'context' | 'cluster' | 'user', name: string): Fields {
  const list = config[`${what}s`];
  const found = Array.isArray(list) ? list.map(fields).find((one) => one['name'] === name) : undefined;
  if (found === undefined) throw new Error(`${path} has no ${what} ${name}`);
  return fields(found[what]);
}

function refuseUnsupported(path: string, part: Fields, names: readonly string[]): void {
  for (const name of names) {
    if (part[name] === undefined) continue;
    throw new Error(
      `${path} asks for ${name}, which is not supported: use a token, a tokenFile or a client certificate`,
    );
  }
}

async function fileOrData(path: string, part: Fields, name: string): Promise<string | undefined> {
  const data = text(part, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const file = text(part, name);
  return file === undefined ? undefined : readFile(beside(path, file), 'utf8');
}

function beside(path: string, file: string): string {
  return resolve(dirname(path), file);
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function text(part: Fields, name: string): string | undefined {
  const value = part[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
