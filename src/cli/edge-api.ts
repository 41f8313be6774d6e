/** The admin API of a running edge, for commands that show its answers. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../base/message-of.js';
import { asUsage, UsageError } from './io.js';

interface EdgeApi {
  readonly base: string;
  readonly token: string | undefined;
}

export const EDGE_URL = 'http://127.0.0.1:8082';
const TIMEOUT_MS = 60_000;

export function edgeApi(url: string, tokenFile: string | undefined): EdgeApi {
  if (!isHttp(url))
    throw new UsageError(`--url needs an http:// or https:// URL, not ${JSON.stringify(url)}`);
  const token = tokenFile === undefined ? undefined : asUsage(() => readFileSync(tokenFile, 'utf8').trim());
  return { base: url.replace(/\/$/, ''), token };
}

export function isHttp(url: string): boolean {
  return /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '');
}

/** `path` follows the prefix of the API. */
export async function askEdge<T>({ base, token }: EdgeApi, path: string): Promise<T> {
  const response = await fetch(`${base}/api/v1/${path}`, {
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    const { cause } = error as { cause?: { code?: string } };
    const why = cause?.code ?? messageOf(error);
    throw new UsageError(
      `no answer from ${base}: ${why}; is it the address of listen.admin of a running edge?`,
    );
  });
  if (response.ok) return (await response.json()) as T;
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new UsageError(`${base} answers ${response.status}: ${detail ?? response.statusText}`);
}
