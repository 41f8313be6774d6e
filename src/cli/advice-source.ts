/**
 * The data behind advice: a running edge, or a Prometheus and the files with the limits. Both answer the same questions
 * with the answers of the API.
 */
import { adviceView, costsView, reportView, tenantAdviceView } from '../admin/advice-views.js';
import { Problem } from '../admin/problem.js';
import { Query } from '../admin/query.js';
import { openAdvisor } from '../app/open-advisor.js';
import { messageOf } from '../base/message-of.js';
import type { Snapshot } from '../limits/limits.js';
import { buildSnapshot } from '../limits/snapshot.js';
import { readPrometheusHistory } from '../usage/prometheus-history.js';
import {
  defaultsOf,
  documentsOfKind,
  type GivenDocument,
  readDocuments,
  reportFindings,
} from './documents.js';
import { askEdge, EDGE_URL, edgeApi, isHttp } from './edge-api.js';
import { type Io, UsageError } from './io.js';
import { readConfig } from './serve.js';

export const SOURCE_HELP = `Where it is read from:
  --url URL                the admin listener of an edge (default: ${EDGE_URL})
  --token-file FILE        a file with a token, where reading needs one
  --from-prometheus URL    no edge, but a Prometheus or Mimir that has its metrics, or Mimir's own
  --days N                 of history that are asked for (default: 35)
  --header NAME:VALUE      sent to the Prometheus, such as X-Scope-OrgID:ops; may be given again
  --bearer-token-file FILE sent to the Prometheus
  --selector MATCHERS      of its series, such as 'cluster="prod"'
  --overrides FILE         with a Prometheus: the limits in force; may be given again
  --edge-file FILE         with a Prometheus: the limits that only the edge has
  --config FILE            with a Prometheus: the edge's configuration, for policies, prices and default limits
`;

export const SOURCE_OPTIONS = {
  url: { type: 'string' },
  'token-file': { type: 'string' },
  'from-prometheus': { type: 'string' },
  days: { type: 'string', default: '35' },
  header: { type: 'string', multiple: true, default: [] as string[] },
  'bearer-token-file': { type: 'string' },
  selector: { type: 'string' },
  overrides: { type: 'string', multiple: true, default: [] as string[] },
  'edge-file': { type: 'string' },
  config: { type: 'string' },
} as const;

export interface SourceValues {
  readonly url?: string | undefined;
  readonly 'token-file'?: string | undefined;
  readonly 'from-prometheus'?: string | undefined;
  readonly days?: string | undefined;
  readonly header?: readonly string[] | undefined;
  readonly 'bearer-token-file'?: string | undefined;
  readonly selector?: string | undefined;
  readonly overrides?: readonly string[] | undefined;
  readonly 'edge-file'?: string | undefined;
  readonly config?: string | undefined;
}

/** Answers a path of the API, which follows its prefix. */
export type Ask = <T>(path: string) => Promise<T>;

const DAY_MS = 86_400_000;

/** Undefined: the input can not be used, which was reported. */
export async function adviceSource(
  values: SourceValues,
  tenants: readonly string[],
  io: Io,
): Promise<Ask | undefined> {
  if (values['from-prometheus'] !== undefined) {
    if (values.url !== undefined) throw new UsageError('--url and --from-prometheus exclude each other');
    return fromPrometheus(values['from-prometheus'], values, tenants, io);
  }
  const ofPrometheus = ['bearer-token-file', 'selector', 'edge-file', 'config'] as const;
  const needless = ofPrometheus.find((name) => values[name] !== undefined);
  if (needless !== undefined || (values.overrides ?? []).length > 0)
    throw new UsageError(`--${needless ?? 'overrides'} is for --from-prometheus: an edge has its own`);
  const api = edgeApi(values.url ?? EDGE_URL, values['token-file']);
  return (path) => askEdge(api, path);
}

async function fromPrometheus(
  url: string,
  values: SourceValues,
  tenants: readonly string[],
  io: Io,
): Promise<Ask | undefined> {
  if (!isHttp(url)) throw new UsageError('--from-prometheus needs an http:// or https:// URL');
  const days = Number(values.days);
  if (!(days >= 1 && days <= 35)) throw new UsageError('--days is a number from 1 to 35');
  const config = readConfig(values.config, io, {});
  if (config === undefined) return undefined;
  const snapshot = await limitsIn(values, config.defaults, io);
  if (snapshot === undefined) return undefined;
  const nowMs = Date.now();
  const histories = await readPrometheusHistory({
    url,
    headers: headersIn(values.header ?? []),
    fromMs: nowMs - days * DAY_MS,
    toMs: nowMs,
    ...(values['bearer-token-file'] !== undefined && { bearerTokenFile: values['bearer-token-file'] }),
    ...(values.selector !== undefined && { selector: values.selector }),
    ...(tenants.length > 0 && { tenants }),
  }).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  const byTenant = new Map(histories.map((history) => [history.tenant, history]));
  const kept = {
    tenants: async () => [...byTenant.keys()],
    history: async (tenant: string) => byTenant.get(tenant) ?? { tenant, hours: [], days: [] },
  };
  return asApi(openAdvisor(config, kept, () => snapshot));
}

function headersIn(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((one) => {
      const colon = one.indexOf(':');
      if (colon < 1) throw new UsageError(`--header is NAME:VALUE, not ${JSON.stringify(one)}`);
      return [one.slice(0, colon).trim(), one.slice(colon + 1).trim()];
    }),
  );
}

/** Undefined: a document can not be used, which was reported. */
export async function limitsIn(
  { overrides = [], 'edge-file': edgeFile }: SourceValues,
  defaults: Snapshot['defaults'],
  io: Io,
): Promise<Snapshot | undefined> {
  const given: GivenDocument[] = [];
  for (const file of overrides) given.push(...(await readDocuments(file, 'mimir', io)));
  if (edgeFile !== undefined) given.push(...(await readDocuments(edgeFile, 'edge', io)));
  if (given.some(({ document }) => document.errors.length > 0)) {
    reportFindings(given, io);
    return undefined;
  }
  return buildSnapshot({
    defaults: defaultsOf(given, defaults),
    mimir: documentsOfKind(given, 'mimir'),
    edge: documentsOfKind(given, 'edge'),
  });
}

/** The paths of the API about advice. */
function asApi(advisor: ReturnType<typeof openAdvisor>): Ask {
  return async <T>(path: string): Promise<T> => {
    const { pathname, searchParams } = new URL(path, 'http://here/');
    const query = new Query(searchParams);
    const [, what, id] = pathname.split('/');
    try {
      if (what === 'advice' && id !== undefined)
        return (await tenantAdviceView(advisor, decodeURIComponent(id), query)) as T;
      if (what === 'advice') return (await adviceView(advisor, query)) as T;
      if (what === 'report') return (await reportView(advisor, query)) as T;
      return (await costsView(advisor, query)) as T;
    } catch (error) {
      throw error instanceof Problem ? new UsageError(error.message) : error;
    }
  };
}
