/** The sources of overrides as configured. */
import type { Config } from '../config/config.js';
import type { SourceSpec } from '../config/source-spec.js';
import type { DocumentKind } from '../limits/overrides-document.js';
import { FileSource } from '../overrides/file.js';
import { KeptDocuments } from '../overrides/kept-documents.js';
import { accessReader } from '../overrides/kubernetes/access-reader.js';
import { ConfigMapSource } from '../overrides/kubernetes/configmap.js';
import { Overrides, type OverridesListener } from '../overrides/overrides.js';
import { Parser } from '../overrides/parser.js';
import type { Source } from '../overrides/source.js';
import { UrlSource } from '../overrides/url.js';

/** The server ends a watch after this time, which also bounds how long an old token stays in use. */
const WATCH_SECONDS = 300;

interface Wanted {
  readonly kind: DocumentKind;
  readonly spec: SourceSpec;
}

type ConfigMapSpec = Extract<SourceSpec, { type: 'configmap' }>;

export function openOverrides(config: Config, listener: OverridesListener): Overrides {
  const wanted: Wanted[] = [
    ...config['overrides.file'].map((path) => ({ kind: 'mimir' as const, spec: file(path) })),
    ...config['overrides.sources'].map((spec) => ({ kind: 'mimir' as const, spec })),
    ...config['overrides.edge_file'].map((path) => ({ kind: 'edge' as const, spec: file(path) })),
    ...config['overrides.edge_sources'].map((spec) => ({ kind: 'edge' as const, spec })),
  ];
  const folder = config['overrides.keep_in'];
  return new Overrides(
    {
      sources: openSources(wanted, config),
      defaults: config.defaults,
      kept: folder === '' ? undefined : new KeptDocuments(folder, config['overrides.max_bytes']),
      parser: new Parser(),
    },
    listener,
  );
}

function openSources(wanted: readonly Wanted[], config: Config): Source[] {
  const common = {
    pollIntervalMs: config['overrides.poll_interval'],
    requestTimeoutMs: config['overrides.request_timeout'],
    maxBytes: config['overrides.max_bytes'],
    random: Math.random,
  };
  const bearerTokenFile = config['overrides.bearer_token_file'];
  const access = accessReader({ kubeconfig: config['overrides.kubeconfig'], env: process.env });
  return inPairs(wanted).map(([{ kind, spec }, edge]) => {
    if (spec.type === 'file') return new FileSource({ ...common, path: spec.path, kind });
    if (spec.type === 'url') return new UrlSource({ ...common, url: spec.url, kind, bearerTokenFile });
    return new ConfigMapSource({
      ...common,
      access,
      namespace: spec.namespace,
      configMap: spec.name,
      keys: [
        { kind, key: spec.key },
        ...(edge === undefined ? [] : [{ kind: 'edge' as const, key: edge.key }]),
      ],
      silenceMs: config['overrides.watch_silence'],
      watchSeconds: WATCH_SECONDS,
    });
  });
}

/** One watch serves both keys of a ConfigMap, Mimir's and the edge's own. */
function inPairs(wanted: readonly Wanted[]): [Wanted, ConfigMapSpec | undefined][] {
  const pairs: [Wanted, ConfigMapSpec | undefined][] = [];
  for (const one of wanted) {
    const { kind, spec } = one;
    const pair =
      kind === 'edge' && spec.type === 'configmap'
        ? pairs.find(([first, edge]) => edge === undefined && isOfOneMap(first, spec))
        : undefined;
    if (pair === undefined) pairs.push([one, undefined]);
    else pair[1] = spec as ConfigMapSpec;
  }
  return pairs;
}

function isOfOneMap({ kind, spec }: Wanted, other: ConfigMapSpec): boolean {
  return (
    kind === 'mimir' &&
    spec.type === 'configmap' &&
    spec.namespace === other.namespace &&
    spec.name === other.name
  );
}

function file(path: string): SourceSpec {
  return { type: 'file', path };
}
