/** A source of overrides as written in a setting. */

export type SourceSpec =
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'url'; readonly url: string }
  | {
      readonly type: 'configmap';
      /** Empty: the pod's own, or the kubeconfig's. */
      readonly namespace: string;
      readonly name: string;
      /** Empty: found automatically. */
      readonly key: string;
    };

/** Names as Kubernetes allows them. */
const CONFIGMAP =
  /^configmap:(?:([a-z0-9][-a-z0-9]{0,62})\/)?([a-z0-9][-.a-z0-9]{0,252})(?:#([-._a-zA-Z0-9]{1,253}))?$/;

export function readSourceSpec(text: string): SourceSpec | undefined {
  if (text.startsWith('file:')) return text === 'file:' ? undefined : { type: 'file', path: text.slice(5) };
  const [match, namespace = '', name = '', key = ''] = CONFIGMAP.exec(text) ?? [];
  if (match !== undefined) return { type: 'configmap', namespace, name, key };
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, hash } = new URL(text);
  const plain = username === '' && password === '' && hash === '';
  return plain && (protocol === 'http:' || protocol === 'https:') ? { type: 'url', url: text } : undefined;
}

export function printSourceSpec(spec: SourceSpec): string {
  if (spec.type === 'file') return `file:${spec.path}`;
  if (spec.type === 'url') return spec.url;
  const { namespace, name, key } = spec;
  return `configmap:${namespace === '' ? '' : `${namespace}/`}${name}${key === '' ? '' : `#${key}`}`;
}
