/**
 * Where the page is, as the address after `#` says it: the view, a tenant, and what is searched, sorted and filtered. All of
 * it survives a reload and can be sent to somebody.
 */

export const VIEWS = [
  'overview',
  'tenants',
  'changes',
  'senders',
  'advice',
  'trials',
  'upstream',
  'fleet',
] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly view: View;
  /** Of the view `tenants`: one of them. */
  readonly tenant: string | undefined;
  readonly params: URLSearchParams;
}

export function readRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [name = '', ...rest] = path.split('/');
  const view = VIEWS.find((one) => one === name) ?? 'overview';
  const tenant = view === 'tenants' && rest.length > 0 ? decoded(rest.join('/')) : '';
  return { view, tenant: tenant === '' ? undefined : tenant, params: new URLSearchParams(search) };
}

/** Parameters that are empty are left out. */
export function hashOf(view: View, params: Readonly<Record<string, string>> = {}, tenant?: string): string {
  const path = view === 'overview' ? '' : view;
  const given = Object.entries(params).filter(([, value]) => value !== '');
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${path}${tenant === undefined ? '' : `/${encodeURIComponent(tenant)}`}${search}`;
}

export function tenantHash(id: string): string {
  return hashOf('tenants', {}, id);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
