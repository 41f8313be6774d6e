/**
 * What a browser may be made to do by a page of somebody else's: nothing. A name that was pointed at this address (DNS
 * rebinding) is refused by its Host header, a request from another site by its Origin. No header allows other sites in.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { Problem } from './problem.js';

const OWN_NAMES = new Set(['localhost']);

/** `names`: those that the page and the API are reached under, besides addresses and localhost. */
export function checkHost(req: IncomingMessage, names: readonly string[]): void {
  const host = req.headers.host ?? '';
  const name = hostname(host);
  if (!isOwn(name, names)) {
    throw new Problem(
      421,
      `this is not served under the name ${JSON.stringify(name)}: add it to admin.hosts if it should be`,
    );
  }
  checkOrigin(req, names);
}

/**
 * Metrics are for machines, which know the edge by a name of their network: none that the world's name servers could give to
 * somebody else's page.
 */
export function checkScraper(req: IncomingMessage, names: readonly string[]): void {
  const { host } = req.headers;
  if (host !== undefined && !isInternal(hostname(host))) checkHost(req, names);
  else checkOrigin(req, names);
}

function checkOrigin(req: IncomingMessage, names: readonly string[]): void {
  const { host, origin } = req.headers;
  if (origin === undefined) return;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  // Behind a proxy the Host may be the edge's own, and the Origin the name that the browser knows.
  if (from === undefined || (from.host !== host && !names.includes(from.hostname))) {
    throw new Problem(403, `requests from ${JSON.stringify(origin)} are refused: it is another site`);
  }
}

function isOwn(name: string, names: readonly string[]): boolean {
  return OWN_NAMES.has(name) || isIP(name) !== 0 || names.includes(name);
}

/** `edge-1`, `edge.monitoring.svc`: not in the public tree of names. */
function isInternal(name: string): boolean {
  return !name.includes('.') || INTERNAL.test(name);
}

const INTERNAL = /\.(svc|local|internal|localhost|home\.arpa)$/;

/** Lower case, without port and brackets. */
function hostname(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
}

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
