/** The JSON API: every path in one table, the same as in openapi.json. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readAll } from '../base/read-all.js';
import { MODE } from '../controls/control.js';
import { GUARD_MODE } from '../controls/guard-control.js';
import type { Answer } from '../shared/fleet-messages.js';
import { adviceView, costsView, reportView, tenantAdviceView } from './advice-views.js';
import { auditView } from './audit-view.js';
import { CsvFile } from './csv.js';
import { denialsView } from './denials.js';
import type { Edge } from './edge.js';
import { readListing } from './listing.js';
import { overviewView } from './overview.js';
import { Problem } from './problem.js';
import { Query } from './query.js';
import {
  configView,
  limitsView,
  oneTenantView,
  panicView,
  reasonsView,
  statusView,
  tenantsView,
} from './reads.js';
import { replicasView } from './replicas-view.js';
import { otherReplica, readOf, THIS } from './scope.js';
import { sendersView } from './senders-view.js';
import { Streams } from './stream.js';
import type { Identity, Tokens } from './tokens.js';
import { topMetricsView } from './top-metrics-view.js';
import { adviceScope, curveView, fleetView, usageView } from './usage-reads.js';
import {
  endPanic,
  reload,
  setGuardMode,
  setLimit,
  setMode,
  setPanic,
  takeBack,
  type WriteRequest,
} from './writes.js';

export const PREFIX = '/api/v1';
const OPENAPI = readFileSync(new URL('openapi.json', import.meta.url));
const MAX_BODY_BYTES = 16 * 1024;

export interface ApiOptions {
  readonly tokens: Tokens;
  readonly reads: 'open' | 'token';
  /** Called for every write: what came of it. */
  readonly wrote: (action: string, status: number) => void;
}

interface Reading {
  readonly query: Query;
  /** From the path, in order. */
  readonly params: readonly string[];
}

interface Call extends Reading {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

interface ReadRoute {
  readonly method: 'GET';
  readonly path: string;
  /** Answers the body, or nothing when it has answered itself. */
  readonly read: (call: Call) => object | undefined | Promise<object | undefined>;
}

/** A read that can be of one replica: other replicas may ask for it. */
interface ReplicaRoute {
  readonly method: 'GET';
  readonly path: string;
  /** `whole`: what the replica that is named answers is the answer. `part`: the read asks it itself. */
  readonly asks: 'whole' | 'part';
  readonly view: (reading: Reading) => Promise<object>;
}

interface WriteRoute {
  readonly method: 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  /** For the metric. */
  readonly action: string;
  readonly write: (params: readonly string[], request: WriteRequest) => Promise<object>;
}

type Route = ReadRoute | ReplicaRoute | WriteRoute;

export class Api {
  readonly #edge: Edge;
  readonly #options: ApiOptions;
  readonly #streams: Streams;
  readonly #routes: readonly (Route & { readonly pattern: RegExp })[];

  constructor(edge: Edge, options: ApiOptions) {
    this.#edge = edge;
    this.#options = options;
    this.#streams = new Streams(edge);
    this.#routes = this.#table().map((route) => ({ ...route, pattern: patternOf(route.path) }));
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** As method and path, for the test that holds them against openapi.json. */
  get routes(): string[] {
    return this.#routes.map(({ method, path }) => `${method} ${path}`);
  }

  stop(): void {
    this.#streams.stop();
  }

  /** `path` begins after the prefix. Throws a Problem. */
  async handle(req: IncomingMessage, res: ServerResponse, path: string, search: string): Promise<void> {
    const here = this.#routes.filter(({ pattern }) => pattern.test(path));
    if (here.length === 0)
      throw new Problem(404, `there is no such path; ${PREFIX}/openapi.json has them all`);
    const method = req.method === 'HEAD' ? 'GET' : req.method;
    const route = here.find((one) => one.method === method);
    if (route === undefined) {
      const allow = here.map((one) => one.method).join(', ');
      throw new Problem(405, `here are ${allow}`, { Allow: allow });
    }
    const params = (route.pattern.exec(path) ?? []).slice(1).map(decodeParam);
    const query = new Query(new URLSearchParams(search));
    if (route.method !== 'GET') {
      await this.#write(req, res, route, params, query);
      return;
    }
    this.#mayRead(req);
    let body: object | undefined;
    if ('view' in route) {
      body = (await this.#readElsewhere(route, path, search)) ?? (await route.view({ query, params }));
    } else {
      body = await route.read({ req, res, query, params });
      if (body === undefined) return;
      query.done();
    }
    if (body instanceof CsvFile) sendCsv(res, body);
    else sendJson(res, 200, body);
  }

  /** What this replica alone answers to another one. */
  async answer(target: string): Promise<Answer> {
    try {
      return { status: 200, body: { ...(await this.#viewOf(target)) }, isCut: false };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { status: error.status, body: { ...error.document() }, isCut: false };
    }
  }

  async #viewOf(target: string): Promise<object> {
    const { pathname: path, searchParams } = new URL(target, 'http://edge');
    const route = this.#routes.find(({ pattern }) => pattern.test(path));
    const isOfOne = searchParams.get('replica') === THIS && !searchParams.has('format');
    if (route === undefined || !('view' in route) || !isOfOne)
      throw new Problem(400, 'this is not to be asked of a replica');
    const params = (route.pattern.exec(path) ?? []).slice(1).map(decodeParam);
    return route.view({ query: new Query(searchParams), params });
  }

  /** Undefined: it is to be read here. */
  async #readElsewhere({ asks }: ReplicaRoute, path: string, search: string): Promise<object | undefined> {
    const params = new URLSearchParams(search);
    const name = params.get('replica');
    if (asks !== 'whole' || name === null) return undefined;
    const other = otherReplica(this.#edge, name);
    if (other === undefined) return undefined;
    params.set('replica', THIS);
    return readOf(this.#edge, other, `${path}?${params}`);
  }

  #table(): Route[] {
    const edge = this.#edge;
    const get = (path: string, read: ReadRoute['read']): ReadRoute => ({ method: 'GET', path, read });
    const ofReplica = (
      path: string,
      asks: ReplicaRoute['asks'],
      view: ReplicaRoute['view'],
    ): ReplicaRoute => ({ method: 'GET', path, asks, view });
    /** What is counted elsewhere is asked for first. */
    const fresh: typeof ofReplica = (path, asks, view) =>
      ofReplica(path, asks, async (reading) => {
        await edge.refresh();
        return view(reading);
      });
    const advice = (path: string, view: (reading: Reading) => Promise<object>): ReadRoute =>
      get(path, async (reading) => {
        const body = await view(reading);
        return { scope: await adviceScope(edge, body), ...body };
      });
    return [
      get('/openapi.json', ({ res }) => {
        res.setHeader('Content-Type', 'application/json').end(OPENAPI);
        return undefined;
      }),
      fresh('/status', 'whole', ({ query }) => statusView(edge, query)),
      fresh('/overview', 'whole', ({ query }) => overviewView(edge, query)),
      fresh('/replicas', 'part', ({ query }) => replicasView(edge, query)),
      fresh('/tenants', 'whole', async ({ query }) => tenantsView(edge, query)),
      fresh('/tenants/{id}', 'whole', ({ query, params: [id = ''] }) => oneTenantView(edge, id, query)),
      ofReplica('/tenants/{id}/metrics', 'part', ({ query, params: [id = ''] }) =>
        topMetricsView(edge, id, query),
      ),
      ofReplica('/usage', 'part', ({ query }) => usageView(edge, query)),
      ofReplica('/usage/{id}/curve', 'whole', ({ query, params: [id = ''] }) => curveView(edge, id, query)),
      ofReplica('/fleet', 'whole', ({ query }) => fleetView(edge, query)),
      fresh('/denials', 'part', ({ query }) => denialsView(edge, query)),
      ofReplica('/senders', 'part', ({ query }) => sendersView(edge, query)),
      ofReplica('/limits', 'whole', ({ query }) => limitsView(edge, query)),
      get('/reasons', () => reasonsView()),
      ofReplica('/config', 'whole', async ({ query }) => configView(edge, query)),
      advice('/advice', ({ query }) => adviceView(edge.advisor, query)),
      advice('/advice/{id}', ({ query, params: [id = ''] }) => tenantAdviceView(edge.advisor, id, query)),
      advice('/report', ({ query }) => reportView(edge.advisor, query)),
      advice('/costs', ({ query }) => costsView(edge.advisor, query)),
      ofReplica('/audit', 'part', ({ query }) => auditView(edge, query)),
      get('/stream', ({ req, res, query }) => {
        const listing = readListing(query);
        query.done();
        this.#streams.open(res, listing, () => this.#isAllowed(req));
        return undefined;
      }),
      {
        method: 'PUT',
        path: '/mode',
        action: 'mode',
        write: (_, request) => setMode(edge, undefined, request),
      },
      {
        method: 'DELETE',
        path: '/mode',
        action: 'mode',
        write: (_, request) => takeBack(edge, undefined, MODE, request),
      },
      {
        method: 'PUT',
        path: '/tenants/{id}/mode',
        action: 'tenant_mode',
        write: ([id = ''], request) => setMode(edge, id, request),
      },
      {
        method: 'DELETE',
        path: '/tenants/{id}/mode',
        action: 'tenant_mode',
        write: ([id = ''], request) => takeBack(edge, id, MODE, request),
      },
      {
        method: 'PUT',
        path: '/tenants/{id}/limits/{name}',
        action: 'tenant_limit',
        write: ([id = '', name = ''], request) => setLimit(edge, id, name, request),
      },
      {
        method: 'DELETE',
        path: '/tenants/{id}/limits/{name}',
        action: 'tenant_limit',
        write: ([id = '', name = ''], request) => takeBack(edge, id, name, request),
      },
      ofReplica('/panic', 'whole', async ({ query }) => panicView(edge, query)),
      { method: 'PUT', path: '/panic', action: 'panic', write: (_, request) => setPanic(edge, request) },
      { method: 'DELETE', path: '/panic', action: 'panic', write: (_, request) => endPanic(edge, request) },
      { method: 'PUT', path: '/guard', action: 'guard', write: (_, request) => setGuardMode(edge, request) },
      {
        method: 'DELETE',
        path: '/guard',
        action: 'guard',
        write: (_, request) => takeBack(edge, undefined, GUARD_MODE, request),
      },
      { method: 'POST', path: '/reload', action: 'reload', write: (_, request) => reload(edge, request) },
    ];
  }

  async #write(
    req: IncomingMessage,
    res: ServerResponse,
    route: WriteRoute,
    params: readonly string[],
    query: Query,
  ): Promise<void> {
    try {
      query.done();
      const who = this.#mayWrite(req).name;
      const body = await readBody(req);
      await this.#edge.refresh();
      sendJson(res, 200, await route.write(params, { who, body }));
      this.#options.wrote(route.action, 200);
    } catch (error) {
      this.#options.wrote(route.action, error instanceof Problem ? error.status : 500);
      throw error;
    }
  }

  #isAllowed(req: IncomingMessage): boolean {
    return this.#options.reads === 'open' || this.#identify(req) !== undefined;
  }

  #mayRead(req: IncomingMessage): void {
    if (!this.#isAllowed(req)) throw new Problem(401, 'reads need a token here (admin.reads)', CHALLENGE);
  }

  #mayWrite(req: IncomingMessage): Identity {
    if (!this.#options.tokens.configured) {
      throw new Problem(
        403,
        'writes are off: write a line "NAME write TOKEN" into a file, set admin.tokens_file to its path, and restart',
      );
    }
    const identity = this.#identify(req);
    if (identity === undefined) throw new Problem(401, 'writes need a token that may write', CHALLENGE);
    if (!identity.mayWrite) throw new Problem(403, `the token ${identity.name} may read only`);
    return identity;
  }

  /** Undefined: no token, or none that is known. */
  #identify(req: IncomingMessage): Identity | undefined {
    const [, text] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
    return text === undefined ? undefined : this.#options.tokens.find(text, this.#edge.now());
  }
}

const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="mimir-edge"' };

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]{1,450})').replaceAll('.', '\\.')}$`);
}

function decodeParam(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem(400, 'the path is not encoded as it should be');
  }
}

/** A JSON object, or nothing at all. */
async function readBody(req: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await readAll(req, MAX_BODY_BYTES);
  if (bytes === undefined) throw new Problem(413, `a body has at most ${MAX_BODY_BYTES} bytes`);
  if (bytes.length === 0) return {};
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) {
    throw new Problem(415, 'a body is application/json');
  }
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Problem(400, 'the body is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem(400, 'the body is not a JSON object');
  }
  return body as Record<string, unknown>;
}

/** The browser keeps it as a file. */
function sendCsv(res: ServerResponse, { name, text }: CsvFile): void {
  res.setHeader('Content-Type', 'text/csv; charset=utf-8');
  res.setHeader('Content-Disposition', `attachment; filename="${name}"`).end(text);
}

export function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  type = 'application/json',
): void {
  res.writeHead(status, { 'Content-Type': type }).end(`${JSON.stringify(value)}\n`);
}
