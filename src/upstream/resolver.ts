/**
 * The addresses of a name, and for how long they are known. Of a name with addresses of both families one family is used: they
 * are the same servers twice. Which one is up to the caller.
 */
import { promises as dns } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { UpstreamSource } from './upstream-source.js';

export interface Endpoint {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

export interface Resolved {
  readonly endpoints: readonly Endpoint[];
  /** Of both families, those of the other one. */
  readonly otherFamily: readonly Endpoint[];
  /** Undefined: whoever was asked does not say. */
  readonly ttlMs: number | undefined;
}

/** Throws when it can not be known now. */
export type Resolve = (source: UpstreamSource) => Promise<Resolved>;

/** A name may not make more connections than this, times those to each address. */
const MOST_ADDRESSES = 256;

export interface SystemResolver {
  readonly resolve: Resolve;
  /** DNS is asked no longer: what it was asked would keep the process. */
  cancel(): void;
}

/** `servers`: those of DNS, host:port; none: the system's. */
export function systemResolver(servers: readonly string[], timeoutMs: number): SystemResolver {
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers.length > 0) resolver.setServers([...servers]);

  const resolve: Resolve = async (source) => {
    const { via, host, port } = source;
    switch (via) {
      case 'fixed':
        return { endpoints: [{ host, port }], otherFamily: [], ttlMs: undefined };
      case 'lookup':
        return byFamily(
          (await lookup(host, { all: true })).map(({ address }) => ({ host: address, port })),
          undefined,
        );
      case 'dns': {
        const { addresses, ttlMs } = await queryName(resolver, host);
        return byFamily(
          addresses.map((address) => ({ host: address, port })),
          ttlMs,
        );
      }
      case 'srv':
        return queryServices(resolver, host);
    }
  };
  return { resolve, cancel: () => resolver.cancel() };
}

async function queryName(
  resolver: dns.Resolver,
  name: string,
): Promise<{ addresses: string[]; ttlMs: number | undefined }> {
  const answers = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length === 0) throw answers.find((answer) => answer.status === 'rejected')?.reason;
  return { addresses: records.map(({ address }) => address), ttlMs: leastTtl(records) };
}

/** Of the targets with the first priority. */
async function queryServices(resolver: dns.Resolver, name: string): Promise<Resolved> {
  const records = await resolver.resolveSrv(name);
  const first = Math.min(...records.map(({ priority }) => priority));
  const targets = records.filter(({ priority }) => priority === first).slice(0, MOST_ADDRESSES);
  const each = await Promise.all(
    targets.map(async (target) => {
      if (isIP(target.name) !== 0) return { port: target.port, addresses: [target.name], ttlMs: undefined };
      return { port: target.port, ...(await queryName(resolver, target.name)) };
    }),
  );
  const ttls = each.flatMap(({ ttlMs }) => ttlMs ?? []);
  return byFamily(
    each.flatMap(({ port, addresses }) => addresses.map((host) => ({ host, port }))),
    ttls.length > 0 ? Math.min(...ttls) : undefined,
  );
}

function leastTtl(records: readonly { readonly ttl: number }[]): number {
  return Math.min(...records.map(({ ttl }) => ttl)) * 1000;
}

/** IPv4 first: it is what is reached where both are there and one is not. */
function byFamily(all: readonly Endpoint[], ttlMs: number | undefined): Resolved {
  const sorted = [...new Map(all.map((endpoint) => [`${endpoint.host} ${endpoint.port}`, endpoint])).values()]
    .sort((a, b) => (a.host < b.host ? -1 : 1))
    .slice(0, MOST_ADDRESSES);
  const four = sorted.filter(({ host }) => isIP(host) === 4);
  const six = sorted.filter(({ host }) => isIP(host) === 6);
  return four.length > 0
    ? { endpoints: four, otherFamily: six, ttlMs }
    : { endpoints: six, otherFamily: [], ttlMs };
}
