/** The JSON API: every path in one table, the same as in openapi.json. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readAll } from '../base/read-all.js';
import { MODE } from '../controls/control.js';
import { GUARD_MODE } from '../controls/guard-control.js';
import { adviceView, costsView, reportView, tenantAdviceView } from './advice-views.js';
import type { Edge } from './edge.js';
import { readListing } from './listing.js';
import { overviewView } from './overview.js';
import { Problem } from './problem.js';
import { Query } from './query.js';
import {
  auditView,
  configView,
  limitsView,
  oneTenantView,
  panicView,
  reasonsView,
  refusalsView,
  statusView,
  tenantsView,
} from './reads.js';
import { sendersView } from './senders-view.js';
import { Streams } from './stream.js';
import type { Identity, Tokens } from './tokens.js';
import { curveView, fleetView, usageView } from './usage-reads.js';
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

interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: Query;
  /** From the path, in order. */
  readonly params: readonly string[];
}

interface ReadRoute {
  readonly method: 'GET';
  readonly path: string;
  /** Answers the body, or nothing when it has answered itself. */
  readonly read: (call: Call) => object | undefined | Promise<object | undefined>;
}

interface WriteRoute {
  readonly method: 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  /** For the metric. */
  readonly action: string;
  readonly write: (params: readonly string[], request: WriteRequest) => Promise<object>;
}

type Route = ReadRoute | WriteRoute;

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
    const body = await route.read({ req, res, query, params });
    if (body === undefined) return;
    query.done();
    sendJson(res, 200, body);
  }

  #table(): Route[] {
    const edge = this.#edge;
    const get = (path: string, read: ReadRoute['read']): ReadRoute => ({ method: 'GET', path, read });
    /** What is counted elsewhere is asked for first. */
    const fresh = (path: string, read: ReadRoute['read']): ReadRoute =>
      get(path, async (call) => {
        await edge.refresh();
        return read(call);
      });
    return [
      get('/openapi.json', ({ res }) => {
        res.setHeader('Content-Type', 'application/json').end(OPENAPI);
        return undefined;
      }),
      fresh('/status', () => statusView(edge)),
      fresh('/overview', ({ query }) => overviewView(edge, query)),
      fresh('/tenants', ({ query }) => tenantsView(edge, query)),
      fresh('/tenants/{id}', ({ query, params: [id = ''] }) => oneTenantView(edge, id, query)),
      get('/usage', async ({ res, query }) => {
        const { body, csv } = await usageView(edge, query);
        if (csv === undefined) return body;
        res.setHeader('Content-Type', 'text/csv; charset=utf-8');
        res.setHeader('Content-Disposition', 'attachment; filename="usage.csv"').end(csv);
        return undefined;
      }),
      get('/usage/{id}/curve', ({ query, params: [id = ''] }) => curveView(edge, id, query)),
      get('/fleet', () => fleetView(edge)),
      fresh('/denials', ({ res, query }) => {
        const { refusals, csv } = refusalsView(edge, query);
        return csv === undefined ? { denials: refusals } : sendCsv(res, 'denials.csv', csv);
      }),
      get('/senders', ({ query }) => sendersView(edge, query)),
      get('/limits', ({ query }) => limitsView(edge, query)),
      get('/reasons', () => reasonsView()),
      get('/config', () => configView(edge)),
      get('/advice', ({ query }) => adviceView(edge.advisor, query)),
      get('/advice/{id}', ({ query, params: [id = ''] }) => tenantAdviceView(edge.advisor, id, query)),
      get('/report', ({ query }) => reportView(edge.advisor, query)),
      get('/costs', ({ query }) => costsView(edge.advisor, query)),
      get('/audit', ({ res, query }) => {
        const { entries, csv } = auditView(edge, query);
        return csv === undefined ? { entries } : sendCsv(res, 'changes.csv', csv);
      }),
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
      get('/panic', () => panicView(edge)),
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

/** For a spreadsheet: the browser keeps it as a file. */
function sendCsv(res: ServerResponse, file: string, text: string): undefined {
  res.setHeader('Content-Type', 'text/csv; charset=utf-8');
  res.setHeader('Content-Disposition', `attachment; filename="${file}"`).end(text);
  return undefined;
}

export function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  type = 'application/json',
): void {
  res.writeHead(status, { 'Content-Type': type }).end(`${JSON.stringify(value)}\n`);
}
