/**
 * Where a request goes, as its first line says: reduced to the one form that all servers read alike, a path with its query.
 */

/** A scheme, a host without user or password, and perhaps a port. */
const ABSOLUTE = /^https?:\/\/[A-Za-z0-9._~!$&'()*+,=:[\]%-]+(?=[/?]|$)/i;

/**
 * The target as a path with its query; undefined for a form that no proxy is asked in (`*`, `host:port`, another scheme), and
 * for one with a fragment, where some servers end the path.
 */
export function originForm(target: string): string | undefined {
  if (target.includes('#')) return undefined;
  if (target.startsWith('/')) return target;
  const authority = ABSOLUTE.exec(target)?.[0];
  if (authority === undefined) return undefined;
  const rest = target.slice(authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
