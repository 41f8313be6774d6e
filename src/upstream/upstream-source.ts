/**
 * How an entry of `upstream.url` says where Mimir is: a URL whose name the system looks up, or with `dns:` or `srv:` before it one
 * whose name DNS servers are asked for. What follows a `#` is the zone that its addresses are in.
 */
import { isIP } from 'node:net';

export interface UpstreamSource {
  /** As it was set. */
  readonly text: string;
  /** `fixed`: its host is an IP address. */
  readonly via: 'fixed' | 'lookup' | 'dns' | 'srv';
  readonly protocol: 'http:' | 'https:';
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** For the Host header. */
  readonly authority: string;
  /** Without a slash at its end. */
  readonly basePath: string;
  /** Empty: nobody said. */
  readonly zone: string;
}

const PREFIX = /^(dns|srv):(?=https?:)/;

/** The setting has been checked: anything else is a bug, and throws. */
export function upstreamSource(text: string): UpstreamSource {
  const via = PREFIX.exec(text)?.[1] as 'dns' | 'srv' | undefined;
  const { protocol, hostname, port, host, pathname, hash } = new URL(text.replace(PREFIX, ''));
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    text,
    via: isIP(bare) !== 0 ? 'fixed' : (via ?? 'lookup'),
    protocol: protocol as UpstreamSource['protocol'],
    host: bare,
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    authority: host,
    basePath: pathname.replace(/\/$/, ''),
    zone: decodeURIComponent(hash.slice(1)),
  };
}
