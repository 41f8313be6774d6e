/** The target of a request line, reduced to the one form that all servers read alike: a path with its query. */

/** A scheme, a host without user or password, and perhaps a port. */
const ABSOLUTE = /^https?:\/\/[A-Za-z0-9._~!$&'()*+,=:[\]%-]+(?=[/?]|$)/i;

/**
 * The target as a path with its query. Undefined for forms that are not used with proxies like this (`*`, `host:port`,
 * other schemes), and for one with a fragment, at which some servers end the path.
 */
export function originForm(target: string): string | undefined {
  if (target.includes('#')) return undefined;
  if (target.startsWith('/')) return target;
  const authority = ABSOLUTE.exec(target)?.[0];
  if (authority === undefined) return undefined;
  const rest = target.slice(authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
